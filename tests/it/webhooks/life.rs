//! A webhook from its making to its end.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};

use super::kit::Scene;
use crate::tables::Tables;

on_both_engines!(
    nothing_goes_out_before_the_receiver_has_answered_a_verification,
    an_event_arrives_once_signed_and_is_logged,
    a_filter_lets_through_what_it_names,
    a_disabled_webhook_gets_nothing_and_is_not_made_up_to,
    another_url_is_another_receiver_with_another_secret,
    a_deleted_webhook_leaves_nothing_behind,
    addresses_that_are_not_public_are_refused,
    a_workspace_has_a_limited_number_of_webhooks,
);

async fn nothing_goes_out_before_the_receiver_has_answered_a_verification(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.hook(&[]).await;
    assert_eq!(scene.state(&hook).await, "unverified");
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 0);
    assert!(scene.receiver.take().is_empty());
    let refused = scene.call("POST", &format!("{}/enable", hook.path), None).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "webhook_not_verified")
    );

    scene.receiver.answer(&["500 No"]);
    let queued = scene.done("POST", &format!("{}/verify", hook.path), None).await;
    assert_eq!(
        (&queued["state"], &queued["cycle"]),
        (&json!("pending"), &json!("verification"))
    );
    assert!(scene.receiver.take().is_empty(), "the API itself calls nobody");
    assert_eq!(scene.drain().await, 1, "it is tried once");
    assert_eq!(scene.state(&hook).await, "unverified");
    assert_eq!(scene.log(&hook).await[0]["attempts"][0]["http_status"], 500);

    scene.receiver.answer(&["200 OK"]);
    scene.receiver.take();
    scene.done("POST", &format!("{}/verify", hook.path), None).await;
    scene.drain().await;
    let seen = scene.receiver.take();
    assert_eq!(seen[0].json()["type"], "webhook.verification");
    assert_eq!(seen[0].signed_by(&hook.secret), (1, true));
    assert_eq!(scene.state(&hook).await, "enabled");
    let audited = scene.audited().await;
    assert_eq!(
        audited
            .iter()
            .filter(|action| *action == "webhook.verified")
            .count(),
        1,
        "{audited:?}"
    );
    scene.app.stop().await;
}

async fn an_event_arrives_once_signed_and_is_logged(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.created"]).await;
    scene.happen("one").await;
    // Whoever numbers events, and however many do at once: each is handed out once.
    futures::future::join_all((0..8).map(|_| scene.publish())).await;
    futures::future::join_all((0..8).map(|_| scene.drain())).await;
    let seen = scene.receiver.take();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].signed_by(&hook.secret), (1, true));
    assert_eq!(seen[0].header("content-type"), "application/json");
    let body = seen[0].json();
    assert_eq!(body["type"], "environment.created");
    assert_eq!(body["id"], seen[0].id());
    assert_eq!(body["data"]["subject"]["type"], "environment");
    assert_eq!(body["data"]["outcome"], "success");
    let log = scene.log(&hook).await;
    assert_eq!(log.len(), 2, "{log:?}");
    let entry = &log[0];
    assert_eq!(entry["message_id"], seen[0].id());
    assert_eq!(
        (&entry["state"], &entry["event_type"]),
        (&json!("delivered"), &json!("environment.created"))
    );
    let attempts = entry["attempts"].as_array().expect("attempts");
    assert_eq!((attempts.len(), &attempts[0]["http_status"]), (1, &json!(204)));
    assert_eq!(
        (&attempts[0]["number"], &attempts[0]["reason_code"]),
        (&json!(1), &Value::Null)
    );
    scene.app.stop().await;
}

async fn a_filter_lets_through_what_it_names(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["member.*"]).await;
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 0);
    let all = json!({ "event_types": [] });
    let changed = scene.done("PATCH", &hook.path, Some(&all)).await;
    assert_eq!(
        (&changed["secret"], &changed["webhook"]["state"]),
        (&Value::Null, &json!("enabled"))
    );
    scene.drain().await;
    scene.receiver.take();
    scene.happen("two").await;
    assert_eq!(scene.drain().await, 1);
    assert_eq!(scene.receiver.take()[0].json()["type"], "environment.created");
    for (types, place) in [
        (json!(["nonsense"]), "/event_types/0"),
        (json!(["member.*", "operation*"]), "/event_types/1"),
    ] {
        let refused = scene
            .call("PATCH", &hook.path, Some(&json!({ "event_types": types })))
            .await;
        assert_eq!(refused.status, 422);
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            place,
            "{}",
            refused.text()
        );
    }
    scene.app.stop().await;
}

