//! Ends of credentials are announced thirty, fourteen, seven days and one day before, each once,
//! however many workers look after them.

use chrono::{SecondsFormat, TimeDelta};
use integration_tests::{TestDatabase, on_both_engines, upkeep};
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use reqwest::Method;
use serde_json::{Value, json};
use server::compose::{Program, ProviderSetup};

use super::kit::{Life, in_hours};

on_both_engines!(
    each_threshold_is_announced_once_as_time_goes_by,
    thresholds_that_were_missed_are_crossed_off_together,
    two_workers_at_once_announce_once,
);

/// Lets time go by until the end of every credential is so many hours away.
async fn until(life: &Life, hours_left: i64) {
    let end = in_hours(hours_left);
    life.tamper(&format!("UPDATE provider_credentials SET expires_at = {end}"))
        .await;
    // The notices are about the same end.
    life.app
        .database
        .tamper(&format!("UPDATE expiry_notices SET expires_at = {end}"))
        .await;
}

async fn announced(life: &Life) -> u64 {
    life.app.upkeep().await.announced
}

async fn days(life: &Life) -> Vec<Value> {
    let events = life.events("credential.expiring").await;
    events
        .iter()
        .rev()
        .map(|event| event["metadata"]["days"].clone())
        .collect()
}

async fn each_threshold_is_announced_once_as_time_goes_by(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_eq!(announced(&life).await, 0, "nobody knows the end");
    until(&life, 31 * 24).await;
    assert_eq!(announced(&life).await, 0, "it is far");
    for (hours, days_said) in [
        (29 * 24, 1),
        (15 * 24, 0),
        (13 * 24, 1),
        (8 * 24, 0),
        (6 * 24, 1),
        (2 * 24, 0),
        (12, 1),
        (1, 0),
    ] {
        until(&life, hours).await;
        assert_eq!(announced(&life).await, days_said, "{hours} hours before");
        assert_eq!(announced(&life).await, 0, "and not again");
    }
    assert_eq!(days(&life).await, [30, 14, 7, 1].map(Value::from));
    until(&life, -1).await;
    assert_eq!(announced(&life).await, 0, "it is over");
    let events = life.events("credential.expiring").await;
    for event in &events {
        assert_eq!(event["target"]["id"], json!(life.home.connection), "{event}");
        assert_eq!(event["actor"]["kind"], "system", "{event}");
        assert_eq!(event["metadata"]["credential_version"], 1, "{event}");
    }
    assert_eq!(
        life.number("SELECT count(*) FROM outbox_events WHERE kind = 'credential.expiring'")
            .await,
        4,
        "whoever listens hears of each"
    );
    life.end().await;
}

async fn thresholds_that_were_missed_are_crossed_off_together(database: TestDatabase) {
    let life = Life::begin(database).await;
    until(&life, 5 * 24).await;
    assert_eq!(announced(&life).await, 1);
    assert_eq!(announced(&life).await, 0);
    assert_eq!(
        days(&life).await,
        [json!(7)],
        "nobody wants to hear of thirty now"
    );
    // Another credential has an end of its own.
    let mut body = life.secret("another-secret");
    let end = SystemClock.now() + TimeDelta::days(5);
    body["expires_at"] = json!(end.to_rfc3339_opts(SecondsFormat::Secs, true));
    life.changed(Method::PUT, "/credential", Some(&body)).await;
    assert_eq!(announced(&life).await, 1);
    assert_eq!(days(&life).await, [json!(7), json!(7)]);
    life.end().await;
}

async fn two_workers_at_once_announce_once(database: TestDatabase) {
    let life = Life::begin(database).await;
    for _ in 0..9 {
        let body = json!({
            "scope_identifier": SystemIds.next_uuid(),
            "credential": {
                "kind": "client_secret", "client_identifier": SystemIds.next_uuid(), "secret": "a-secret",
            },
        });
        assert_eq!(life.connect(body).await.status, 201);
    }
    until(&life, 6 * 24).await;
    let database = &life.app.database;
    let setup = ProviderSetup::default();
    let other = Program::open(&database.database_url(), database.key_ring(), false, setup)
        .await
        .expect("opens");
    let (first, second) = (upkeep(&life.app.program.database), upkeep(&other.database));
    let (first, second) = (
        tokio::spawn(async move { first.run_once().await }),
        tokio::spawn(async move { second.run_once().await }),
    );
    let first = first.await.expect("joins").expect("answers").announced;
    let second = second.await.expect("joins").expect("answers").announced;
    assert_eq!(first + second, 10, "{first} and {second}");
    assert_eq!(life.events("credential.expiring").await.len(), 10);
    assert_eq!(life.number("SELECT count(*) FROM expiry_notices").await, 30);
    other.database.close().await.expect("closes");
    life.end().await;
}
