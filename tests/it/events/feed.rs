//! The feed: every event once and in order, what each reader sees, and what was removed.

use std::time::{Duration, Instant};

use integration_tests::{TestDatabase, on_both_engines};

use super::kit::{Scene, n};
use crate::wire::{Request, Wire};

on_both_engines!(
    the_feed_gives_every_event_once_and_in_order,
    a_filter_leaves_out_and_the_place_goes_on,
    what_is_not_kept_any_more_is_said_and_never_skipped,
    what_only_the_audit_log_shows_is_hidden_from_others,
    a_reader_waits_for_the_next_event,
);

async fn the_feed_gives_every_event_once_and_in_order(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let before = scene.newest().await;
    scene.flood(1, 450, "environment.created", 0).await;
    scene.app.settle().await;
    let (mut after, mut seen) = (before, Vec::new());
    loop {
        let page = scene
            .get("owner", &format!("/events?after={after}&limit=200"))
            .await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(page.body["last_sequence"], before + 450);
        let items = page.body["items"].as_array().expect("items");
        if items.is_empty() {
            assert_eq!(page.body["next_after"], before + 450);
            break;
        }
        for item in items {
            assert_eq!(item["sequence"].as_u64(), Some(before + n(item)));
            seen.push(n(item));
        }
        after = page.body["next_after"].as_u64().expect("a number");
    }
    assert_eq!(seen, (1..=450).collect::<Vec<_>>());
    let first = scene.get("owner", "/events?limit=1").await;
    let event = &first.body["items"][0];
    assert_eq!(
        (event["sequence"].as_u64(), event["type"].as_str()),
        (Some(1), Some("workspace.created"))
    );
    assert_eq!(event["subject"]["href"], scene.home.base, "{event}");
    scene.stop().await;
}

async fn a_filter_leaves_out_and_the_place_goes_on(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let before = scene.newest().await;
    scene.flood(1, 30, "connection.updated", 0).await;
    scene.flood(31, 1, "operation.started", 0).await;
    let last = scene.newest().await;
    let page = scene
        .get(
            "owner",
            &format!("/events?after={before}&type=operation.*,member.added&limit=1"),
        )
        .await;
    assert_eq!(
        page.body["items"][0]["type"], "operation.started",
        "{}",
        page.body
    );
    assert_eq!(page.body["next_after"], last);
    let none = scene
        .get("owner", &format!("/events?after={before}&type=consent.*"))
        .await;
    assert_eq!(
        (
            none.body["items"].as_array().map(Vec::len),
            &none.body["next_after"]
        ),
        (Some(0), &last.into())
    );
    let connection = &scene.home.connection;
    let about = scene
        .get("owner", &format!("/events?subject_id={connection}"))
        .await;
    let items = about.body["items"].as_array().expect("items");
    assert!(
        !items.is_empty() && items.iter().all(|item| item["subject"]["id"] == **connection),
        "{items:?}"
    );
    for wrong in [
        "type=operation",
        "type=nonsense.*",
        "type=",
        "subject_id=x",
        "after=-1",
        "after=9999999",
    ] {
        let refused = scene.get("owner", &format!("/events?{wrong}")).await;
        let parameter = wrong.split('=').next().expect("a name");
        assert_eq!(
            (refused.status, refused.text("/parameter")),
            (400, parameter),
            "{wrong}"
        );
    }
    scene.stop().await;
}

async fn what_is_not_kept_any_more_is_said_and_never_skipped(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    scene.flood(1, 20, "environment.created", 0).await;
    let last = scene.newest().await;
    let database = &scene.app.database;
    database.tamper("UPDATE event_streams SET first_kept = 11").await;
    database
        .tamper("DELETE FROM outbox_events WHERE sequence < 11")
        .await;
    for after in [0, 1, 9] {
        for path in ["/events?after=", "/events/stream?last_event_id="] {
            let gone = scene.get("owner", &format!("{path}{after}")).await;
            assert_eq!(
                (gone.status, gone.text("/code")),
                (410, "events_pruned"),
                "{after}"
            );
            assert_eq!(
                (&gone.body["first_sequence"], &gone.body["last_sequence"]),
                (&11.into(), &last.into())
            );
        }
    }
    let page = scene.get("owner", "/events?after=10&limit=1").await;
    assert_eq!(page.body["items"][0]["sequence"], 11, "{}", page.body);
    let page = scene.get("owner", "/events?limit=1").await;
    assert_eq!(
        page.body["items"][0]["sequence"], 11,
        "who names no number begins where there is something"
    );
    scene.stop().await;
}

async fn what_only_the_audit_log_shows_is_hidden_from_others(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    scene.member("reader", "readonly").await;
    let before = scene.newest().await;
    // A kind that this program does not know: a newer one wrote it.
    scene.flood(1, 3, "vault.opened", 0).await;
    scene.flood(4, 1, "operation.started", 0).await;
    scene.flood(5, 1, "operationx.started", 0).await;
    for (subject, expected) in [("owner", vec![1, 2, 3, 4, 5]), ("reader", vec![4])] {
        let last = scene.newest().await;
        let page = scene.get(subject, &format!("/events?after={before}")).await;
        let seen: Vec<_> = page.body["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(n)
            .collect();
        assert_eq!(
            (seen, &page.body["next_after"]),
            (expected.clone(), &last.into()),
            "{subject}"
        );
        let place = before.to_string();
        let mut stream = scene
            .watch(&scene.app.base_url, subject, "/events/stream", Some(&place))
            .await;
        for number in expected {
            assert_eq!(
                n(&stream.event().await.expect("an event").data),
                number,
                "{subject}"
            );
        }
        // What comes while somebody watches is not shown either.
        scene.flood(6, 1, "vault.opened", 0).await;
        scene.flood(7, 1, "environment.created", 0).await;
        let next = n(&stream.event().await.expect("an event").data);
        assert_eq!(next, if subject == "owner" { 6 } else { 7 }, "{subject}");
        scene
            .app
            .database
            .tamper("DELETE FROM outbox_events WHERE kind = 'environment.created' AND subject_kind = 'thing'")
            .await;
    }
    scene.stop().await;
}

async fn a_reader_waits_for_the_next_event(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let last = scene.newest().await;
    let wire = Wire::to(&scene.app.base_url);
    let ask = |seconds: &str| {
        Request::get(&scene.path(&format!("/events?after={last}&type=operation.*")))
            .bearer(&scene.app.token("owner"))
            .with("prefer", &format!("wait={seconds}"))
    };
    let begin = Instant::now();
    let nothing = wire.send(&ask("1")).await;
    assert_eq!(nothing.json()["items"].as_array().map(Vec::len), Some(0));
    assert!(begin.elapsed() >= Duration::from_secs(1), "it has waited");
    let waiting = ask("30");
    let write = async {
        scene.flood(1, 3, "connection.updated", 0).await;
        scene.flood(4, 1, "operation.started", 0).await;
    };
    let (reply, ()) = futures::join!(wire.send(&waiting), write);
    assert_eq!(reply.header("preference-applied"), Some("wait=30"));
    assert_eq!(n(&reply.json()["items"][0]), 4, "{}", reply.text());
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "it has not waited to the end"
    );
    scene.stop().await;
}
