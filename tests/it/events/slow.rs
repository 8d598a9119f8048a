//! Readers who do not read: nothing piles up for them, they keep nobody from anything, and they lose nothing.

use std::time::{Duration, Instant};

use integration_tests::{TestDatabase, on_both_engines};

use super::{
    kit::{Scene, n, quick},
    reader::Reader,
};

on_both_engines!(
    a_slow_reader_is_cut_off_and_goes_on_by_its_last_id,
    a_reader_who_takes_nothing_loses_the_connection,
    a_server_that_stops_does_not_wait_for_streams,
);

/// As many as fill what the system keeps for a socket many times over.
const ROUNDS: usize = 24;
const EACH: usize = 20;
const PADDING: usize = 16 * 1024;
const WINDOW: u32 = 256 * 1024;

async fn slow_one(scene: &Scene, api: &str, last: &str) -> Reader {
    let bearer = format!("Bearer {}", scene.app.token("owner"));
    let headers = [("authorization", bearer.as_str()), ("last-event-id", last)];
    let mut reader = Reader::open_with(api, &scene.path("/events/stream"), &headers, Some(WINDOW)).await;
    reader.next().await;
    reader
}

async fn a_slow_reader_is_cut_off_and_goes_on_by_its_last_id(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene.beside(quick(|streams| streams.buffer = 2)).await;
    let last = scene.newest().await.to_string();
    let mut slow = slow_one(&scene, &api.base_url, &last).await;
    let mut fast = scene
        .watch(&api.base_url, "owner", "/events/stream", Some(&last))
        .await;
    for round in 0..ROUNDS {
        scene
            .flood(round * EACH + 1, EACH, "environment.created", PADDING)
            .await;
        for number in 1..=EACH {
            // One who reads gets everything meanwhile.
            let event = fast.event().await.expect("an event");
            assert_eq!(n(&event.data), (round * EACH + number) as u64);
        }
    }
    let mut seen: Vec<_> = slow.rest().await.iter().map(|event| n(&event.data)).collect();
    assert!(seen.len() < ROUNDS * EACH, "it was cut off, after {}", seen.len());
    let place = slow.last_id.clone().expect("an id");
    let mut back = scene
        .watch(&api.base_url, "owner", "/events/stream", Some(&place))
        .await;
    while seen.len() < ROUNDS * EACH {
        seen.push(n(&back.event().await.expect("an event").data));
    }
    assert_eq!(seen, (1..=(ROUNDS * EACH) as u64).collect::<Vec<_>>());
    api.stop().await;
    scene.stop().await;
}

async fn a_reader_who_takes_nothing_loses_the_connection(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene
        .beside(quick(|streams| {
            streams.stall = Duration::from_secs(1);
            streams.per_principal = 1;
        }))
        .await;
    let last = scene.newest().await.to_string();
    let slow = slow_one(&scene, &api.base_url, &last).await;
    scene
        .flood(1, ROUNDS * EACH, "environment.created", PADDING)
        .await;
    scene.app.settle().await;
    // The one seat is free again without a word of the reader.
    let begin = Instant::now();
    loop {
        let next = scene.watch(&api.base_url, "owner", "/events/stream", None).await;
        if next.status == 200 {
            break;
        }
        assert_eq!(next.status, 429, "{}", next.head);
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "the seat is never free"
        );
    }
    drop(slow);
    api.stop().await;
    scene.stop().await;
}

async fn a_server_that_stops_does_not_wait_for_streams(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene.beside(quick(|streams| streams.per_principal = 100)).await;
    let owner = scene.app.client("owner");
    let started = scene.home.start(&owner, "provider.connection.check").await;
    let run = format!("/operation-runs/{}/stream", started.text("/run/id"));
    let mut readers = Vec::new();
    for number in 0..30 {
        let below = if number % 2 == 0 { "/events/stream" } else { &run };
        let mut reader = scene.watch(&api.base_url, "owner", below, None).await;
        reader.next().await;
        readers.push(reader);
    }
    let begin = Instant::now();
    let ends = futures::future::join_all(readers.iter_mut().map(Reader::rest));
    futures::join!(api.stop(), ends);
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "took {:?}",
        begin.elapsed()
    );
    scene.app.drain().await;
    scene.stop().await;
}
