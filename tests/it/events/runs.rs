//! A run as a stream: every change of it, its progress too, then its end, and no way to come back for ever.

use integration_tests::{TestDatabase, on_both_engines};

use super::kit::Scene;
use crate::wire::{Request, Wire};

on_both_engines!(
    a_run_is_shown_from_its_start_to_its_end,
    progress_makes_no_event_and_is_shown_nevertheless,
    waiting_readers_get_the_news_of_the_process_s_own_look,
);

async fn a_run_is_shown_from_its_start_to_its_end(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let owner = scene.app.client("owner");
    let started = scene.home.start(&owner, "provider.connection.check").await;
    let below = format!("/operation-runs/{}/stream", started.text("/run/id"));
    let mut stream = scene.watch(&scene.app.base_url, "owner", &below, None).await;
    let first = stream.event().await.expect("an event");
    assert_eq!(
        (first.name.as_str(), first.data["status"].as_str()),
        ("run", Some("queued"))
    );
    assert_eq!(first.data["allowed_actions"][0], "cancel", "{}", first.data);
    let mut again = scene
        .watch(&scene.app.base_url, "owner", &below, Some(&first.id))
        .await;
    scene.app.drain().await;
    let events = stream.rest().await;
    let [.., run, end] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(
        (run.name.as_str(), run.data["outcome"].as_str()),
        ("run", Some("succeeded"))
    );
    assert_eq!(
        (end.name.as_str(), end.id.as_str(), end.data["outcome"].as_str()),
        ("end", "end", Some("succeeded"))
    );
    let news = again.event().await.expect("an event");
    assert_ne!(news.id, first.id, "what the reader has is not sent again");
    // A browser comes back, and is told to stop. Whoever comes for the first time sees the end.
    let after = scene
        .watch(&scene.app.base_url, "owner", &below, Some("end"))
        .await;
    assert_eq!(after.status, 204, "{}", after.head);
    let mut late = scene.watch(&scene.app.base_url, "owner", &below, None).await;
    let names: Vec<_> = late.rest().await.into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["run", "end"]);
    scene.stop().await;
}

async fn progress_makes_no_event_and_is_shown_nevertheless(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    scene.member("reader", "readonly").await;
    let owner = scene.app.client("owner");
    let started = scene.home.start(&owner, "inventory.sync").await;
    let below = format!("/operation-runs/{}/stream", started.text("/run/id"));
    let mut stream = scene.watch(&scene.app.base_url, "reader", &below, None).await;
    let first = stream.event().await.expect("an event");
    assert_eq!(
        first.data["allowed_actions"].as_array().map(Vec::len),
        Some(0),
        "a reader may cancel nothing"
    );
    for done in [10, 20, 90] {
        let sql = format!("UPDATE operation_runs SET progress_processed = {done}, progress_total = 90");
        assert_eq!(scene.app.database.tamper(&sql).await, 1);
        let news = stream.event().await.expect("an event");
        assert_eq!(news.data["progress"]["processed"], done, "{}", news.data);
    }
    scene.app.drain().await;
    assert_eq!(stream.rest().await.last().expect("an end").name, "end");
    scene.stop().await;
}

async fn waiting_readers_get_the_news_of_the_process_s_own_look(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let owner = scene.app.client("owner");
    let started = scene.home.start(&owner, "provider.connection.check").await;
    let path = scene.path(&format!("/operation-runs/{}", started.text("/run/id")));
    let wire = Wire::to(&scene.app.base_url);
    let get = || {
        Request::get(&path)
            .bearer(&scene.app.token("owner"))
            .with("prefer", "wait=30")
    };
    let seen = wire
        .send(&Request::get(&path).bearer(&scene.app.token("owner")))
        .await;
    let tag = seen.header("etag").expect("a tag").to_owned();
    let drain = scene.app.drain();
    let (until_news, until_end) = (get().with("if-none-match", &tag), get());
    let (news, end, _) = futures::join!(wire.send(&until_news), wire.send(&until_end), drain);
    assert_eq!((news.status, end.status), (200, 200));
    assert_ne!(news.header("etag"), Some(tag.as_str()));
    assert_eq!(end.json()["status"], "completed");
    scene.stop().await;
}