async fn a_disabled_webhook_gets_nothing_and_is_not_made_up_to(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    // The first fails and waits; then the webhook is disabled.
    scene.receiver.answer(&["503 Later"]);
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 1);
    let disabled = scene.done("POST", &format!("{}/disable", hook.path), None).await;
    assert_eq!(
        (&disabled["state"], &disabled["disabled_reason"]),
        (&json!("disabled"), &json!("by_request"))
    );
    scene.happen("two").await;
    scene.receiver.answer(&["204 Fine"]);
    scene.clock.advance(std::time::Duration::from_hours(1));
    assert_eq!(scene.drain().await, 0);
    assert_eq!(scene.log(&hook).await[0]["state"], "discarded");
    scene.receiver.take();
    scene.done("POST", &format!("{}/enable", hook.path), None).await;
    scene.happen("three").await;
    assert_eq!(scene.drain().await, 1, "what happens from now on");
    let audited = scene.audited().await;
    assert_eq!(
        audited[..2],
        ["webhook.enabled", "webhook.disabled"],
        "{audited:?}"
    );
    scene.app.stop().await;
}

async fn another_url_is_another_receiver_with_another_secret(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    let url = format!("{}&more=1", scene.receiver.url);
    let body = json!({ "url": url });
    let request = crate::wire::Request::new("PATCH", &hook.path).bearer(&scene.app.token("owner"));
    let bare = scene.wire.send(&request.clone().json(&body)).await;
    assert_eq!(
        (bare.status, bare.code().as_str()),
        (428, "precondition_required")
    );
    let stale = scene
        .wire
        .send(&request.with("if-match", "\"old\"").json(&body))
        .await;
    assert_eq!(
        (stale.status, stale.code().as_str()),
        (412, "precondition_failed")
    );

    let changed = scene.done("PATCH", &hook.path, Some(&body)).await;
    let secret = changed["secret"].as_str().expect("a new secret").to_owned();
    assert_ne!(secret, hook.secret);
    assert_eq!(changed["webhook"]["state"], "unverified");
    assert_eq!(changed["webhook"]["secrets"].as_array().map(Vec::len), Some(1));
    scene.happen("one").await;
    assert_eq!(scene.drain().await, 0);
    scene.done("POST", &format!("{}/verify", hook.path), None).await;
    scene.drain().await;
    let seen = scene.receiver.take();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].signed_by(&secret), seen[0].signed_by(&hook.secret).1),
        ((1, true), false)
    );
    scene.app.stop().await;
}

async fn a_deleted_webhook_leaves_nothing_behind(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let hook = scene.verified(&["environment.*"]).await;
    scene.happen("one").await;
    scene.drain().await;
    scene.happen("two").await;
    let gone = scene.done("DELETE", &hook.path, None).await;
    assert_eq!(gone["deleted_webhook_id"], hook.id.as_str());
    assert_eq!(scene.call("GET", &hook.path, None).await.status, 404);
    scene.receiver.take();
    assert_eq!(scene.drain().await, 0);
    let tables = Tables::of(&scene.app.database).await;
    for (name, rows) in tables.contents().await {
        assert!(
            !name.starts_with("webhook_") || rows.is_empty(),
            "{name}: {rows:?}"
        );
    }
    tables.close().await;
    assert_eq!(scene.audited().await[0], "webhook.deleted");
    scene.app.stop().await;
}

/// J01 to J03 at the door; the whole table stands beside the rule itself.
async fn addresses_that_are_not_public_are_refused(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let cases = [
        ("http://example.com/", "https_required"),
        ("https://user:hunter2@example.com/", "user_not_allowed"),
        ("https://example.com:6379/", "port_not_allowed"),
        ("https://10.0.0.1/", "destination_not_public"),
        ("https://0xa9fea9fe/latest", "destination_not_public"),
        ("https://[::ffff:127.0.0.1]/", "destination_not_public"),
        ("https://[64:ff9b::7f00:1]/", "destination_not_public"),
        ("https://example.com\\@10.0.0.1/", "character_not_allowed"),
    ];
    for (url, expected) in cases {
        let body = json!({ "url": url });
        let refused = scene
            .call("POST", &format!("{}/webhooks", scene.base), Some(&body))
            .await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (422, "webhook_url_invalid"),
            "{url}"
        );
        let problem = refused.json();
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
            (&json!("/url"), &json!(expected)),
            "{url}"
        );
        assert!(!refused.text().contains("hunter2"), "{}", refused.text());
    }
    scene.app.stop().await;
}

async fn a_workspace_has_a_limited_number_of_webhooks(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let body = json!({ "url": scene.receiver.url });
    let path = format!("{}/webhooks", scene.base);
    let tries = (0..24).map(|_| scene.call("POST", &path, Some(&body)));
    let made: Vec<_> = futures::future::join_all(tries).await;
    let codes = made.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(codes, 20);
    let refused = made.iter().find(|reply| reply.status != 201).expect("some");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "webhook_limit_reached")
    );
    scene.app.stop().await;
}
