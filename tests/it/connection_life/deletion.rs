//! Deletion: what goes, what stays, and when it is refused.

use integration_tests::{TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::json;

use crate::credential_life::kit::{Life, Untouched, assert_outcome};

on_both_engines!(
    a_default_goes_last_and_its_target_is_free_again,
    runs_and_snapshots_outlive_their_connection,
    a_waiting_run_ends_with_its_connection,
);

async fn a_default_goes_last_and_its_target_is_free_again(database: TestDatabase) {
    let life = Life::begin(database).await;
    let target = life.app.fabrikam.tenant_id;
    let body = json!({ "scope_identifier": target, "tags": { "tier": "gold" } });
    let second = life.connect(body.clone()).await.text("/id").to_owned();
    let own = format!("/connections/{}", life.home.connection);
    let untouched = Untouched::since(&life).await;
    let refused = life.send(Method::DELETE, &own, &[], None).await;
    Untouched::answered(&refused, (409, "default_connection_required"), ("", ""), &[]);
    let other = format!("/connections/{second}");
    let stale = life
        .send(Method::DELETE, &other, &[("if-match", "\"other\"")], None)
        .await;
    Untouched::answered(&stale, (412, "precondition_failed"), ("", ""), &[]);
    untouched.ends(&life).await;

    let gone = life.change_of(&second, Method::DELETE, "", None).await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    assert_eq!(
        gone.body,
        json!({ "deleted_connection_id": second, "ended_run": null, "was_default": false })
    );
    for tail in ["", "/surface-summary", "/identity-resolution", "/history"] {
        assert_eq!(life.get(&format!("{other}{tail}")).await.status, 404, "{tail}");
    }
    let again = life.send(Method::DELETE, &other, &[], None).await;
    assert_eq!((again.status, again.text("/code")), (404, "not_found"));
    assert_eq!(life.number("SELECT count(*) FROM connection_tags").await, 0);
    let anew = life.connect(body).await;
    assert_eq!(anew.status, 201, "the target is free: {}", anew.body);
    assert_ne!(anew.text("/id"), second);

    // The last two: the other one must become the default before.
    let promoted = life
        .change_of(anew.text("/id"), Method::POST, "/make-default", None)
        .await;
    assert_eq!(promoted.status, 200, "{}", promoted.body);
    let gone = life.send(Method::DELETE, &own, &[], None).await;
    assert_eq!((gone.status, &gone.body["was_default"]), (200, &json!(false)));
    assert_eq!(life.number("SELECT count(*) FROM provider_credentials").await, 0);
    let last = format!("/connections/{}", anew.text("/id"));
    let gone = life.send(Method::DELETE, &last, &[], None).await;
    assert_eq!((gone.status, &gone.body["was_default"]), (200, &json!(true)));
    assert_eq!(life.events("connection.deleted").await.len(), 3);
    let blocked = life.home.start(&life.owner, "inventory.sync").await;
    assert_eq!(
        (blocked.status, blocked.text("/reason_code")),
        (422, "provider_connection_missing"),
        "{}",
        blocked.body
    );
    let first = life.connect(json!({ "scope_identifier": target })).await;
    assert_eq!(first.body["is_default"], true, "the first one again");
    life.end().await;
}

async fn runs_and_snapshots_outlive_their_connection(database: TestDatabase) {
    let life = Life::begin(database).await;
    let mut runs = Vec::new();
    for operation in [
        "provider.connection.check",
        "inventory.sync",
        "compliance.snapshot",
    ] {
        let run = life.run(operation).await;
        assert_outcome(&run, "succeeded", None);
        runs.push(run);
    }
    let snapshots = life.get("/compliance-snapshots").await.body;
    assert_eq!(
        snapshots["items"].as_array().map(Vec::len),
        Some(1),
        "{snapshots}"
    );
    assert!(life.number("SELECT count(*) FROM inventory_items").await > 50);
    let path = format!("/connections/{}", life.home.connection);
    let gone = life.send(Method::DELETE, &path, &[], None).await;
    assert_eq!(
        (gone.status, &gone.body["ended_run"]),
        (200, &json!(null)),
        "{}",
        gone.body
    );
    for table in [
        "inventory_items",
        "provider_credentials",
        "connection_requirements",
        "connection_history",
    ] {
        assert_eq!(
            life.number(&format!("SELECT count(*) FROM {table}")).await,
            0,
            "{table}"
        );
    }
    for run in &runs {
        let id = run["id"].as_str().expect("an id");
        let read = life.home.run(&life.owner, id).await;
        assert_eq!(read.status, 200);
        assert_eq!(&read.body, run, "a run is as it ended");
    }
    assert_eq!(life.get("/compliance-snapshots").await.body, snapshots);
    let listed = life.get("/operation-runs").await.body;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(3));
    life.end().await;
}

async fn a_waiting_run_ends_with_its_connection(database: TestDatabase) {
    let life = Life::begin(database).await;
    let queued = life.home.start(&life.owner, "inventory.sync").await;
    let gone = life.change(Method::DELETE, "", None).await;
    assert_eq!(
        gone.text("/ended_run/id"),
        queued.text("/run/id"),
        "{}",
        gone.body
    );
    assert_eq!(gone.text("/ended_run/outcome"), "blocked");
    assert_eq!(life.app.drain().await, 0, "it is no work any more");
    let run = life.ended(queued.text("/run/id")).await;
    assert_outcome(&run, "blocked", Some("provider_connection_deleted"));
    assert!(life.control().calls().is_empty(), "nobody called the provider");
    let deleted = &life.events("connection.deleted").await[0];
    assert_eq!(deleted["metadata"]["ended_run_id"], run["id"], "{deleted}");
    life.end().await;
}
