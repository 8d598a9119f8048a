//! `Idempotency-Key` on what webhooks can do twice: a second webhook, a second secret, a second message.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};

use super::kit::{Scene, URL};
use crate::{
    tables::Tables,
    wire::{Reply, Request},
};

on_both_engines!(
    a_webhook_is_made_once_and_its_secret_is_not_repeated,
    a_secret_is_rotated_once,
    a_delivery_is_sent_again_once,
);

/// The owner's POST, named.
async fn keyed(scene: &Scene, key: &str, path: &str, body: Option<&Value>) -> Reply {
    let request = Request::new("POST", path)
        .bearer(&scene.app.token("owner"))
        .with("idempotency-key", key);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    scene.wire.send(&request).await
}

fn assert_not_shown_again(reply: &Reply) {
    let told = (reply.status, reply.code());
    assert_eq!(
        (told.0, told.1.as_str()),
        (409, "secret_already_shown"),
        "{}",
        reply.text()
    );
    assert!(!reply.text().contains("whsec_"));
}

async fn a_webhook_is_made_once_and_its_secret_is_not_repeated(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let (path, body) = (format!("{}/webhooks", scene.base), json!({ "url": URL }));
    let first = keyed(&scene, "k", &path, Some(&body)).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let secret = first.json()["secret"].as_str().expect("a secret").to_owned();
    assert_not_shown_again(&keyed(&scene, "k", &path, Some(&body)).await);
    let other = json!({ "url": URL, "description": "Another one" });
    let taken = keyed(&scene, "k", &path, Some(&other)).await;
    assert_eq!(taken.code(), "idempotency_key_reused");
    let all = scene.done("GET", &path, None).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1), "{all}");
    let tables = Tables::of(&scene.app.database).await;
    let kept = tables.contents().await["idempotency_records"].join("\n");
    assert!(kept.contains("201") && !kept.contains(&secret), "{kept}");
    tables.close().await;
    // What was refused is not kept: the same key may be sent with what is mended.
    let wrong = json!({ "url": "https://10.0.0.1/", "event_types": [] });
    let refused = keyed(&scene, "l", &path, Some(&wrong)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let mended = keyed(&scene, "l", &path, Some(&body)).await;
    assert_eq!(mended.status, 201, "{}", mended.text());
    scene.app.stop().await;
}

async fn a_secret_is_rotated_once(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.hook(&[]).await;
    let path = format!("{}/rotate-secret", hook.path);
    let body = json!({ "overlap_seconds": 3600 });
    let first = keyed(&scene, "k", &path, Some(&body)).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let after = scene.done("GET", &hook.path, None).await;
    assert_not_shown_again(&keyed(&scene, "k", &path, Some(&body)).await);
    assert_eq!(
        scene.done("GET", &hook.path, None).await,
        after,
        "the secret that was shown still signs"
    );
    let again = keyed(&scene, "another", &path, Some(&body)).await;
    assert_ne!(again.json()["secret"], first.json()["secret"]);
    scene.app.stop().await;
}

async fn a_delivery_is_sent_again_once(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.happen("one").await;
    scene.drain().await;
    assert_eq!(scene.receiver.take().len(), 1);
    let delivery = scene.log(&hook).await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("{}/deliveries/{delivery}/replay", hook.path);
    let first = keyed(&scene, "k", &path, None).await;
    assert_eq!(first.status, 202, "{}", first.text());
    scene.drain().await;
    let second = keyed(&scene, "k", &path, None).await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!((second.status, &second.body), (202, &first.body));
    scene.drain().await;
    assert_eq!(
        scene.receiver.take().len(),
        1,
        "the message went out again once, not twice"
    );
    scene.app.stop().await;
}
