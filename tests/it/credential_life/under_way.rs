//! Changes while a run is at work: it keeps the one credential that it began with (G07), and it is
//! ended with its connection (G08).

use integration_tests::{TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use super::kit::{Life, assert_outcome};

on_both_engines!(
    g07_a_run_uses_one_version_whole_and_the_next_one_the_new,
    g08_a_run_ends_with_its_connection_and_its_late_writes_are_refused,
);

const NEXT: &str = "the-next-secret~7";

async fn g07_a_run_uses_one_version_whole_and_the_next_one_the_new(database: TestDatabase) {
    let life = Life::begin(database).await;
    let contoso = &life.app.contoso;
    let (control, tenant, client) = (life.control(), contoso.tenant_id, contoso.client_id);
    let hold = control.hold("/users");
    let started = life
        .start_on(&life.home.connection, "inventory.sync", json!({}))
        .await;
    let worker = life.app.worker.clone();
    let working = tokio::spawn(async move { worker.drain().await });
    hold.reached().await;
    assert_eq!(life.tokens(), 1);
    let put = life
        .changed(Method::PUT, "/credential", Some(&life.secret(NEXT)))
        .await;
    assert_eq!(put["credential"]["version"], 2);
    // The token that the run has is over, and only the old secret gets another one. A run that
    // looked for the stored credential again would be refused.
    control.expire_tokens();
    hold.release();
    working.await.expect("joins").expect("drains");
    let run = life.ended(started.text("/run/id")).await;
    assert_outcome(&run, "succeeded", None);
    assert_eq!(life.tokens(), 2, "a second token, and no third");
    assert_eq!(
        life.view().await.body["axes"]["verification"]["state"],
        "unknown",
        "what it saw was seen with the old one"
    );

    assert!(control.remove_app_secret(tenant, client, &contoso.secret));
    assert!(control.add_app_secret(tenant, client, NEXT));
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    assert_eq!(
        life.tokens(),
        3,
        "the tokens of the old version do not serve the new one"
    );
    life.end().await;
}

async fn g08_a_run_ends_with_its_connection_and_its_late_writes_are_refused(database: TestDatabase) {
    let life = Life::begin(database).await;
    let hold = life.control().hold("/deviceManagement");
    let started = life
        .start_on(&life.home.connection, "inventory.sync", json!({}))
        .await;
    let run_id = started.text("/run/id").to_owned();
    let worker = life.app.worker.clone();
    let working = tokio::spawn(async move { worker.drain().await });
    hold.reached().await;
    let items = "SELECT count(*) FROM inventory_items";
    let path = format!("/connections/{}", life.home.connection);
    let gone = life.send(Method::DELETE, &path, &[], None).await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    assert_eq!(gone.text("/ended_run/id"), run_id);
    assert_outcome(
        &gone.body["ended_run"],
        "blocked",
        Some("provider_connection_deleted"),
    );
    let nothing_left = [
        items,
        "SELECT count(*) FROM provider_credentials",
        "SELECT count(*) FROM connection_requirements",
        "SELECT count(*) FROM connection_history",
    ];
    for sql in nothing_left {
        assert_eq!(life.number(sql).await, 0, "{sql}");
    }
    hold.release();
    working.await.expect("joins").expect("drains");
    for sql in nothing_left {
        assert_eq!(life.number(sql).await, 0, "after the late writes: {sql}");
    }
    let run = life.ended(&run_id).await;
    assert_outcome(&run, "blocked", Some("provider_connection_deleted"));
    let ended: Vec<Value> = life.events("operation.completed").await;
    assert_eq!(ended.len(), 1, "it ended once: {ended:?}");
    assert_eq!(life.get(&path).await.status, 404);
    life.end().await;
}
