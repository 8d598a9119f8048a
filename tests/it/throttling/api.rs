//! What callers and scrapers read: shapes, pages, and what stands under `provider_context` alone.

use std::time::Duration;

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use provider_core::{CallBatch, CallOutcome, CallRecord, ReasonCode, testing::FakeProvider};
use serde_json::{Value, json};

use super::kit::{EXCHANGE, LIMIT, PagedSite, add, call, lively, now, start, throttled};
use crate::{access::cases::Place, fake_provider::core::Core};

on_both_engines!(
    throttling_is_told_by_limit_and_in_sum,
    attempts_are_listed_newest_first_page_by_page,
    the_log_keeps_the_newest_and_the_ledger_counts_all,
    metrics_tell_of_limits_and_of_nobody,
    a_deleted_connection_takes_its_log_along,
);

const BASE: &str = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}";

/// A connection with a run that waits for a worker.
async fn place(database: TestDatabase, site: &str) -> (Core, Place) {
    let core = Core::start_on(database, PagedSite::with(&[]), lively()).await;
    let mut place = core.connect(site, FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    (core, place)
}

async fn read(core: &Core, place: &Place, path: &str) -> Value {
    let reply = core.get(&place.fill(&format!("{BASE}{path}"))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn throttling_is_told_by_limit_and_in_sum(database: TestDatabase) {
    let (core, place) = place(database, "site-told").await;
    let nothing = read(&core, &place, "/throttling").await;
    let expected = json!({
        "connection_id": place.connection, "attempts": 0, "throttled": 0, "failed": 0, "time_lost_ms": 0,
        "last_throttled_at": null, "paused_until": null, "limits": [],
    });
    assert_eq!(nothing, expected);
    let over = now() - TimeDelta::minutes(5);
    let mut batch = CallBatch::default();
    batch.push(throttled(Duration::from_mins(2)));
    batch.push(call(CallOutcome::Answered));
    batch.push(CallRecord {
        limit: "another",
        at: over,
        paused_until: Some(over),
        lost: Duration::from_micros(1_500_999),
        ..call(CallOutcome::Throttled)
    });
    batch.push(CallRecord {
        limit: "another",
        at: over,
        ..call(CallOutcome::Failed(ReasonCode::ProviderUnavailable))
    });
    add(&core.product, &place, &batch).await;
    let told = read(&core, &place, "/throttling").await;
    let [another, limit] = told["limits"].as_array().expect("limits").as_slice() else {
        panic!("two limits: {told}");
    };
    let expected = json!({
        "attempts": 2, "throttled": 1, "failed": 1, "time_lost_ms": 1500,
        "last_throttled_at": another["last_throttled_at"], "paused_until": null,
        "provider_context": { "limit": "another" },
    });
    assert_eq!(*another, expected);
    assert!(another["last_throttled_at"].is_string());
    assert_eq!(limit["provider_context"], json!({ "limit": LIMIT }));
    assert_eq!(
        (
            &limit["attempts"],
            &limit["throttled"],
            &limit["failed"],
            &limit["time_lost_ms"]
        ),
        (&json!(2), &json!(1), &json!(0), &json!(120_000))
    );
    assert!(limit["paused_until"].is_string(), "{told}");
    assert_eq!(
        (
            &told["attempts"],
            &told["throttled"],
            &told["failed"],
            &told["time_lost_ms"]
        ),
        (&json!(4), &json!(2), &json!(1), &json!(121_500))
    );
    assert_eq!(told["paused_until"], limit["paused_until"]);
    assert_eq!(told["last_throttled_at"], limit["last_throttled_at"]);
    core.stop().await;
}

async fn attempts_are_listed_newest_first_page_by_page(database: TestDatabase) {
    let (core, place) = place(database, "site-list").await;
    let begin = now();
    let mut batch = CallBatch::default();
    for number in 0..5_u32 {
        batch.push(CallRecord {
            at: begin + TimeDelta::seconds(i64::from(number)),
            attempt: number + 1,
            lost: Duration::from_secs(3),
            ..call(CallOutcome::Throttled)
        });
    }
    batch.push(CallRecord {
        at: begin + TimeDelta::seconds(9),
        status: None,
        code: None,
        request_id: None,
        ..call(CallOutcome::Failed(ReasonCode::ProviderUnavailable))
    });
    add(&core.product, &place, &batch).await;
    let first = read(&core, &place, "/call-attempts?limit=2").await;
    let [unanswered, newest] = first["items"].as_array().expect("items").as_slice() else {
        panic!("two items: {first}");
    };
    assert_eq!(
        (
            &unanswered["outcome"],
            &unanswered["reason_code"],
            &unanswered["http_status"]
        ),
        (&json!("failed"), &json!("provider_unavailable"), &Value::Null),
        "{unanswered}"
    );
    let expected = json!({
        "id": newest["id"], "run_id": place.run, "at": newest["at"], "attempt": 5, "outcome": "throttled",
        "reason_code": "provider_throttled", "http_status": 429, "took_ms": 12, "time_lost_ms": 3000,
        "provider_context": {
            "call": "things.list", "limit": LIMIT, "code": "SITE7", "request_id": EXCHANGE,
            "trace_id": null, "correlation_id": null,
        },
    });
    assert_eq!(*newest, expected);
    let mut attempts = Vec::new();
    let mut page = first.clone();
    while let Some(cursor) = page["next_cursor"].as_str() {
        page = read(&core, &place, &format!("/call-attempts?limit=2&cursor={cursor}")).await;
        let items = page["items"].as_array().expect("items");
        attempts.extend(items.iter().map(|item| item["attempt"].clone()));
    }
    assert_eq!(attempts, [4, 3, 2, 1]);
    core.stop().await;
}

async fn the_log_keeps_the_newest_and_the_ledger_counts_all(database: TestDatabase) {
    let (core, place) = place(database, "site-much").await;
    let begin = now();
    for round in 0..3_u32 {
        let mut batch = CallBatch::default();
        for number in 0..150 {
            let number = round * 150 + number;
            batch.push(CallRecord {
                at: begin + TimeDelta::milliseconds(i64::from(number)),
                attempt: number,
                ..call(CallOutcome::Throttled)
            });
        }
        add(&core.product, &place, &batch).await;
    }
    let all = read(&core, &place, "/call-attempts?limit=200").await;
    assert_eq!(all["next_cursor"], Value::Null);
    let items = all["items"].as_array().expect("items");
    let attempts: Vec<_> = items.iter().filter_map(|item| item["attempt"].as_u64()).collect();
    assert_eq!(attempts, (250..450).rev().collect::<Vec<_>>());
    let told = read(&core, &place, "/throttling").await;
    assert_eq!(
        (&told["attempts"], &told["throttled"]),
        (&json!(450), &json!(450))
    );
    core.stop().await;
}

async fn metrics_tell_of_limits_and_of_nobody(database: TestDatabase) {
    let (core, place) = place(database, "site-metrics").await;
    let mut batch = CallBatch::default();
    batch.push(throttled(Duration::from_mins(2)));
    batch.push(call(CallOutcome::Answered));
    batch.push(call(CallOutcome::Failed(ReasonCode::ProviderUnavailable)));
    add(&core.product, &place, &batch).await;
    add(&core.product, &place, &batch).await;
    let text = core.get("/metrics").await.text();
    for line in [
        format!("tenantatlas_provider_calls_total{{limit=\"{LIMIT}\",outcome=\"answered\"}} 2"),
        format!("tenantatlas_provider_calls_total{{limit=\"{LIMIT}\",outcome=\"throttled\"}} 2"),
        format!("tenantatlas_provider_calls_total{{limit=\"{LIMIT}\",outcome=\"failed\"}} 2"),
        format!("tenantatlas_provider_time_lost_seconds_total{{limit=\"{LIMIT}\"}} 240.0"),
        format!("tenantatlas_provider_paused_connections{{limit=\"{LIMIT}\"}} 1"),
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
    for id in [&place.workspace, &place.connection, &place.run, "site-metrics"] {
        assert!(!text.contains(id), "{id}: {text}");
    }
    core.stop().await;
}

/// Counters must not fall, so what was counted stays.
async fn a_deleted_connection_takes_its_log_along(database: TestDatabase) {
    let (core, place) = place(database, "site-gone").await;
    let mut batch = CallBatch::default();
    batch.push(throttled(Duration::from_mins(2)));
    add(&core.product, &place, &batch).await;
    let gone = core.change("DELETE", &place.fill(BASE), None).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    for path in ["/throttling", "/call-attempts"] {
        let reply = core.get(&place.fill(&format!("{BASE}{path}"))).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    let log = "SELECT count(*) FROM call_attempts";
    assert_eq!(core.database.number(log).await, 0);
    let text = core.get("/metrics").await.text();
    let paused = format!("tenantatlas_provider_paused_connections{{limit=\"{LIMIT}\"}} 0");
    assert!(text.contains(&paused), "{text}");
    let counted = format!("tenantatlas_provider_calls_total{{limit=\"{LIMIT}\",outcome=\"throttled\"}} 1");
    assert!(text.contains(&counted), "{text}");
    core.stop().await;
}
