//! A stored credential goes nowhere with its connection (G03): another identity takes another
//! credential, and the old one is gone.

use integration_tests::{TestDatabase, on_both_engines};
use kernel::{IdSource as _, SystemIds};
use reqwest::Method;
use serde_json::json;

use super::kit::{Life, Untouched, assert_outcome};

on_both_engines!(
    g03_another_identity_without_another_credential_is_refused,
    g03_another_identity_takes_its_own_credential_and_the_old_one_is_gone,
);

async fn g03_another_identity_without_another_credential_is_refused(database: TestDatabase) {
    let life = Life::begin(database).await;
    let platform = life
        .connect(json!({ "connection_type": "platform", "scope_identifier": life.app.fabrikam.tenant_id }))
        .await;
    assert_eq!(platform.status, 201, "{}", platform.body);
    let platform = platform.text("/id").to_owned();
    let (contoso, fabrikam) = (life.app.contoso.tenant_id, life.app.fabrikam.tenant_id);
    let untouched = Untouched::since(&life).await;
    let own = &life.home.connection;
    for (connection, body) in [
        (
            own,
            json!({ "connection_type": "dedicated", "scope_identifier": SystemIds.next_uuid() }),
        ),
        (
            own,
            json!({
                "connection_type": "dedicated", "scope_identifier": contoso,
                "provider_context": { "cloud": "usgov-l4" },
            }),
        ),
        (
            &platform,
            json!({ "connection_type": "dedicated", "scope_identifier": fabrikam }),
        ),
    ] {
        let refused = life
            .change_of(connection, Method::PUT, "/identity", Some(&body))
            .await;
        Untouched::answered(
            &refused,
            (422, "credential_required"),
            ("/credential", "credential_required"),
            &[],
        );
    }
    // A client has no way in but with a credential of its own.
    let other = json!({
        "connection_type": "dedicated", "scope_identifier": contoso,
        "credential": { "kind": "client_secret", "client_identifier": SystemIds.next_uuid() },
    });
    let refused = life.change(Method::PUT, "/identity", Some(&other)).await;
    Untouched::answered(
        &refused,
        (422, "invalid_value"),
        ("/credential/secret", "required"),
        &[],
    );
    let beside = json!({
        "connection_type": "dedicated", "scope_identifier": contoso, "client_identifier": SystemIds.next_uuid(),
    });
    let refused = life.change(Method::PUT, "/identity", Some(&beside)).await;
    assert_eq!((refused.status, refused.text("/code")), (422, "unknown_field"));
    untouched.ends(&life).await;
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    life.end().await;
}

async fn g03_another_identity_takes_its_own_credential_and_the_old_one_is_gone(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    life.changed(Method::PUT, "/credential/next", Some(&life.secret("another-one")))
        .await;
    assert_eq!(life.number("SELECT count(*) FROM provider_credentials").await, 2);
    let fabrikam = &life.app.fabrikam;
    let body = json!({
        "connection_type": "dedicated", "scope_identifier": fabrikam.tenant_id,
        "credential": {
            "kind": "client_secret", "client_identifier": fabrikam.client_id, "secret": fabrikam.secret,
        },
    });
    let put = life.changed(Method::PUT, "/identity", Some(&body)).await;
    assert_eq!(
        (&put["credential"]["version"], &put["next_credential"]),
        (&json!(3), &json!(null)),
        "{put}"
    );
    assert_eq!(put["target_scope"]["scope_identifier"], json!(fabrikam.tenant_id));
    for axis in ["consent", "verification"] {
        assert_eq!(put["axes"][axis]["state"], "unknown", "{put}");
    }
    assert_eq!(
        put["requirements"],
        json!([]),
        "what a client was granted is forgotten"
    );
    assert_eq!(
        life.number("SELECT count(*) FROM provider_credentials WHERE version < 3")
            .await,
        0,
        "the old ciphertexts are gone"
    );
    life.control().clear_calls();
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let calls = life.control().calls();
    assert!(
        !calls.is_empty() && calls.iter().all(|call| call.tenant == Some(fabrikam.tenant_id)),
        "{calls:?}"
    );
    life.end().await;
}
