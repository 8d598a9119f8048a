//! What a worker owes: at least once, under the same id, and nothing written by who is too late.

use std::{sync::Arc, time::Duration};

use integration_tests::{TestDatabase, on_both_engines};
use kernel::{Clock as _, SystemClock};
use tokio_util::sync::CancellationToken;
use webhooks::{Attempt, ClaimLimits, Content, Cycle, DeliveryQueue as _, Fence, Next};
use worker::DeliverySettings;

use super::kit::{Scene, deliverer};

on_both_engines!(
    a_worker_that_is_lost_after_sending_leaves_the_message_to_another_one,
    what_was_discarded_meanwhile_is_not_written,
    two_deliverers_share_the_work_and_send_nothing_twice,
    a_slow_receiver_holds_up_itself_alone,
    the_loop_delivers_by_itself_and_ends_when_it_is_told,
);

fn limits(lease: Duration) -> ClaimLimits {
    ClaimLimits {
        total: 16,
        per_webhook: 4,
        lease,
    }
}

fn delivered(number: u32) -> Attempt {
    Attempt {
        number,
        cycle: Cycle::Event,
        at: SystemClock.now(),
        took: Duration::from_millis(5),
        status: Some(204),
        failure: None,
    }
}

async fn a_worker_that_is_lost_after_sending_leaves_the_message_to_another_one(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.happen("one").await;
    let store = &scene.app.program.database;
    // Takes and sends, and does not come to write it down: its lease is over at once.
    scene.publish().await;
    let lost = store
        .claim(SystemClock.now(), limits(Duration::ZERO))
        .await
        .expect("claims");
    assert_eq!(lost.len(), 1);
    let sent_first = (lost[0].message_id.clone(), lost[0].body());

    assert_eq!(scene.drain().await, 1, "another one takes it");
    let seen = scene.receiver.take();
    assert_eq!(
        (seen[0].id(), seen[0].body.as_bytes()),
        (sent_first.0.as_str(), sent_first.1.as_slice())
    );
    let late = store.record(&lost[0], &delivered(1), Next::Exhausted, None).await;
    assert_eq!(late.expect("answers"), Fence::Lost);
    let log = scene.log(&hook).await;
    assert_eq!(log[0]["state"], "delivered");
    let numbers: Vec<_> = log[0]["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|one| one["number"].as_u64())
        .collect();
    assert_eq!(numbers, [Some(2)], "the first never told how it went");
    scene.app.stop().await;
}

async fn what_was_discarded_meanwhile_is_not_written(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.happen("one").await;
    let store = &scene.app.program.database;
    scene.publish().await;
    let held = store
        .claim(SystemClock.now(), limits(Duration::from_mins(1)))
        .await
        .expect("claims");
    let again = store
        .claim(SystemClock.now(), limits(Duration::from_mins(1)))
        .await
        .expect("claims");
    assert!(again.is_empty(), "what is held is held");
    scene.done("POST", &format!("{}/disable", hook.path), None).await;
    let late = store.record(&held[0], &delivered(1), Next::Delivered, None).await;
    assert_eq!(late.expect("answers"), Fence::Lost);
    assert_eq!(scene.log(&hook).await[0]["state"], "discarded");
    scene.app.stop().await;
}

async fn two_deliverers_share_the_work_and_send_nothing_twice(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    scene.verified(&["environment.*"]).await;
    for number in 0..12 {
        scene.happen(&format!("e-{number}")).await;
    }
    let others: Vec<_> = (0..3)
        .map(|_| deliverer(&scene.app, &scene.clock, DeliverySettings::default()))
        .collect();
    scene.publish().await;
    let drains = futures::future::join_all(others.iter().map(worker::Deliverer::drain)).await;
    let made: usize = drains
        .into_iter()
        .map(|made| made.expect("the queue answers"))
        .sum();
    assert_eq!(made, 12);
    let ids: std::collections::BTreeSet<_> = scene
        .receiver
        .take()
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    assert_eq!(ids.len(), 12);
    scene.app.stop().await;
}

async fn a_slow_receiver_holds_up_itself_alone(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let (one, two) = (
        scene.verified(&["environment.*"]).await,
        scene.verified(&["environment.*"]).await,
    );
    let mut later = SystemClock.now();
    for number in 0..6 {
        if number == 4 {
            later = SystemClock.now();
        }
        scene.happen(&format!("e-{number}")).await;
        scene.publish().await;
    }
    let store = &scene.app.program.database;
    let first = store
        .claim(SystemClock.now(), limits(Duration::from_mins(1)))
        .await
        .expect("claims");
    let of = |id: &str| {
        first
            .iter()
            .filter(|held| held.webhook.id.to_string() == id)
            .count()
    };
    assert_eq!(
        (of(&one.id), of(&two.id)),
        (4, 4),
        "four of each, although there is room for more"
    );
    let oldest = first.iter().all(|held| match &held.content {
        Content::Event(event) => event.occurred_at < later,
        Content::Verification => false,
    });
    assert!(oldest, "the oldest first: {first:?}");
    let more = store
        .claim(SystemClock.now(), limits(Duration::from_mins(1)))
        .await
        .expect("claims");
    assert!(more.is_empty(), "those that are under way count");
    scene.app.stop().await;
}

async fn the_loop_delivers_by_itself_and_ends_when_it_is_told(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    scene.verified(&["environment.*"]).await;
    let settings = DeliverySettings {
        poll: Duration::from_millis(10),
        ..DeliverySettings::default()
    };
    let (looping, shutdown) = (
        Arc::new(deliverer(&scene.app, &scene.clock, settings)),
        CancellationToken::new(),
    );
    let stop = shutdown.clone();
    let task = tokio::spawn(async move { looping.run(stop).await });
    scene.happen("one").await;
    scene.publish().await;
    let arrived = tokio::time::timeout(Duration::from_secs(30), async {
        while scene.receiver.take().is_empty() {
            tokio::task::yield_now().await;
        }
    });
    arrived.await.expect("it arrives");
    shutdown.cancel();
    task.await.expect("ends");
    scene.app.stop().await;
}
