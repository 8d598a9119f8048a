//! Schedules over HTTP: made, looked at, changed, paused and resumed.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};

use crate::{
    access::cases::{Place, schedule},
    fake_provider::core::Core,
};

on_both_engines!(
    a_schedule_is_made_changed_paused_and_resumed,
    what_is_no_schedule_is_refused,
);

const BASE: &str = "/api/v1/workspaces/{workspace_id}/schedules";

async fn make(core: &Core, place: &Place) -> (String, Value) {
    let made = core.post(&place.fill(BASE), &schedule(place)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let view = made.json();
    (
        format!("{}/{}", place.fill(BASE), view["id"].as_str().expect("an id")),
        view,
    )
}

async fn a_schedule_is_made_changed_paused_and_resumed(database: TestDatabase) {
    let core = Core::start(database).await;
    let place = core.environment("site-1").await;
    let (path, made) = make(&core, &place).await;
    assert_eq!(
        (&made["state"], &made["cron"]),
        (&json!("active"), &json!("0 3 * * *"))
    );
    assert_eq!(made["next_times"].as_array().map(Vec::len), Some(5));
    assert!(made["next_due_at"].as_str() >= made["next_times"][0].as_str());
    assert_eq!(core.get(&path).await.json(), made);
    let change = json!({ "cron": "0  4 * * *", "jitter_seconds": 0 });
    let changed = core.change("PATCH", &path, Some(&change)).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json();
    assert_eq!(changed["cron"], json!("0 4 * * *"));
    assert_eq!(
        changed["next_due_at"], changed["next_times"][0],
        "no jitter any more"
    );
    let paused = core.change("POST", &format!("{path}/pause"), None).await.json();
    assert_eq!(
        (&paused["state"], &paused["paused"]["by"]),
        (&json!("paused"), &json!("person"))
    );
    assert_eq!(
        (&paused["next_due_at"], &paused["next_times"]),
        (&Value::Null, &json!([]))
    );
    let resumed = core.change("POST", &format!("{path}/resume"), None).await.json();
    assert_eq!(
        (&resumed["state"], &resumed["next_times"]),
        (&json!("active"), &changed["next_times"])
    );
    assert_eq!(core.change("DELETE", &path, None).await.status, 204);
    assert_eq!(core.get(&path).await.status, 404);
    core.stop().await;
}

async fn what_is_no_schedule_is_refused(database: TestDatabase) {
    let core = Core::start(database).await;
    let place = core.environment("site-1").await;
    for (field, value, pointer, code) in [
        ("cron", json!("*/5 * * * *"), "/cron", "too_often"),
        ("cron", json!("0 0 31 2 *"), "/cron", "never_comes"),
        ("cron", json!("@daily"), "/cron", "not_a_cron_expression"),
        ("time_zone", json!("Berlin"), "/time_zone", "not_a_time_zone"),
        ("jitter_seconds", json!(21601), "/jitter_seconds", "too_long"),
        (
            "operation_type",
            json!("operations.bulk"),
            "/operation_type",
            "not_startable",
        ),
        (
            "all_environments",
            json!(true),
            "/all_environments",
            "not_with_environment_id",
        ),
    ] {
        let mut body = schedule(&place);
        body[field] = value;
        let refused = core.post(&place.fill(BASE), &body).await;
        let errors = &refused.json()["errors"];
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert_eq!(*errors, json!([{ "pointer": pointer, "code": code }]), "{field}");
    }
    let turns = json!({ "cron": "30 2 29 2 *", "time_zone": "Europe/Berlin" });
    let preview = core.post(&place.fill(&format!("{BASE}/preview")), &turns).await;
    let first = preview.json()["next_times"][0].clone();
    assert!(
        first
            .as_str()
            .is_some_and(|time| time.ends_with("-02-29T01:30:00Z")),
        "{first}"
    );
    core.stop().await;
}
