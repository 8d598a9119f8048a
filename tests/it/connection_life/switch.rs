//! Switching off and on: facts stay, work does not begin.

use integration_tests::{TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::json;

use crate::credential_life::kit::{Life, assert_outcome};

on_both_engines!(
    a_disabled_connection_keeps_its_facts_and_starts_nothing,
    a_run_that_waits_is_blocked_when_its_connection_is_disabled,
);

async fn a_disabled_connection_keeps_its_facts_and_starts_nothing(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let before = life.view().await;
    let path = |word: &str| format!("/connections/{}/{word}", life.home.connection);
    let stale = life
        .send(Method::POST, &path("disable"), &[("if-match", "\"other\"")], None)
        .await;
    assert_eq!((stale.status, stale.text("/code")), (412, "precondition_failed"));
    let off = life.send(Method::POST, &path("disable"), &[], None).await;
    assert_eq!(
        (off.status, &off.body["is_enabled"]),
        (200, &json!(false)),
        "{}",
        off.body
    );
    assert_ne!(off.header("etag"), before.header("etag"));
    for part in ["axes", "credential", "requirements", "is_default", "tags"] {
        assert_eq!(off.body[part], before.body[part], "{part} stays");
    }
    assert_eq!(off.text("/summary/readiness"), "blocked");
    assert_eq!(off.text("/summary/reason_code"), "provider_connection_disabled");
    assert_eq!(off.text("/summary/next_step/kind"), "enable_connection");
    let again = life.send(Method::POST, &path("disable"), &[], None).await;
    assert_eq!((again.status, &again.body), (200, &off.body), "nothing to do");
    assert_eq!(again.header("etag"), off.header("etag"));
    assert_eq!(life.events("connection.disabled").await.len(), 1);

    let calls = life.control().calls().len();
    for operation in ["provider.connection.check", "inventory.sync"] {
        let blocked = life.start_on(&life.home.connection, operation, json!({})).await;
        assert_eq!(
            (
                blocked.status,
                blocked.text("/code"),
                blocked.text("/reason_code")
            ),
            (422, "operation_blocked", "provider_connection_disabled"),
            "{}",
            blocked.body
        );
        assert_eq!(blocked.text("/run/outcome"), "blocked");
        assert_eq!(blocked.text("/next_steps/0/kind"), "enable_connection");
    }
    assert_eq!(life.app.drain().await, 0);
    assert_eq!(life.control().calls().len(), calls, "nobody called the provider");

    let on = life.send(Method::POST, &path("enable"), &[], None).await;
    assert_eq!(
        (on.status, on.body["version"].as_i64()),
        (200, Some(before.body["version"].as_i64().expect("a number") + 2))
    );
    for part in ["axes", "credential", "summary", "is_enabled"] {
        assert_eq!(on.body[part], before.body[part], "{part} is as before");
    }
    let again = life.send(Method::POST, &path("enable"), &[], None).await;
    assert_eq!(again.body, on.body, "nothing to do");
    assert_eq!(life.events("connection.enabled").await.len(), 1);
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    life.end().await;
}

async fn a_run_that_waits_is_blocked_when_its_connection_is_disabled(database: TestDatabase) {
    let life = Life::begin(database).await;
    let queued = life.home.start(&life.owner, "inventory.sync").await;
    assert_eq!(queued.text("/disposition"), "accepted", "{}", queued.body);
    let off = life.change(Method::POST, "/disable", None).await;
    assert_eq!(off.status, 200, "{}", off.body);
    let waiting = life.home.run(&life.owner, queued.text("/run/id")).await;
    assert_eq!(waiting.text("/status"), "queued", "the second gate decides");
    assert_eq!(life.app.drain().await, 1);
    let run = life.ended(queued.text("/run/id")).await;
    assert_outcome(&run, "blocked", Some("provider_connection_disabled"));
    assert!(life.control().calls().is_empty(), "nobody called the provider");
    // Enabling does not make it healthy, and does not revive the run.
    let on = life.change(Method::POST, "/enable", None).await;
    assert_eq!(on.text("/summary/readiness"), "unknown", "{}", on.body);
    assert_eq!(life.app.drain().await, 0);
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    life.end().await;
}
