//! Signing secrets: shown once, kept sealed, bound to where they sign for, and changed without a
//! gap.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use integration_tests::{TestApp, TestDatabase, on_both_engines};
use kernel::{SystemClock, SystemIds};
use serde_json::json;
use storage_sea_orm::{KeyAdmin, KeyRing};

use super::kit::Scene;
use crate::tables::Tables;

on_both_engines!(
    a_secret_is_shown_once_and_stands_nowhere,
    two_secrets_sign_until_the_overlap_is_over,
    a_secret_does_not_sign_for_another_url,
    a_rotation_of_keys_takes_signing_secrets_along,
);

async fn a_secret_is_shown_once_and_stands_nowhere(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.receiver.answer(&["500 No", "204 Fine"]);
    scene.happen("one").await;
    scene.drain().await;
    let sent = scene.receiver.take().remove(0);
    for path in [
        hook.path.clone(),
        format!("{}/webhooks", scene.base),
        format!("{}/deliveries", hook.path),
    ] {
        let text = scene.call("GET", &path, None).await.text();
        assert!(!text.contains("whsec_"), "{path}: {text}");
        assert!(!text.contains("body-canary"), "{path}: {text}");
    }
    let plain = hook.secret.trim_start_matches("whsec_");
    let bytes = STANDARD.decode(plain).expect("base64");
    let hex = bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"));
    let signature = sent
        .header("webhook-signature")
        .trim_start_matches("v1,")
        .to_owned();
    let tables = Tables::of(&scene.app.database).await;
    for (name, rows) in tables.contents().await {
        for row in rows {
            let upper = row.to_uppercase();
            assert!(
                !row.contains(plain) && !upper.contains(&hex),
                "{name} holds the secret"
            );
            assert!(!row.contains(&signature), "{name} holds a signature");
            // Of what a receiver says nothing is kept, and its URL stands in one place.
            assert!(!row.contains("body-canary"), "{name} holds an answer");
            assert!(
                name == "webhook_endpoints" || !row.contains("hunter2-canary"),
                "{name} holds the query: {row}"
            );
        }
    }
    tables.close().await;
    scene.app.stop().await;
}

async fn two_secrets_sign_until_the_overlap_is_over(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.happen("one").await;
    scene.drain().await;
    let first = scene.receiver.take().remove(0);
    let rotate = format!("{}/rotate-secret", hook.path);
    let rotated = scene
        .done("POST", &rotate, Some(&json!({ "overlap_seconds": 3600 })))
        .await;
    let secret = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(rotated["webhook"]["secrets"].as_array().map(Vec::len), Some(2));
    assert_eq!(rotated["webhook"]["state"], "enabled");

    scene.happen("two").await;
    scene.drain().await;
    let both = scene.receiver.take().remove(0);
    assert_eq!(
        (both.signed_by(&hook.secret), both.signed_by(&secret)),
        ((2, true), (2, true))
    );
    scene.clock.advance(Duration::from_secs(3_601));
    scene.happen("three").await;
    scene.drain().await;
    let one = scene.receiver.take().remove(0);
    assert_eq!(
        (one.signed_by(&hook.secret), one.signed_by(&secret)),
        ((1, false), (1, true))
    );

    // A replay is the same message, signed with what is valid now.
    let log = scene.log(&hook).await;
    let old = log
        .iter()
        .find(|entry| entry["message_id"] == first.id())
        .expect("logged");
    let replay = format!(
        "{}/deliveries/{}/replay",
        hook.path,
        old["id"].as_str().expect("an id")
    );
    assert_eq!(scene.done("POST", &replay, None).await["cycle"], "replay");
    let again = scene.call("POST", &replay, None).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (409, "delivery_not_repeatable")
    );
    assert_eq!(scene.drain().await, 1);
    let repeated = scene.receiver.take().remove(0);
    assert_eq!((repeated.id(), &repeated.body), (first.id(), &first.body));
    assert_eq!(repeated.signed_by(&secret), (1, true));
    assert_eq!(
        scene.audited().await[..2],
        ["webhook.delivery_replayed", "webhook.secret_rotated"]
    );

    // At once: what is known to others signs no more. And two sign at the most.
    for overlap in [3_600, 0] {
        scene
            .done("POST", &rotate, Some(&json!({ "overlap_seconds": overlap })))
            .await;
    }
    scene.happen("four").await;
    scene.drain().await;
    let last = scene.receiver.take().remove(0);
    assert_eq!(last.signed_by(&secret), (1, false));
    let refused = scene
        .call("POST", &rotate, Some(&json!({ "overlap_seconds": 604_801 })))
        .await;
    assert_eq!(refused.status, 422);
    scene.app.stop().await;
}

/// Whoever can write the database cannot have messages signed for a place of his own.
async fn a_secret_does_not_sign_for_another_url(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    let moved = scene.receiver.url.replace("/hook", "/hijacked");
    let sql = format!("UPDATE webhook_endpoints SET url = '{moved}'");
    assert_eq!(scene.app.database.tamper(&sql).await, 1);
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 1);
    assert!(scene.receiver.take().is_empty(), "nothing leaves unsigned");
    let log = scene.log(&hook).await;
    assert_eq!(log[0]["attempts"][0]["reason_code"], "secret_unreadable");
    scene.app.stop().await;
}

async fn a_rotation_of_keys_takes_signing_secrets_along(mut database: TestDatabase) {
    // Registered with the first key alone, before the second one is added.
    database.open().await.close().await.expect("closes");
    database.ring.push_str(&KeyRing::generate_file("next"));
    let url = database.database_url();
    let admin = KeyAdmin::open(
        &url,
        database.key_ring(),
        std::sync::Arc::new(SystemClock),
        std::sync::Arc::new(SystemIds),
    );
    let admin = admin.await.expect("opens");
    admin.add("next").await.expect("registers");
    let scene = Scene::of(TestApp::start(database).await).await;
    let hook = scene.verified(&["environment.*"]).await;
    let report = admin
        .rotate(Some("next"), 10, &mut |_| {})
        .await
        .expect("rotates");
    assert_eq!(
        (report.kid.as_str(), report.dropped),
        ("next", 1),
        "the old data key is gone"
    );
    admin.close().await.expect("closes");
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 1);
    assert_eq!(scene.receiver.take()[0].signed_by(&hook.secret), (1, true));
    scene.app.stop().await;
}
