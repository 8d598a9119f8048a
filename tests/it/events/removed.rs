//! Whoever was removed hears nothing of what happened with it and after it, whatever he waits in: a stream, a
//! stream that still reads what was missed, an answer that waits.
//!
//! Memberships are not looked at again in time within these tests.

use std::time::Duration;

use integration_tests::{Beside, TestDatabase, on_both_engines};
use serde_json::json;

use super::{
    kit::{Scene, leaving, n, quick},
    reader::Reader,
};
use crate::wire::{Reply, Request, Wire};

on_both_engines!(
    a_stream_tells_nothing_of_it,
    a_stream_of_a_run_tells_nothing_of_it,
    a_stream_that_catches_up_tells_nothing_of_it,
    a_request_that_waits_for_events_tells_nothing_of_it,
    a_request_that_waits_for_a_run_answers_whoever_the_caller_is_by_now,
);

async fn api_of(scene: &Scene) -> Beside {
    let hour = Duration::from_hours(1);
    scene.beside(quick(|streams| streams.recheck = hour)).await
}

/// Removes `guest`, says so, and does this besides: one change.
async fn remove_guest(scene: &Scene, besides: &str) {
    let together = [
        "BEGIN",
        &leaving("guest"),
        &scene.flooding(1, 1, "member.removed", 0),
        besides,
        "COMMIT",
    ];
    scene.app.database.tamper(&together.join("; ")).await;
}

async fn a_stream_tells_nothing_of_it(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = api_of(&scene).await;
    scene.member("guest", "readonly").await;
    scene.newest().await;
    let mut stream = scene.watch(&api.base_url, "guest", "/events/stream", None).await;
    scene.flood(1, 1, "environment.created", 0).await;
    assert_eq!(n(&stream.event().await.expect("an event").data), 1);
    remove_guest(&scene, &scene.flooding(3, 100, "environment.created", 0)).await;
    assert_eq!(stream.rest().await, []);
    api.stop().await;
    scene.stop().await;
}

async fn a_stream_of_a_run_tells_nothing_of_it(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = api_of(&scene).await;
    scene.member("guest", "readonly").await;
    let owner = scene.app.client("owner");
    let started = scene.home.start(&owner, "provider.connection.check").await;
    let below = format!("/operation-runs/{}/stream", started.text("/run/id"));
    let mut stream = scene.watch(&api.base_url, "guest", &below, None).await;
    stream.event().await.expect("the run as it is");
    let besides = "UPDATE operation_runs SET progress_processed = 1, progress_total = 2";
    remove_guest(&scene, besides).await;
    assert_eq!(stream.rest().await, []);
    scene.app.drain().await;
    api.stop().await;
    scene.stop().await;
}

/// More than the system keeps for a socket, in pages of 200.
const MISSED: usize = 1000;
const PADDING: usize = 16 * 1024;
const WINDOW: u32 = 256 * 1024;

async fn a_stream_that_catches_up_tells_nothing_of_it(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = api_of(&scene).await;
    scene.member("guest", "readonly").await;
    let last = scene.newest().await.to_string();
    scene.flood(1, MISSED, "environment.created", PADDING).await;
    scene.newest().await;
    let bearer = format!("Bearer {}", scene.app.token("guest"));
    let headers = [("authorization", bearer.as_str()), ("last-event-id", &last)];
    let path = scene.path("/events/stream");
    let mut stream = Reader::open_with(&api.base_url, &path, &headers, Some(WINDOW)).await;
    assert_eq!(n(&stream.event().await.expect("an event").data), 1);
    remove_guest(&scene, "SELECT 1").await;
    scene.newest().await;
    let heard = stream.rest().await;
    assert!(heard.iter().all(|event| event.name == "environment.created"));
    assert!(
        heard.len() < MISSED - 1,
        "it ended before the end of what was missed"
    );
    api.stop().await;
    scene.stop().await;
}

/// Sends these, does something while they wait, and gets the answers.
async fn while_waiting(scene: &Scene, api: &Beside, requests: &[Request], doing: impl Future) -> Vec<Reply> {
    let wire = Wire::to(&api.base_url);
    let replies = futures::future::join_all(requests.iter().map(|request| wire.send(request)));
    let meanwhile = async {
        // Who asked before them is waiting when these are answered: all go the same way.
        let look = Request::get(&scene.path("/events?limit=1")).bearer(&scene.app.token("owner"));
        for _ in 0..20 {
            assert_eq!(wire.send(&look).await.status, 200);
        }
        doing.await;
    };
    futures::join!(replies, meanwhile).0
}

fn waiting(scene: &Scene, subject: &str, below: &str, tag: Option<&str>) -> Request {
    let request = Request::get(&scene.path(below))
        .bearer(&scene.app.token(subject))
        .with("prefer", "wait=30");
    match tag {
        Some(tag) => request.with("if-none-match", tag),
        None => request,
    }
}

async fn a_request_that_waits_for_events_tells_nothing_of_it(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = api_of(&scene).await;
    scene.member("guest", "readonly").await;
    let below = format!("/events?after={}", scene.newest().await);
    let requests = ["owner", "guest"].map(|subject| waiting(&scene, subject, &below, None));
    let replies = Box::pin(while_waiting(
        &scene,
        &api,
        &requests,
        remove_guest(&scene, "SELECT 1"),
    ))
    .await;
    assert_eq!(replies[0].json()["items"][0]["type"], "member.removed");
    assert_eq!(replies[1].status, 404, "{}", replies[1].text());
    api.stop().await;
    scene.stop().await;
}

async fn a_request_that_waits_for_a_run_answers_whoever_the_caller_is_by_now(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = api_of(&scene).await;
    scene.member("guest", "readonly").await;
    scene.member("boss", "manager").await;
    let owner = scene.app.client("owner");
    let started = scene.home.start(&owner, "provider.connection.check").await;
    let below = format!("/operation-runs/{}", started.text("/run/id"));
    let wire = Wire::to(&api.base_url);
    let mut requests = Vec::new();
    for subject in ["boss", "guest"] {
        let get = Request::get(&scene.path(&below)).bearer(&scene.app.token(subject));
        let seen = wire.send(&get).await;
        let may = seen.json()["allowed_actions"] != json!([]);
        assert_eq!(may, subject == "boss", "{}", seen.text());
        requests.push(waiting(&scene, subject, &below, seen.header("etag")));
    }
    let besides = "UPDATE members SET role = 'readonly' WHERE role = 'manager';
        UPDATE operation_runs SET progress_processed = 1, progress_total = 2";
    let replies = Box::pin(while_waiting(
        &scene,
        &api,
        &requests,
        remove_guest(&scene, besides),
    ))
    .await;
    let run = replies[0].json();
    assert_eq!(run["progress"]["processed"], 1, "{run}");
    assert_eq!(run["allowed_actions"], json!([]), "{run}");
    assert_eq!(replies[1].status, 404, "{}", replies[1].text());
    scene.app.drain().await;
    api.stop().await;
    scene.stop().await;
}
