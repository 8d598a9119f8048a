//! Who comes in and who has to leave: tickets, seats, memberships, and a client that everybody has.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::json;

use super::{
    kit::{Scene, leaving, n, quick},
    reader::{Came, Reader},
};
use crate::wire::{Request, Wire};

on_both_engines!(
    a_ticket_opens_one_stream_of_its_workspace_once,
    a_stream_ends_when_the_membership_is_lost,
    a_role_that_shrinks_takes_effect_in_an_open_stream,
    nobody_takes_all_the_seats,
    a_stream_lasts_as_long_as_it_may_and_its_reader_comes_back,
    curl_reads_a_stream,
    a_head_has_no_endless_body,
);

async fn ticket(scene: &Scene, subject: &str) -> String {
    let made = scene.post(subject, "/events/stream-tickets", &json!({})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.text("/ticket").to_owned()
}

async fn a_ticket_opens_one_stream_of_its_workspace_once(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene.app.base_url.clone();
    let other = scene
        .app
        .home(&scene.app.client("owner"), &scene.app.fabrikam, "x")
        .await;
    let text = ticket(&scene, "owner").await;
    let with = |base: &str, text: &str| format!("{base}/events/stream?ticket={text}");
    let elsewhere = Reader::open(&api, &with(&other.base, &text), &[]).await;
    assert_eq!(elsewhere.status, 401, "a ticket is for one workspace");
    let mut stream = Reader::open(&api, &with(&scene.home.base, &text), &[]).await;
    assert_eq!(stream.status, 200, "{}", stream.head);
    assert_eq!(stream.next().await, Came::Sign);
    scene.flood(1, 1, "environment.created", 0).await;
    assert_eq!(n(&stream.event().await.expect("an event").data), 1);
    let again = Reader::open(&api, &with(&scene.home.base, &text), &[]).await;
    assert_eq!(again.status, 401, "once");
    // Nobody else stores it, and nothing but a stream takes it.
    let stored = scene
        .app
        .database
        .number("SELECT count(*) FROM stream_tickets")
        .await;
    assert_eq!(stored, 0);
    let text = ticket(&scene, "owner").await;
    let feed = Reader::open(&api, &format!("{}/events?ticket={text}", scene.home.base), &[]).await;
    assert_eq!(feed.status, 401);
    // Its time is over.
    scene
        .app
        .database
        .tamper("UPDATE stream_tickets SET expires_at = created_at")
        .await;
    let late = Reader::open(&api, &with(&scene.home.base, &text), &[]).await;
    assert_eq!(late.status, 401);
    // Two who come at the same moment.
    let text = ticket(&scene, "owner").await;
    let path = with(&scene.home.base, &text);
    let both = futures::future::join_all((0..6).map(|_| Reader::open(&api, &path, &[]))).await;
    assert_eq!(both.iter().filter(|reader| reader.status == 200).count(), 1);
    // The membership is read anew.
    scene.member("guest", "readonly").await;
    let text = ticket(&scene, "guest").await;
    leave(&scene, "guest").await;
    let gone = Reader::open(&api, &with(&scene.home.base, &text), &[]).await;
    assert_eq!(gone.status, 404);
    scene.stop().await;
}

async fn leave(scene: &Scene, subject: &str) {
    assert_eq!(scene.app.database.tamper(&leaving(subject)).await, 1);
}

async fn a_stream_ends_when_the_membership_is_lost(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene.beside(quick(|_| ())).await;
    for subject in ["guest", "friend"] {
        scene.member(subject, "readonly").await;
    }
    let owner = scene.app.client("owner");
    let started = scene.home.start(&owner, "provider.connection.check").await;
    let run = format!("/operation-runs/{}/stream", started.text("/run/id"));
    let mut streams = Vec::new();
    for below in ["/events/stream", &run] {
        streams.push(scene.watch(&api.base_url, "guest", below, None).await);
    }
    let mut friend = scene.watch(&api.base_url, "friend", "/events/stream", None).await;
    leave(&scene, "guest").await;
    for stream in &mut streams {
        stream.rest().await;
    }
    let back = scene.watch(&api.base_url, "guest", "/events/stream", None).await;
    assert_eq!(back.status, 404);
    scene.flood(1, 1, "environment.created", 0).await;
    while friend.event().await.expect("others go on").data["data"]["n"] != 1 {}
    scene.app.drain().await;
    api.stop().await;
    scene.stop().await;
}

async fn a_role_that_shrinks_takes_effect_in_an_open_stream(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene
        .beside(quick(|streams| streams.heartbeat = Duration::from_millis(50)))
        .await;
    scene.member("guest", "manager").await;
    scene.newest().await;
    let mut stream = scene.watch(&api.base_url, "guest", "/events/stream", None).await;
    scene.flood(1, 1, "vault.opened", 0).await;
    assert_eq!(n(&stream.event().await.expect("an event").data), 1);
    let sql = "UPDATE members SET role = 'readonly' WHERE role = 'manager'";
    assert_eq!(scene.app.database.tamper(sql).await, 1);
    // Looks at memberships come every 100 ms here, signs of life every 50; some may have waited in the socket.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        assert_eq!(stream.next().await, Came::Sign);
    }
    scene.flood(2, 1, "vault.opened", 0).await;
    scene.flood(3, 1, "environment.created", 0).await;
    assert_eq!(n(&stream.event().await.expect("an event").data), 3);
    api.stop().await;
    scene.stop().await;
}

