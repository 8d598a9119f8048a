//! A start over many environments, over HTTP: an answer for each of them, and one run that holds the new
//! ones together.

use integration_tests::{TestDatabase, on_both_engines};
use provider_core::testing::FakeProvider;
use serde_json::{Value, json};

use crate::{access::cases::Place, fake_provider::core::Core};

on_both_engines!(
    each_environment_has_its_answer_in_the_order_asked,
    a_group_is_canceled_with_its_runs,
    a_group_is_not_started_by_name_and_not_over_too_many,
);

const RUNS: &str = "/api/v1/workspaces/{workspace_id}/operation-runs";

/// Another environment of the workspace, with a connection to `site` if there is one.
async fn another(core: &Core, place: &Place, slug: &str, site: Option<&str>) -> Place {
    let path = place.fill("/api/v1/workspaces/{workspace_id}/environments");
    let made = core
        .post(&path, &json!({ "display_name": "Another", "slug": slug }))
        .await;
    let environment = made.json()["id"].as_str().expect("an id").to_owned();
    let place = Place {
        environment,
        ..place.clone()
    };
    match site {
        None => place,
        Some(site) => {
            let body = json!({
                "environment_id": place.environment, "provider": "fake", "connection_type": "dedicated",
                "display_name": "A connection", "scope_identifier": site,
                "credential": {
                    "kind": "client_secret", "client_identifier": "somebody", "secret": FakeProvider::SECRET,
                },
            });
            core.add(&place, &body).await
        }
    }
}

async fn bulk(core: &Core, place: &Place, body: &Value) -> Value {
    let reply = core.post(&place.fill(&format!("{RUNS}/bulk")), body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()
}

fn dispositions(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item["disposition"].as_str().expect("a text"))
        .collect()
}

async fn each_environment_has_its_answer_in_the_order_asked(database: TestDatabase) {
    let core = Core::start(database).await;
    let free = core.connect("site-free", FakeProvider::SECRET).await;
    let same = another(&core, &free, "same", Some("SITE-SAME")).await;
    let busy = another(&core, &free, "busy", Some("SITE-BUSY")).await;
    let bare = another(&core, &free, "bare", None).await;
    let theirs = core.environment("site-theirs").await;
    let nowhere = Place::nowhere();
    assert_eq!(core.start_operation(&same, "inventory.sync").await.status, 202);
    assert_eq!(
        core.start_operation(&busy, "compliance.snapshot").await.status,
        202
    );
    let asked = [&theirs, &busy, &free, &bare, &free, &same, &nowhere].map(|place| &place.environment);
    let body = json!({ "operation_type": "inventory.sync", "environment_ids": asked });
    let answer = bulk(&core, &free, &body).await;
    assert_eq!(
        dispositions(&answer),
        [
            "not_found",
            "scope_busy",
            "accepted",
            "blocked",
            "deduplicated",
            "not_found"
        ]
    );
    assert_eq!(
        answer["items"][3]["reason_code"],
        json!("provider_connection_missing")
    );
    for number in [0, 5] {
        let mut item = answer["items"][number].clone();
        item["environment_id"] = Value::Null;
        let mut other = answer["items"][0].clone();
        other["environment_id"] = Value::Null;
        assert_eq!(item, other, "a foreign one is answered like one that never was");
    }
    let group = &answer["run"];
    assert_eq!(
        (&group["operation_type"], &group["status"]),
        (&json!("operations.bulk"), &json!("running"))
    );
    let tally = json!({ "accepted": 1, "deduplicated": 1, "scope_busy": 1, "blocked": 1, "not_found": 2 });
    assert_eq!(group["context"]["group"], tally);
    let id = group["id"].as_str().expect("an id");
    let children = core
        .get(&free.fill(&format!("{RUNS}?parent_run_id={id}")))
        .await
        .json();
    let children = children["items"].as_array().expect("items").clone();
    assert_eq!(children.len(), 2, "the new one and the refusal");
    assert!(
        children
            .iter()
            .all(|run| run["parent_run_id"] == group["id"] && run["trigger"] == "bulk")
    );
    core.worker.drain().await.expect("works");
    let over = core.get(&free.fill(&format!("{RUNS}/{id}"))).await.json();
    assert_eq!(
        (&over["status"], &over["outcome"]),
        (&json!("completed"), &json!("partially_succeeded"))
    );
    assert_eq!(over["progress"], json!({ "processed": 1, "total": 1 }));
    core.stop().await;
}

async fn a_group_is_canceled_with_its_runs(database: TestDatabase) {
    let core = Core::start(database).await;
    let one = core.connect("site-one", FakeProvider::SECRET).await;
    another(&core, &one, "two", Some("SITE-TWO")).await;
    let body = json!({ "operation_type": "inventory.sync", "all_environments": true });
    let answer = bulk(&core, &one, &body).await;
    assert_eq!(dispositions(&answer), ["accepted", "accepted"]);
    let id = answer["run"]["id"].as_str().expect("an id");
    let path = one.fill(&format!("{RUNS}/{id}"));
    let canceled = core.change("POST", &format!("{path}/cancel"), None).await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    let group = canceled.json();
    assert_eq!(
        (&group["status"], &group["outcome"]),
        (&json!("completed"), &json!("canceled"))
    );
    let children = core
        .get(&one.fill(&format!("{RUNS}?parent_run_id={id}")))
        .await
        .json();
    let children = children["items"].as_array().expect("items").clone();
    assert!(children.len() == 2 && children.iter().all(|run| run["outcome"] == "canceled"));
    let again = core.change("POST", &format!("{path}/cancel"), None).await;
    assert_eq!(again.status, 409);
    core.stop().await;
}

async fn a_group_is_not_started_by_name_and_not_over_too_many(database: TestDatabase) {
    let core = Core::start(database).await;
    let place = core.environment("site-1").await;
    let refused = core.start_operation(&place, "operations.bulk").await;
    let errors = json!([{ "pointer": "/operation_type", "code": "not_startable" }]);
    assert_eq!((refused.status, &refused.json()["errors"]), (422, &errors));
    let many: Vec<_> = (0..501).map(|_| Place::nowhere().environment).collect();
    for (body, pointer, code) in [
        (json!({ "environment_ids": many }), "/environment_ids", "too_many"),
        (json!({ "environment_ids": [] }), "/environment_ids", "empty"),
        (json!({}), "/environment_ids", "required"),
        (
            json!({ "environment_ids": [place.environment], "all_environments": true }),
            "/all_environments",
            "not_with_environment_ids",
        ),
    ] {
        let mut body = body;
        body["operation_type"] = json!("inventory.sync");
        let refused = core.post(&place.fill(&format!("{RUNS}/bulk")), &body).await;
        assert_eq!(
            refused.json()["errors"],
            json!([{ "pointer": pointer, "code": code }])
        );
    }
    let five_hundred = json!({ "operation_type": "inventory.sync", "environment_ids": &many[..500] });
    let answer = bulk(&core, &place, &five_hundred).await;
    assert_eq!(dispositions(&answer), vec!["not_found"; 500]);
    assert_eq!(answer["run"]["outcome"], json!("failed"));
    core.stop().await;
}
