//! Receivers that do not take what they are sent, on a clock that the test moves.

use std::time::Duration;

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};

use super::kit::{Hook, Scene};

on_both_engines!(
    a_delivery_is_tried_ten_times_over_three_days_under_one_id,
    three_deliveries_that_are_given_up_disable_the_webhook,
    a_410_disables_at_once,
    a_receiver_that_asks_for_time_gets_it,
    a_pause_ends_when_somebody_asks_for_the_receiver,
    a_pause_ends_when_the_webhook_is_disabled,
    a_redirect_is_a_failure_and_is_not_followed,
);

/// How long to advance after each attempt: the wait and its jitter.
const WAITS: [u64; 9] = [6, 330, 1_980, 7_920, 19_800, 39_600, 55_440, 79_200, 95_040];

async fn a_delivery_is_tried_ten_times_over_three_days_under_one_id(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.receiver.answer(&["500 No"]);
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 1);
    for (made, wait) in WAITS.into_iter().enumerate() {
        assert_eq!(scene.log(&hook).await[0]["state"], "pending", "after {made}");
        // A tenth too early is too early. The clock goes on by itself as well, which counts in the first wait.
        let early = if wait < 60 { 1 } else { wait * 8 / 10 };
        scene.clock.advance(Duration::from_secs(early));
        assert_eq!(scene.drain().await, 0, "after {made}");
        scene.clock.advance(Duration::from_secs(wait + 1 - early));
        assert_eq!(scene.drain().await, 1, "after {made}");
    }
    scene.clock.advance(Duration::from_hours(100));
    assert_eq!(scene.drain().await, 0, "ten are enough");
    let seen = scene.receiver.take();
    assert_eq!(seen.len(), 10);
    assert!(
        seen.iter()
            .all(|one| one.id() == seen[0].id() && one.body == seen[0].body)
    );
    let times: std::collections::BTreeSet<_> =
        seen.iter().map(|one| one.header("webhook-timestamp")).collect();
    assert_eq!(times.len(), 10, "each attempt is signed anew");
    let log = scene.log(&hook).await;
    assert_eq!(log[0]["state"], "exhausted");
    let attempts = log[0]["attempts"].as_array().expect("attempts");
    let numbers: Vec<_> = attempts
        .iter()
        .map(|one| one["number"].as_u64().expect("a number"))
        .collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    assert!(
        attempts
            .iter()
            .all(|one| one["reason_code"] == "http_status" && one["http_status"] == 500)
    );
    assert_eq!(scene.state(&hook).await, "enabled", "one is not enough");
    scene.app.stop().await;
}

/// Lets everything that waits come to its end.
async fn outlast(scene: &Scene) {
    for wait in WAITS {
        scene.clock.advance(Duration::from_secs(wait + 1));
        scene.drain().await;
    }
}

async fn three_deliveries_that_are_given_up_disable_the_webhook(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.receiver.answer(&["500 No"]);
    for slug in ["one", "two"] {
        scene.happen(slug).await;
    }
    scene.drain().await;
    outlast(&scene).await;
    assert_eq!(scene.state(&hook).await, "enabled");
    // A replay that is given up as well counts for nothing.
    let delivery = scene.log(&hook).await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let replay = format!("{}/deliveries/{delivery}/replay", hook.path);
    scene.done("POST", &replay, None).await;
    scene.drain().await;
    outlast(&scene).await;
    assert_eq!(scene.state(&hook).await, "enabled");

    scene.happen("three").await;
    scene.drain().await;
    outlast(&scene).await;
    let webhook = scene.done("GET", &hook.path, None).await;
    assert_eq!(
        (&webhook["state"], &webhook["disabled_reason"]),
        (&json!("disabled"), &json!("deliveries_exhausted"))
    );
    let audited = scene.audited().await;
    assert_eq!(audited[0], "webhook.disabled");
    let refused = scene.call("POST", &replay, None).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "webhook_not_enabled")
    );
    scene.app.stop().await;
}

async fn a_410_disables_at_once(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.receiver.answer(&["500 No", "410 Gone"]);
    scene.happen("one").await;
    scene.drain().await;
    scene.happen("two").await;
    scene.drain().await;
    let webhook = scene.done("GET", &hook.path, None).await;
    assert_eq!(
        (&webhook["state"], &webhook["disabled_reason"]),
        (&json!("disabled"), &json!("receiver_gone"))
    );
    let log = scene.log(&hook).await;
    assert_eq!(
        (&log[0]["state"], &log[0]["attempts"][0]["reason_code"]),
        (&json!("exhausted"), &json!("gone"))
    );
    assert_eq!(log[1]["state"], "discarded", "what waited is not sent");
    scene.receiver.take();
    outlast(&scene).await;
    assert!(scene.receiver.take().is_empty());
    scene.app.stop().await;
}

async fn a_receiver_that_asks_for_time_gets_it(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene
        .receiver
        .answer(&["429 Slowly\r\nretry-after: 600", "204 Fine"]);
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 1);
    // The whole webhook waits, not the one message.
    scene.happen("two").await;
    scene.clock.advance(Duration::from_secs(590));
    assert_eq!(scene.drain().await, 0);
    scene.clock.advance(Duration::from_secs(12));
    assert_eq!(scene.drain().await, 2);
    let log = scene.log(&hook).await;
    assert!(log.iter().all(|one| one["state"] == "delivered"), "{log:?}");
    scene.app.stop().await;
}

/// A receiver that asked for a day.
async fn asked_for_a_day(database: TestDatabase) -> (Scene, Hook) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene
        .receiver
        .answer(&["503 Later\r\nretry-after: 86400", "204 Fine"]);
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 1);
    (scene, hook)
}

/// What was asked for was asked for then: whoever asks whether the receiver is there wants to know now.
async fn a_pause_ends_when_somebody_asks_for_the_receiver(database: TestDatabase) {
    let (scene, hook) = asked_for_a_day(database).await;
    scene.clock.advance(Duration::from_hours(1));
    assert_eq!(scene.drain().await, 0);
    scene.receiver.take();
    scene.done("POST", &format!("{}/verify", hook.path), None).await;
    scene.drain().await;
    let seen = scene.receiver.take();
    let asked = seen
        .iter()
        .any(|one| one.json()["type"] == "webhook.verification");
    assert!(asked, "{seen:?}");
    scene.app.stop().await;
}

/// What was asked for was asked for then: whoever enables it again wants to be told.
async fn a_pause_ends_when_the_webhook_is_disabled(database: TestDatabase) {
    let (scene, hook) = asked_for_a_day(database).await;
    for change in ["disable", "enable"] {
        scene.done("POST", &format!("{}/{change}", hook.path), None).await;
    }
    scene.happen("two").await;
    assert_eq!(scene.drain().await, 1);
    scene.app.stop().await;
}

async fn a_redirect_is_a_failure_and_is_not_followed(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene
        .receiver
        .answer(&["302 Found\r\nlocation: /elsewhere", "204 Fine"]);
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 1);
    assert_eq!(scene.receiver.take().len(), 1);
    let attempt = &scene.log(&hook).await[0]["attempts"][0];
    assert_eq!(
        (&attempt["reason_code"], &attempt["http_status"]),
        (&json!("redirected"), &Value::from(302))
    );
    scene.app.stop().await;
}
