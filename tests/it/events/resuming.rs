//! A reader that comes back by its last id has lost nothing and got nothing twice, whichever process it comes to.

use integration_tests::{TestDatabase, on_both_engines};

use super::{
    kit::{Scene, n, quick},
    reader::Came,
};

on_both_engines!(
    a_reader_that_is_cut_again_and_again_loses_nothing_and_gets_nothing_twice,
    the_first_lines_say_where_the_reader_is,
    the_place_goes_on_past_what_a_reader_does_not_get,
);

/// Five hundred events, written while a reader reads a few, goes away in the middle, and comes back to the other
/// process.
async fn a_reader_that_is_cut_again_and_again_loses_nothing_and_gets_nothing_twice(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let other = scene.beside(quick(|_| ())).await;
    let doors = [scene.app.base_url.clone(), other.base_url.clone()];
    let mut last = scene.newest().await.to_string();
    let write = async {
        for part in 0..25 {
            scene.flood(part * 20 + 1, 20, "environment.created", 0).await;
        }
    };
    let read = async {
        let (mut seen, mut visits) = (Vec::new(), 0);
        while seen.len() < 500 {
            let mut stream = scene
                .watch(&doors[visits % 2], "owner", "/events/stream", Some(&last))
                .await;
            assert_eq!(stream.status, 200, "{}", stream.head);
            // Each visit is as long as the one before and three events more, and ends in the middle.
            for _ in 0..=(visits * 3 + 1) {
                if seen.len() == 500 {
                    break;
                }
                let event = stream.event().await.expect("it goes on");
                assert_eq!(event.id, event.data["sequence"].to_string());
                seen.push(n(&event.data));
                last = event.id;
            }
            visits += 1;
        }
        (seen, visits)
    };
    let ((), (seen, visits)) = futures::join!(write, read);
    assert_eq!(
        seen,
        (1..=500).collect::<Vec<_>>(),
        "none lost, none twice, in order"
    );
    assert!(visits > 10, "it was cut {visits} times");
    other.stop().await;
    scene.stop().await;
}

async fn the_first_lines_say_where_the_reader_is(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let last = scene.newest().await;
    let mut stream = scene
        .watch(&scene.app.base_url, "owner", "/events/stream", None)
        .await;
    for header in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "transfer-encoding: chunked",
    ] {
        assert!(stream.head.contains(header), "{}", stream.head);
    }
    assert_eq!(stream.next().await, Came::Sign);
    assert_eq!(
        stream.last_id,
        Some(last.to_string()),
        "who is cut before the first event misses none"
    );
    // The header counts, and not what has stood in the address since the reader first came.
    scene.flood(1, 5, "environment.created", 0).await;
    scene.app.settle().await;
    let place = (last + 3).to_string();
    let path = format!("/events/stream?last_event_id={last}");
    let mut stream = scene
        .watch(&scene.app.base_url, "owner", &path, Some(&place))
        .await;
    assert_eq!(n(&stream.event().await.expect("an event").data), 4);
    let mut stream = scene.watch(&scene.app.base_url, "owner", &path, None).await;
    assert_eq!(n(&stream.event().await.expect("an event").data), 1);
    for (id, status) in [("x", 400), ("-1", 400), ("999999", 400), ("1 ", 200)] {
        let stream = scene
            .watch(&scene.app.base_url, "owner", "/events/stream", Some(id))
            .await;
        assert_eq!(stream.status, status, "{id}");
    }
    scene.stop().await;
}

async fn the_place_goes_on_past_what_a_reader_does_not_get(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene
        .beside(quick(|streams| {
            streams.heartbeat = std::time::Duration::from_millis(50);
        }))
        .await;
    let last = scene.newest().await;
    let mut stream = scene
        .watch(&api.base_url, "owner", "/events/stream?type=operation.*", None)
        .await;
    scene.flood(1, 7, "environment.created", 0).await;
    let place = (last + 7).to_string();
    while stream.last_id.as_ref() != Some(&place) {
        assert_eq!(stream.next().await, Came::Sign, "no event of another type");
    }
    scene.flood(8, 1, "operation.started", 0).await;
    assert_eq!(n(&stream.event().await.expect("an event").data), 8);
    api.stop().await;
    scene.stop().await;
}
