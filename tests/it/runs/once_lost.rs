//! Requests whose first holder died, is slow, was taken over or was left alone by its caller. What
//! time does is done to the row by hand.

use std::time::{Duration, Instant};

use integration_tests::{Engine, TestDatabase, on_both_engines};

use super::kit::{Kit, named};
use crate::wire::Reply;

on_both_engines!(
    a_request_under_way_is_told_so_and_can_be_taken_over_after_a_while,
    whoever_was_taken_over_commits_nothing,
    an_answer_is_forgotten_after_its_time,
    a_caller_who_went_away_finds_what_he_made,
);

async fn a_request_under_way_is_told_so_and_can_be_taken_over_after_a_while(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let body = kit.start_body("inventory.sync");
    let first = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_eq!(first.status, 202, "{}", first.text());
    // As if the holder had died before its commit.
    let under_way = "UPDATE idempotency_records SET status = NULL, headers = NULL, body = NULL";
    assert_eq!(kit.app.database.tamper(under_way).await, 1);
    let told = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_eq!(
        (told.status, told.code().as_str(), told.header("retry-after")),
        (409, "idempotency_in_progress", Some("1"))
    );
    let other = kit
        .keyed(
            "k",
            "/operation-runs",
            Some(&kit.start_body("compliance.snapshot")),
        )
        .await;
    assert_eq!(other.code(), "idempotency_key_reused", "{}", other.text());
    let over = "UPDATE idempotency_records SET locked_until = 1";
    assert_eq!(kit.app.database.tamper(over).await, 1);
    let taken = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_eq!(taken.json()["disposition"], "deduplicated", "{}", taken.text());
    assert_eq!(taken.header("idempotency-replayed"), None);
    let again = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    kit.app.stop().await;
}

/// Somebody else holds the reservation by the time the environment is written: a trigger sees to it.
async fn whoever_was_taken_over_commits_nothing(database: TestDatabase) {
    let engine = database.engine;
    let kit = Kit::new(database).await;
    let (make, drop) = match engine {
        Engine::Sqlite => (
            "CREATE TRIGGER takeover AFTER INSERT ON environments BEGIN
                UPDATE idempotency_records SET fence = randomblob(16); END",
            "DROP TRIGGER takeover",
        ),
        Engine::Postgres => (
            "CREATE FUNCTION takeover() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                UPDATE idempotency_records SET fence = gen_random_uuid(); RETURN NULL; END $$;
            CREATE TRIGGER takeover AFTER INSERT ON environments EXECUTE FUNCTION takeover()",
            "DROP TRIGGER takeover ON environments",
        ),
    };
    kit.app.database.tamper(make).await;
    let (environments, audit) = (kit.count("environments").await, kit.count("audit_events").await);
    let body = named();
    let late = kit.keyed("k", "/environments", Some(&body)).await;
    assert_eq!(
        (late.status, late.code().as_str()),
        (409, "idempotency_in_progress"),
        "{}",
        late.text()
    );
    assert_eq!(kit.count("environments").await, environments, "rolled back");
    assert_eq!(kit.count("audit_events").await, audit);
    kit.app.database.tamper(drop).await;
    let again = kit.keyed("k", "/environments", Some(&body)).await;
    assert_eq!(again.status, 201, "{}", again.text());
    kit.app.stop().await;
}

async fn an_answer_is_forgotten_after_its_time(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let body = named();
    assert_eq!(kit.keyed("k", "/environments", Some(&body)).await.status, 201);
    let day = "SELECT (expires_at - locked_until) / 1000000 FROM idempotency_records";
    assert_eq!(kit.app.database.number(day).await, 24 * 3600 - 60, "a day");
    kit.app
        .database
        .tamper("UPDATE idempotency_records SET expires_at = 1")
        .await;
    let anew = kit.keyed("k", "/environments", Some(&named())).await;
    assert_eq!(anew.status, 201, "another body, too: {}", anew.text());
    assert_eq!(anew.header("idempotency-replayed"), None, "{}", anew.text());
    assert_eq!(kit.count("idempotency_records").await, 1);
    kit.app.stop().await;
}

/// Asks again until the first request is not under way any more. Asking is what waits.
async fn until_done(kit: &Kit, key: &str, body: &serde_json::Value) -> Reply {
    let begin = Instant::now();
    loop {
        let reply = kit.keyed(key, "/operation-runs", Some(body)).await;
        if reply.code() != "idempotency_in_progress" {
            return reply;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{}", reply.text());
    }
}

async fn a_caller_who_went_away_finds_what_he_made(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let disable = format!("/connections/{}/disable", kit.home.connection);
    assert_eq!(kit.post("owner", &disable, None).await.status, 200);
    let body = kit.start_body("inventory.sync");
    for round in 0..10 {
        let key = format!("key-{round}");
        let request = kit.request("owner", "/operation-runs", Some(&body));
        let bytes = request.with("idempotency-key", &key).encode();
        kit.wire.abandon(&bytes).await;
        let found = until_done(&kit, &key, &body).await;
        assert_eq!(found.code(), "operation_blocked", "{}", found.text());
        let again = until_done(&kit, &key, &body).await;
        assert_eq!(found.json()["run"]["id"], again.json()["run"]["id"]);
    }
    // What the abandoned requests still did, they did for their keys: one run each.
    let runs = kit.count("operation_runs").await;
    assert_eq!(runs, 10, "each key made one run");
    kit.app.stop().await;
}
