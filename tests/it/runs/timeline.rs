//! What happened to a run, and when to look again.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};

use super::kit::Kit;

on_both_engines!(a_timeline_tells_what_happened_and_who_did_it);

async fn a_timeline_tells_what_happened_and_who_did_it(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let other = kit.started("inventory.sync").await;
    kit.post("owner", &format!("/operation-runs/{other}/cancel"), None)
        .await;
    let run = kit.started("inventory.sync").await;
    let path = format!("/operation-runs/{run}");
    kit.claimed().await;
    let active = kit.get("readonly", &path).await;
    assert_eq!(active.header("retry-after"), Some("30"), "{}", active.text());
    kit.post("operator", &format!("{path}/cancel"), None).await;
    kit.app
        .database
        .tamper("UPDATE operation_runs SET lease_until = 1 WHERE status = 'running'")
        .await;
    kit.post("manager", &format!("{path}/release"), None).await;
    kit.app.settle().await;
    let over = kit.get("readonly", &path).await;
    assert_eq!(over.header("retry-after"), None, "{}", over.text());

    let timeline = kit.get("readonly", &format!("{path}/events")).await;
    assert_eq!(timeline.status, 200, "{}", timeline.text());
    let timeline = timeline.json();
    let items = timeline["items"].as_array().expect("a list");
    let column = |name: &str| items.iter().map(|item| item[name].clone()).collect::<Vec<_>>();
    let kinds = [
        "operation.accepted",
        "operation.started",
        "operation.cancel_requested",
        "operation.released",
    ];
    assert_eq!(column("kind"), kinds.map(Value::from));
    let actors = items.iter().map(|item| item["actor"]["label"].clone());
    let names = [json!("owner"), Value::Null, json!("operator"), json!("manager")];
    assert_eq!(actors.collect::<Vec<_>>(), names);
    assert_eq!(column("attempt"), [Value::Null, json!(1), json!(1), json!(1)]);
    assert_eq!(column("reason_code")[3], "run_released");
    assert_eq!(
        column("outcome"),
        [Value::Null, Value::Null, Value::Null, json!("failed")]
    );
    let numbers: Vec<_> = items.iter().map(|item| item["sequence"].as_u64()).collect();
    assert!(numbers.is_sorted() && numbers[0].is_some(), "{numbers:?}");
    assert_eq!(timeline["next_cursor"], Value::Null);
    kit.app.stop().await;
}
