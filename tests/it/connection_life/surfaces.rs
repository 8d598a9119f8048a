//! What is said about a connection: its history, and three surfaces that agree.

use integration_tests::{TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use crate::credential_life::kit::{Life, assert_outcome, in_hours};

on_both_engines!(
    history_tells_each_change_and_the_run_that_found_it,
    all_surfaces_agree_at_each_station,
    what_was_verified_long_ago_counts_as_unknown,
);

async fn history_tells_each_change_and_the_run_that_found_it(database: TestDatabase) {
    let life = Life::begin(database).await;
    let path = format!("/connections/{}/history", life.home.connection);
    assert_eq!(life.get(&path).await.body["items"], json!([]));
    let contoso = &life.app.contoso;
    let (control, tenant, client) = (life.control(), contoso.tenant_id, contoso.client_id);
    assert!(control.set_client_secret(tenant, client, "another-one"));
    let refused = life.run("provider.connection.check").await;
    assert_outcome(&refused, "failed", Some("provider_credential_invalid"));
    let again = life.run("provider.connection.check").await;
    assert_outcome(&again, "failed", Some("provider_credential_invalid"));
    assert!(control.set_client_secret(tenant, client, &contoso.secret));
    let good = life.run("provider.connection.check").await;
    assert_outcome(&good, "succeeded", None);
    life.changed(Method::PUT, "/credential", Some(&life.secret("a-new-one")))
        .await;

    let page = life.get(&path).await.body;
    let items = page["items"].as_array().expect("a page");
    let told = |axis: &str| -> Vec<[Value; 4]> {
        let of_axis = items.iter().rev().filter(|item| item["axis"] == axis);
        of_axis
            .map(|item| ["from_state", "to_state", "reason_code", "run_id"].map(|key| item[key].clone()))
            .collect()
    };
    assert_eq!(
        told("verification"),
        [
            [
                json!("unknown"),
                json!("blocked"),
                json!("provider_credential_invalid"),
                refused["id"].clone()
            ],
            [
                json!("blocked"),
                json!("healthy"),
                json!(null),
                good["id"].clone()
            ],
            [json!("healthy"), json!("unknown"), json!(null), json!(null)],
        ],
        "the second failure changed nothing: {page}"
    );
    assert_eq!(
        told("consent"),
        [[
            json!("unknown"),
            json!("granted"),
            json!(null),
            good["id"].clone()
        ]],
        "{page}"
    );
    let (mut paged, mut tail) = (Vec::new(), format!("{path}?limit=1"));
    for _ in 0..items.len() {
        let page = life.get(&tail).await.body;
        paged.extend(page["items"].as_array().expect("a page").clone());
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        tail = format!("{path}?limit=1&cursor={cursor}");
    }
    assert_eq!(&paged, items, "entry by entry it is the same");
    life.end().await;
}

/// The list, the connection, the summary and the identity say the same; this is what.
async fn agreed(life: &Life) -> (String, Value, Value) {
    let view = life.view().await.body;
    let own = format!("/connections/{}", life.home.connection);
    let summary = life.get(&format!("{own}/surface-summary")).await.body;
    let identity = life.get(&format!("{own}/identity-resolution")).await.body;
    let list = life.get("/connections").await.body;
    for other in [&summary, &identity, &list["items"][0]] {
        assert_eq!(other["target_scope"], view["target_scope"]);
    }
    assert_eq!(list["items"][0]["summary"], view["summary"]);
    for key in ["readiness", "reason_code", "next_step"] {
        assert_eq!(summary[key], view["summary"][key], "{key}: {summary} {view}");
    }
    assert_eq!(summary["credential_state"], view["credential"]["state"]);
    for axis in ["consent", "verification"] {
        assert_eq!(summary[format!("{axis}_state")], view["axes"][axis]["state"]);
    }
    assert_eq!(
        identity["effective_client_identity"],
        view["effective_client_identity"]
    );
    assert_eq!(identity["provider_context"], view["provider_context"]);
    if identity["blocked_reason"].is_null() {
        assert_eq!(identity["next_step"], Value::Null, "{identity}");
    } else {
        assert_eq!(identity["blocked_reason"], view["summary"]["reason_code"]);
        assert_eq!(identity["next_step"], view["summary"]["next_step"]);
    }
    let operations = summary["operations"].as_array().expect("operations");
    assert_eq!(operations.len(), 3, "one for each type: {summary}");
    let readiness = view["summary"]["readiness"].as_str().expect("a word").to_owned();
    (
        readiness,
        view["summary"]["reason_code"].clone(),
        view["summary"]["next_step"]["kind"].clone(),
    )
}

async fn all_surfaces_agree_at_each_station(database: TestDatabase) {
    let life = Life::begin(database).await;
    let said = |readiness: &str, reason: Value, step: Value| (readiness.to_owned(), reason, step);
    assert_eq!(
        agreed(&life).await,
        said("unknown", json!(null), json!("run_check")),
        "never verified is not healthy"
    );
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    assert_eq!(agreed(&life).await, said("ready", json!(null), json!(null)));

    life.tamper(&format!(
        "UPDATE provider_credentials SET expires_at = {}",
        in_hours(-1)
    ))
    .await;
    assert_eq!(
        agreed(&life).await,
        said(
            "blocked",
            json!("provider_credential_expired"),
            json!("replace_credential")
        )
    );
    life.changed(Method::DELETE, "/credential", None).await;
    assert_eq!(
        agreed(&life).await,
        said(
            "blocked",
            json!("provider_credential_missing"),
            json!("replace_credential")
        )
    );
    let secret = life.secret("not-the-secret");
    life.changed(Method::PUT, "/credential", Some(&secret)).await;
    life.run("provider.connection.check").await;
    assert_eq!(
        agreed(&life).await,
        said(
            "blocked",
            json!("provider_credential_invalid"),
            json!("replace_credential")
        ),
        "consent granted and verification blocked stand side by side"
    );
    assert_eq!(life.view().await.body["axes"]["consent"]["state"], "granted");
    life.changed(Method::POST, "/disable", None).await;
    assert_eq!(
        agreed(&life).await,
        said(
            "blocked",
            json!("provider_connection_disabled"),
            json!("enable_connection")
        )
    );
    life.changed(Method::POST, "/enable", None).await;
    let body = json!({ "connection_type": "platform", "scope_identifier": life.app.contoso.tenant_id });
    life.changed(Method::PUT, "/identity", Some(&body)).await;
    assert_eq!(
        agreed(&life).await,
        said(
            "blocked",
            json!("provider_consent_missing"),
            json!("grant_consent")
        )
    );
    // Somebody left a consent page: now a look is what is missing.
    let hint = format!(
        "UPDATE provider_connections SET consent_hint_at = {}, consent_hint_client = '{}'",
        in_hours(0),
        life.app.platform.client_id
    );
    life.tamper(&hint).await;
    assert_eq!(
        agreed(&life).await,
        said("blocked", json!("provider_consent_missing"), json!("run_check"))
    );
    life.end().await;
}

async fn what_was_verified_long_ago_counts_as_unknown(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let fresh = life.view().await.body;
    assert_eq!(
        (
            &fresh["axes"]["verification"]["stale"],
            &fresh["summary"]["readiness"]
        ),
        (&json!(false), &json!("ready")),
        "{fresh}"
    );
    life.tamper("UPDATE provider_connections SET verification_checked_at = 1000000")
        .await;
    let view = life.view().await.body;
    let verification = &view["axes"]["verification"];
    assert_eq!(
        (&verification["state"], &verification["stale"]),
        (&json!("healthy"), &json!(true)),
        "the fact stays, and how old it is is said: {view}"
    );
    assert_eq!(
        agreed(&life).await,
        (
            "unknown".to_owned(),
            json!("provider_verification_stale"),
            json!("run_check")
        )
    );
    for (filter, found) in [
        ("readiness=ready", 0),
        ("readiness=unknown", 1),
        ("reason_code=provider_verification_stale", 1),
        ("verification=healthy", 1),
    ] {
        let page = life.get(&format!("/connections?{filter}")).await.body;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(found), "{filter}");
    }
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    assert_eq!(agreed(&life).await.0, "ready");
    life.end().await;
}