async fn nobody_takes_all_the_seats(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene
        .beside(quick(|streams| {
            (streams.per_principal, streams.per_process) = (2, 3);
        }))
        .await;
    scene.member("guest", "readonly").await;
    let open = |subject| scene.watch(&api.base_url, subject, "/events/stream", None);
    let (mut one, _two) = (open("owner").await, open("owner").await);
    one.next().await;
    let third = open("owner").await;
    assert_eq!(third.status, 429, "{}", third.head);
    assert!(third.head.contains("retry-after: 5"), "{}", third.head);
    let guest = open("guest").await;
    assert_eq!(guest.status, 200, "another one has seats of his own");
    assert_eq!(open("guest").await.status, 429, "the process has no more");
    drop(guest);
    // The server notices that he has gone when it has something to say.
    scene.flood(1, 1, "environment.created", 0).await;
    one.event().await.expect("an event");
    while open("guest").await.status != 200 {
        scene.flood(2, 1, "environment.created", 0).await;
    }
    api.stop().await;
    scene.stop().await;
}

async fn a_stream_lasts_as_long_as_it_may_and_its_reader_comes_back(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let api = scene
        .beside(quick(|streams| streams.longest = Duration::from_millis(300)))
        .await;
    let visit =
        async |place: Option<&str>| scene.watch(&api.base_url, "owner", "/events/stream", place).await;
    // A visit may be over before anything was said, on a machine that has much to do: then he comes again.
    let begin = Instant::now();
    let place = loop {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "a stream says where it is"
        );
        let mut stream = visit(None).await;
        assert_eq!(stream.rest().await, []);
        if let Some(place) = stream.last_id {
            break place;
        }
    };
    scene.flood(1, 1, "environment.created", 0).await;
    let next = loop {
        assert!(begin.elapsed() < Duration::from_mins(1), "what was missed comes");
        if let Some(event) = visit(Some(&place)).await.event().await {
            break event;
        }
    };
    assert_eq!(n(&next.data), 1);
    api.stop().await;
    scene.stop().await;
}

/// `curl -N`, as everybody has it, in a process of its own.
async fn curl_reads_a_stream(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let url = format!("{}{}", scene.app.base_url, scene.path("/events/stream"));
    let mut curl = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--no-buffer",
            "--fail",
            "--max-time",
            "60",
            "-H",
        ])
        .arg(format!("Authorization: Bearer {}", scene.app.token("owner")))
        .arg(url)
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is there");
    let mut lines = BufReader::new(curl.stdout.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    assert_eq!(line(), "retry: 2000");
    assert!(line().starts_with("id: ") && line().is_empty());
    scene.flood(1, 1, "environment.created", 0).await;
    assert!(line().starts_with("id: "));
    assert_eq!(line(), "event: environment.created");
    assert!(line().starts_with("data: {\"id\":") && line().is_empty());
    curl.kill().expect("killed");
    curl.wait().expect("gone");
    scene.stop().await;
}

async fn a_head_has_no_endless_body(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let wire = Wire::to(&scene.app.base_url);
    let request = Request::new("HEAD", &scene.path("/events/stream")).bearer(&scene.app.token("owner"));
    let reply = wire.send(&request).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("text/event-stream"))
    );
    scene.stop().await;
}
