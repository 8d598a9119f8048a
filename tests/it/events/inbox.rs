//! The inbox over HTTP: one's own, and what one does with it.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};

use super::kit::Scene;

on_both_engines!(
    whoever_started_a_run_is_told_of_its_end_once,
    notifications_are_read_one_by_one_and_all_together,
    a_start_that_was_refused_and_a_run_that_goes_on_make_no_word,
);

async fn inbox(scene: &Scene, subject: &str, query: &str) -> Value {
    scene.app.settle().await;
    let answer = scene.get(subject, &format!("/notifications{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// Runs `operation` for `subject`, from its start to its end.
async fn perform(scene: &Scene, subject: &str, operation: &str) -> String {
    let started = scene.home.start(&scene.app.client(subject), operation).await;
    scene.app.drain().await;
    started.text("/run/id").to_owned()
}

async fn whoever_started_a_run_is_told_of_its_end_once(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    scene.member("operator", "operator").await;
    let run = perform(&scene, "operator", "provider.connection.check").await;
    let list = inbox(&scene, "operator", "").await;
    let [item] = list["items"].as_array().expect("items").as_slice() else {
        panic!("{list}");
    };
    assert_eq!(
        (&item["type"], &list["unread_count"]),
        (&json!("operation_run_ended"), &json!(1))
    );
    assert_eq!(
        (&item["run"]["id"], &item["run"]["outcome"]),
        (&json!(run), &json!("succeeded"))
    );
    assert_eq!(item["run"]["href"], scene.path(&format!("/operation-runs/{run}")));
    let event = scene
        .get(
            "owner",
            &format!("/events?subject_id={run}&type=operation.completed"),
        )
        .await;
    assert_eq!(
        (&event.body["items"][0]["sequence"], &event.body["items"][0]["id"]),
        (&item["sequence"], &item["id"])
    );
    assert_eq!(
        inbox(&scene, "owner", "").await["items"],
        json!([]),
        "nobody else is told"
    );
    // Canceled by somebody else: whoever started it is told.
    let started = scene
        .home
        .start(&scene.app.client("operator"), "inventory.sync")
        .await;
    let cancel = format!("/operation-runs/{}/cancel", started.text("/run/id"));
    assert_eq!(scene.post("owner", &cancel, &json!({})).await.status, 200);
    let list = inbox(&scene, "operator", "").await;
    assert_eq!(
        (&list["items"][0]["run"]["outcome"], &list["unread_count"]),
        (&json!("canceled"), &json!(2))
    );
    scene.stop().await;
}

async fn notifications_are_read_one_by_one_and_all_together(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    scene.member("guest", "operator").await;
    for _ in 0..3 {
        perform(&scene, "owner", "provider.connection.check").await;
    }
    perform(&scene, "guest", "provider.connection.check").await;
    let list = inbox(&scene, "owner", "").await;
    let ids: Vec<_> = (0..3)
        .map(|at| list["items"][at]["id"].as_str().expect("an id").to_owned())
        .collect();
    let mark = |id: &str, what: &str| format!("/notifications/{id}/{what}");
    let read = scene.post("owner", &mark(&ids[1], "read"), &json!({})).await;
    assert!(read.body["read_at"].is_string(), "{}", read.body);
    let again = scene.post("owner", &mark(&ids[1], "read"), &json!({})).await;
    assert_eq!(again.body, read.body, "since the first time");
    assert_eq!(
        inbox(&scene, "owner", "?unread=true").await["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let unread = scene.post("owner", &mark(&ids[1], "unread"), &json!({})).await;
    assert!(unread.body["read_at"].is_null());
    let read = scene
        .post("owner", "/notifications/read-all", &json!({ "up_to": ids[1] }))
        .await;
    assert_eq!(
        read.body,
        json!({ "marked": 2, "unread_count": 1 }),
        "the newest was not seen yet"
    );
    let left = inbox(&scene, "owner", "?unread=true").await;
    assert_eq!(left["items"][0]["id"], json!(ids[0]));
    // Those of others are not there.
    for what in ["read", "unread"] {
        let foreign = scene.post("guest", &mark(&ids[0], what), &json!({})).await;
        let absent = scene
            .post("guest", &mark(&scene.home.workspace, what), &json!({}))
            .await;
        assert_eq!((foreign.status, absent.status), (404, 404), "{}", foreign.body);
    }
    let foreign = scene
        .post("guest", "/notifications/read-all", &json!({ "up_to": ids[0] }))
        .await;
    assert_eq!(
        (foreign.status, foreign.text("/code")),
        (422, "invalid_reference")
    );
    assert_eq!(inbox(&scene, "owner", "").await["unread_count"], 1);
    let page = inbox(&scene, "owner", "?limit=2").await;
    let next = page["next_cursor"].as_str().expect("a cursor");
    let rest = inbox(&scene, "owner", &format!("?limit=2&cursor={next}")).await;
    assert_eq!(
        (&rest["items"][0]["id"], &rest["next_cursor"]),
        (&json!(ids[2]), &Value::Null)
    );
    scene.stop().await;
}

async fn a_start_that_was_refused_and_a_run_that_goes_on_make_no_word(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let disable = format!("/connections/{}/disable", scene.home.connection);
    assert_eq!(scene.post("owner", &disable, &json!({})).await.status, 200);
    let refused = scene
        .home
        .start(&scene.app.client("owner"), "inventory.sync")
        .await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let enable = format!("/connections/{}/enable", scene.home.connection);
    assert_eq!(scene.post("owner", &enable, &json!({})).await.status, 200);
    let waiting = scene
        .home
        .start(&scene.app.client("owner"), "inventory.sync")
        .await;
    assert_eq!(waiting.status, 202, "{}", waiting.body);
    assert_eq!(inbox(&scene, "owner", "").await["items"], json!([]));
    // Whoever has left by then is not told.
    scene.member("guest", "operator").await;
    scene.app.drain().await;
    assert_eq!(inbox(&scene, "owner", "").await["unread_count"], 1);
    scene
        .home
        .start(&scene.app.client("guest"), "provider.connection.check")
        .await;
    let leave = "DELETE FROM members WHERE role = 'operator'";
    assert_eq!(scene.app.database.tamper(leave).await, 1);
    scene.app.drain().await;
    scene.app.settle().await;
    assert_eq!(
        scene
            .app
            .database
            .number("SELECT count(*) FROM notifications")
            .await,
        1
    );
    scene.stop().await;
}
