//! The header `Idempotency-Key`: the same request again hears the same and does nothing.

use std::collections::BTreeSet;

use futures::future::join_all;
use integration_tests::{TestApp, TestDatabase, app::connection_body, on_both_engines};
use serde_json::{Value, json};

use super::kit::{Kit, named, text};
use crate::{tables::Tables, wire::Reply};

on_both_engines!(
    every_creation_made_twice_with_one_key_is_made_once,
    a_key_belongs_to_its_body_its_route_and_its_caller,
    a_malformed_key_is_refused,
    a_refusal_that_wrote_nothing_is_not_kept,
    a_start_that_was_blocked_is_recorded_once_and_repeated,
    what_was_deduplicated_stays_so_after_the_run_is_over,
    a_secret_is_never_repeated_and_never_kept,
    of_many_at_once_one_is_made_and_all_hear_of_it,
);

const HEADERS: [&str; 6] = [
    "content-type",
    "location",
    "retry-after",
    "etag",
    "link",
    "cache-control",
];

/// The second is the first, byte for byte, and says that it is a repetition.
fn assert_replayed(first: &Reply, second: &Reply) {
    assert_eq!(
        second.header("idempotency-replayed"),
        Some("true"),
        "{}",
        second.text()
    );
    assert_eq!(first.header("idempotency-replayed"), None, "{}", first.text());
    assert_eq!(first.status, second.status);
    assert_eq!(first.body, second.body);
    for name in HEADERS {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

async fn every_creation_made_twice_with_one_key_is_made_once(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let customer = &kit.app.fabrikam;
    let connection = connection_body(&kit.home.environment, customer, &customer.secret);
    let member = json!({ "issuer": "https://issuer.example", "subject": "somebody", "role": "readonly" });
    let creations = [
        ("/environments", "environments", named()),
        ("/connections", "provider_connections", connection),
        ("/members", "members", member),
        (
            "/operation-runs",
            "operation_runs",
            kit.start_body("inventory.sync"),
        ),
    ];
    for (path, table, body) in &creations {
        let first = kit.keyed("key-1", path, Some(body)).await;
        assert!((200..300).contains(&first.status), "{path}: {}", first.text());
        let made = kit.count(table).await;
        let second = kit.keyed("key-1", path, Some(body)).await;
        assert_replayed(&first, &second);
        assert_eq!(kit.count(table).await, made, "{path}");
    }
    let run = text(
        &kit.keyed("key-1", "/operation-runs", Some(&creations[3].2))
            .await
            .json()["run"]["id"],
    );
    let cancel = format!("/operation-runs/{run}/cancel");
    let first = kit.keyed("key-1", &cancel, None).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_replayed(&first, &kit.keyed("key-1", &cancel, None).await);
    // The run is over now, and the start is still answered as it was.
    let again = kit.keyed("key-1", "/operation-runs", Some(&creations[3].2)).await;
    assert_eq!(again.json()["run"]["status"], "queued", "{}", again.text());
    assert_eq!(kit.count("operation_runs").await, 1);
    kit.app.stop().await;
}

async fn a_key_belongs_to_its_body_its_route_and_its_caller(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let (one, other) = (named(), named());
    let first = kit.keyed("k", "/environments", Some(&one)).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let reused = kit.keyed("k", "/environments", Some(&other)).await;
    assert_eq!(
        (reused.status, reused.code().as_str()),
        (422, "idempotency_key_reused")
    );
    // The first answer is still there.
    assert_replayed(&first, &kit.keyed("k", "/environments", Some(&one)).await);
    let elsewhere = kit
        .keyed("k", "/operation-runs", Some(&kit.start_body("inventory.sync")))
        .await;
    assert_eq!(elsewhere.status, 202, "another route: {}", elsewhere.text());
    let request = kit.request("manager", "/environments", Some(&other));
    let by_another = kit.wire.send(&request.with("idempotency-key", "k")).await;
    assert_eq!(by_another.status, 201, "another caller: {}", by_another.text());
    let second_key = kit.keyed("k2", "/environments", Some(&one)).await;
    assert_eq!(second_key.code(), "slug_taken", "{}", second_key.text());
    kit.app.stop().await;
}

async fn a_malformed_key_is_refused(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let before = kit.count("environments").await;
    for key in ["", "a b", "k\u{e9}", &"k".repeat(256)] {
        let reply = kit.keyed(key, "/environments", Some(&named())).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "idempotency_key_invalid"),
            "{key}"
        );
    }
    let twice = kit.request("owner", "/environments", Some(&named()));
    let twice = twice.with("idempotency-key", "a").with("idempotency-key", "a");
    assert_eq!(kit.wire.send(&twice).await.code(), "idempotency_key_invalid");
    assert_eq!(kit.count("environments").await, before);
    let longest = kit.keyed(&"~".repeat(255), "/environments", Some(&named())).await;
    assert_eq!(longest.status, 201, "{}", longest.text());
    kit.app.stop().await;
}

