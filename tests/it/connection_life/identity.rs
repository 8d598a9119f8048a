//! Another identity for a connection: only while nothing runs, all or nothing, and with nothing
//! left of the one before.

use integration_tests::{TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use crate::credential_life::kit::{Life, Untouched, assert_outcome};

on_both_engines!(
    a_connection_that_is_busy_keeps_its_identity,
    the_same_identity_changes_nothing,
    a_connection_changes_between_platform_and_dedicated,
    what_was_seen_at_another_target_is_gone,
);

fn dedicated(customer: &integration_tests::Customer) -> Value {
    json!({
        "connection_type": "dedicated", "scope_identifier": customer.tenant_id,
        "credential": {
            "kind": "client_secret", "client_identifier": customer.client_id, "secret": customer.secret,
        },
    })
}

async fn a_connection_that_is_busy_keeps_its_identity(database: TestDatabase) {
    let life = Life::begin(database).await;
    let queued = life.home.start(&life.owner, "inventory.sync").await;
    let untouched = Untouched::since(&life).await;
    let body = dedicated(&life.app.fabrikam);
    let busy = life.change(Method::PUT, "/identity", Some(&body)).await;
    Untouched::answered(
        &busy,
        (409, "connection_busy"),
        ("", ""),
        &[&life.app.fabrikam.secret],
    );
    assert_eq!(busy.text("/active_run/id"), queued.text("/run/id"));
    assert_eq!(busy.body["retryable"], true);
    assert!(busy.header("retry-after").is_some());
    assert!(
        busy.header("link")
            .is_some_and(|link| link.contains(queued.text("/run/id")) && link.contains("blocked-by"))
    );
    let path = format!("/connections/{}/identity", life.home.connection);
    let blind = life.send(Method::PUT, &path, &[], Some(&body)).await;
    Untouched::answered(&blind, (428, "precondition_required"), ("", ""), &[]);
    untouched.ends(&life).await;
    assert_eq!(life.app.drain().await, 1);
    assert_outcome(&life.ended(queued.text("/run/id")).await, "succeeded", None);
    let put = life.changed(Method::PUT, "/identity", Some(&body)).await;
    assert_eq!(
        put["target_scope"]["scope_identifier"],
        json!(life.app.fabrikam.tenant_id)
    );
    life.end().await;
}

async fn the_same_identity_changes_nothing(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let fabrikam = life
        .connect(json!({ "scope_identifier": life.app.fabrikam.tenant_id }))
        .await;
    let before = life.view().await;
    let untouched = Untouched::since(&life).await;
    let target = life.app.contoso.tenant_id.to_string().to_uppercase();
    for body in [
        json!({ "connection_type": "dedicated", "scope_identifier": target }),
        json!({
            "connection_type": "dedicated", "scope_identifier": target,
            "provider_context": { "cloud": "global" }, "scope_display_name": "A connection",
        }),
    ] {
        let same = life.change(Method::PUT, "/identity", Some(&body)).await;
        assert_eq!((same.status, &same.body), (200, &before.body));
        assert_eq!(same.header("etag"), before.header("etag"));
    }
    let held = life
        .change(Method::PUT, "/identity", Some(&dedicated(&life.app.fabrikam)))
        .await;
    Untouched::answered(&held, (409, "duplicate_connection"), ("", ""), &[]);
    assert_eq!(held.text("/connection_id"), fabrikam.text("/id"));
    let misplaced = json!({
        "connection_type": "platform", "scope_identifier": target,
        "credential": { "kind": "client_secret", "secret": "not-taken" },
    });
    Untouched::answered(
        &life.change(Method::PUT, "/identity", Some(&misplaced)).await,
        (422, "credential_not_allowed"),
        ("/credential", "credential_not_allowed"),
        &["not-taken"],
    );
    untouched.ends(&life).await;
    let renamed = json!({
        "connection_type": "dedicated", "scope_identifier": target, "scope_display_name": "Contoso Ltd",
    });
    let renamed = life.changed(Method::PUT, "/identity", Some(&renamed)).await;
    assert_eq!(renamed["target_scope"]["scope_display_name"], "Contoso Ltd");
    for part in ["axes", "credential", "requirements"] {
        assert_eq!(renamed[part], before.body[part], "a name is no identity: {part}");
    }
    life.end().await;
}

async fn a_connection_changes_between_platform_and_dedicated(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    let items = "SELECT count(*) FROM inventory_items";
    let seen = life.number(items).await;
    assert!(seen > 0);
    let contoso = &life.app.contoso;
    let body = json!({ "connection_type": "platform", "scope_identifier": contoso.tenant_id });
    let platform = life.changed(Method::PUT, "/identity", Some(&body)).await;
    assert_eq!(life.number("SELECT count(*) FROM provider_credentials").await, 0);
    assert_eq!(life.number(items).await, seen, "it is the same target");
    let identity = &platform["effective_client_identity"];
    assert_eq!(
        (&identity["client_identifier"], &identity["credential_source"]),
        (&json!(life.app.platform.client_id), &json!("platform_config")),
        "{platform}"
    );
    assert_eq!(platform["axes"]["consent"]["state"], "required");
    assert_eq!(platform["summary"]["reason_code"], "provider_consent_missing");
    let secret = life.secret(&contoso.secret);
    let not_taken = life.change(Method::PUT, "/credential", Some(&secret)).await;
    assert_eq!(
        (not_taken.status, not_taken.text("/code")),
        (422, "credential_not_allowed")
    );
    let back = life
        .changed(Method::PUT, "/identity", Some(&dedicated(contoso)))
        .await;
    assert_eq!(back["credential"]["version"], 2, "{back}");
    assert_eq!(back["axes"]["consent"]["state"], "unknown");
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let events = life.events("connection.retargeted").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["metadata"]["old_connection_type"], "platform");
    assert_eq!(events[0]["metadata"]["target_changed"], false);
    life.end().await;
}

async fn what_was_seen_at_another_target_is_gone(database: TestDatabase) {
    let life = Life::begin(database).await;
    for operation in ["inventory.sync", "compliance.snapshot"] {
        assert_outcome(&life.run(operation).await, "succeeded", None);
    }
    let version = life.view().await.body["version"].as_i64().expect("a number");
    let body = dedicated(&life.app.fabrikam);
    let put = life.changed(Method::PUT, "/identity", Some(&body)).await;
    assert_eq!(put["version"], version + 1);
    assert_eq!(
        put["target_scope"]["scope_display_name"], "A connection",
        "the name of the old target says nothing about the new one"
    );
    for tail in ["/inventory/items", "/compliance-snapshots"] {
        let page = life.get(tail).await.body;
        assert_eq!(page["items"], json!([]), "{tail}");
    }
    let runs = life.get("/operation-runs").await.body;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(2), "runs stay");
    assert_eq!(
        runs["items"][0]["context"]["target_scope"]["scope_identifier"],
        json!(life.app.contoso.tenant_id),
        "and tell where they were: {}",
        runs["items"][0]
    );
    life.end().await;
}
