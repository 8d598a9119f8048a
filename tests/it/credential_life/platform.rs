//! I10: a platform connection never uses a dedicated credential, and a dedicated one never falls
//! back to the platform's.

use integration_tests::{TestDatabase, on_both_engines};
use microsoft_simulator::AppState;
use serde_json::json;

use super::kit::{Life, assert_outcome, in_hours};

on_both_engines!(
    i10_a_leftover_credential_of_a_platform_connection_is_never_used,
    i10_a_dedicated_connection_never_falls_back_to_the_platform_s_client,
);

/// As if the platform's client had been brought in through this connection.
fn agreed(life: &Life) -> String {
    format!(
        "consent_state = 'granted', consent_hint_at = {}, consent_hint_client = '{}'",
        in_hours(0),
        life.app.platform.client_id
    )
}

async fn i10_a_leftover_credential_of_a_platform_connection_is_never_used(database: TestDatabase) {
    let life = Life::begin(database).await;
    let contoso = &life.app.contoso;
    let (control, tenant) = (life.control(), contoso.tenant_id);
    assert!(control.consent(tenant, life.app.platform.client_id));
    // The row that is left over fits the connection in all but its type: it could be opened.
    let sql = format!(
        "UPDATE provider_connections SET connection_type = 'platform', {}",
        agreed(&life)
    );
    assert_eq!(life.tamper(&sql).await, 1);
    assert_eq!(life.number("SELECT count(*) FROM provider_credentials").await, 1);
    let view = life.view().await.body;
    let identity = &view["effective_client_identity"];
    assert_eq!(
        (&identity["client_identifier"], &identity["credential_source"]),
        (&json!(life.app.platform.client_id), &json!("platform_config")),
        "{view}"
    );
    assert_eq!(
        view["credential"]["version"],
        json!(null),
        "it is not the one in use: {view}"
    );

    // Of the two clients only the platform's is let in.
    assert!(control.set_app_state(tenant, contoso.client_id, AppState::Absent));
    for operation in ["provider.connection.check", "inventory.sync"] {
        assert_outcome(&life.run(operation).await, "succeeded", None);
    }
    assert!(life.tokens() > 0);
    // And now only the one whose secret is left over.
    assert!(control.set_app_state(tenant, contoso.client_id, AppState::Consented));
    assert!(control.revoke_consent(tenant, life.app.platform.client_id));
    control.expire_tokens();
    let refused = life.run("inventory.sync").await;
    assert_eq!(refused["outcome"], "failed", "{refused}");
    assert_eq!(refused["reason_code"], "provider_consent_missing", "{refused}");
    life.end().await;
}

async fn i10_a_dedicated_connection_never_falls_back_to_the_platform_s_client(database: TestDatabase) {
    let life = Life::begin(database).await;
    let tenant = life.app.contoso.tenant_id;
    // The platform's client would be let in, and consent is even noted.
    assert!(life.control().consent(tenant, life.app.platform.client_id));
    let queued = life
        .start_on(&life.home.connection, "inventory.sync", json!({}))
        .await;
    assert_eq!(queued.status, 202, "{}", queued.body);
    life.tamper(&format!("UPDATE provider_connections SET {}", agreed(&life)))
        .await;
    assert_eq!(life.tamper("DELETE FROM provider_credentials").await, 1);
    assert_eq!(life.app.drain().await, 1);
    let run = life.ended(queued.text("/run/id")).await;
    assert_outcome(&run, "blocked", Some("provider_credential_missing"));
    for operation in [
        "provider.connection.check",
        "inventory.sync",
        "compliance.snapshot",
    ] {
        let blocked = life.start_on(&life.home.connection, operation, json!({})).await;
        assert_eq!(
            (blocked.status, blocked.text("/reason_code")),
            (422, "provider_credential_missing"),
            "{}",
            blocked.body
        );
    }
    assert_eq!(life.app.drain().await, 0);
    let view = life.view().await.body;
    assert_eq!(
        view["effective_client_identity"]["credential_source"],
        "dedicated_credential"
    );
    assert_eq!(view["summary"]["reason_code"], "provider_credential_missing");
    assert!(life.control().calls().is_empty(), "nobody called the provider");
    life.end().await;
}