async fn a_refusal_that_wrote_nothing_is_not_kept(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let mut taken = named();
    taken["slug"] = json!("production");
    let refused = kit.keyed("k", "/environments", Some(&taken)).await;
    assert_eq!(refused.code(), "slug_taken", "{}", refused.text());
    let mended = kit.keyed("k", "/environments", Some(&named())).await;
    assert_eq!(mended.status, 201, "the key is free: {}", mended.text());

    let holder = kit.started("inventory.sync").await;
    let body = kit.start_body("compliance.snapshot");
    let busy = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_eq!(busy.code(), "scope_busy", "{}", busy.text());
    kit.post("owner", &format!("/operation-runs/{holder}/cancel"), None)
        .await;
    let accepted = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_eq!(accepted.json()["disposition"], "accepted", "{}", accepted.text());
    assert_eq!(accepted.header("idempotency-replayed"), None);
    kit.app.stop().await;
}

async fn a_start_that_was_blocked_is_recorded_once_and_repeated(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let disable = format!("/connections/{}/disable", kit.home.connection);
    assert_eq!(kit.post("owner", &disable, None).await.status, 200);
    let body = kit.start_body("inventory.sync");
    let first = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_eq!(first.code(), "operation_blocked", "{}", first.text());
    assert_eq!(first.header("content-type"), Some("application/problem+json"));
    let second = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_replayed(&first, &second);
    assert_eq!(
        second.json()["request_id"],
        first.header("x-request-id").expect("there")
    );
    assert_eq!(kit.count("operation_runs").await, 1);
    kit.app.stop().await;
}

async fn what_was_deduplicated_stays_so_after_the_run_is_over(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let run = kit.started("inventory.sync").await;
    let body = kit.start_body("inventory.sync");
    let first = kit.keyed("k", "/operation-runs", Some(&body)).await;
    assert_eq!(first.json()["disposition"], "deduplicated", "{}", first.text());
    kit.post("owner", &format!("/operation-runs/{run}/cancel"), None)
        .await;
    assert_replayed(&first, &kit.keyed("k", "/operation-runs", Some(&body)).await);
    assert_eq!(kit.count("operation_runs").await, 1);
    kit.app.stop().await;
}

async fn a_secret_is_never_repeated_and_never_kept(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let path = format!("/connections/{}/consent-link", kit.home.connection);
    let body = json!({ "return_to": format!("{}/done", TestApp::FRONT_END) });
    let first = kit.keyed("needle-key", &path, Some(&body)).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let url = text(&first.json()["url"]);
    let token = url.rsplit('/').next().expect("a token").to_owned();
    let links = kit.count("consent_links").await;
    let second = kit.keyed("needle-key", &path, Some(&body)).await;
    assert_eq!(
        (second.status, second.code().as_str()),
        (409, "secret_already_shown")
    );
    assert_eq!(kit.count("consent_links").await, links);
    let customer = &kit.app.fabrikam;
    let connection = connection_body(&kit.home.environment, customer, &customer.secret);
    let made = kit.keyed("needle-key", "/connections", Some(&connection)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let tables = Tables::of(&kit.app.database).await;
    let kept = tables.contents().await["idempotency_records"].join("\n");
    tables.close().await;
    assert!(kept.contains("201"), "two answers are kept: {kept}");
    for needle in [token.as_str(), "needle-key", &customer.secret] {
        assert!(!kept.contains(needle), "{needle} is kept: {kept}");
    }
    kit.app.stop().await;
}

async fn of_many_at_once_one_is_made_and_all_hear_of_it(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let disable = format!("/connections/{}/disable", kit.home.connection);
    assert_eq!(kit.post("owner", &disable, None).await.status, 200);
    // A blocked start records a run each time: nothing but the key keeps it from a second one.
    let cases: [(&str, Value); 2] = [
        ("/operation-runs", kit.start_body("inventory.sync")),
        ("/environments", named()),
    ];
    for (path, body) in &cases {
        let before = kit.count("audit_events").await;
        let all = join_all((0..32).map(|_| kit.keyed("k", path, Some(body)))).await;
        let mut bodies = BTreeSet::new();
        for reply in &all {
            if reply.code() == "idempotency_in_progress" {
                assert_eq!((reply.status, reply.header("retry-after")), (409, Some("1")));
            } else {
                bodies.insert((reply.status, reply.body.clone()));
            }
        }
        assert_eq!(bodies.len(), 1, "{path}: one answer for all");
        let originals = all
            .iter()
            .filter(|reply| bodies.contains(&(reply.status, reply.body.clone())))
            .filter(|reply| reply.header("idempotency-replayed").is_none());
        assert_eq!(originals.count(), 1, "{path}: all others are repetitions");
        assert_eq!(kit.count("audit_events").await, before + 1, "{path}: one effect");
    }
    kit.app.stop().await;
}
