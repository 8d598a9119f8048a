//! Ids inside bodies and filters: what lies elsewhere is answered like what never was.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};

use super::{
    bodies,
    cases::Place,
    world::{NEIGHBOUR, World},
};
use crate::wire::{Reply, Request};

on_both_engines!(
    a_foreign_id_in_a_body_gets_the_answer_of_an_id_that_never_was,
    a_foreign_id_in_a_filter_finds_what_an_id_that_never_was_finds,
    a_connection_of_another_environment_is_not_a_connection_of_this_one,
);

/// A body at the first place that names something of the second.
type Body = fn(&Place, &Place) -> Value;

async fn post(world: &World, subject: &str, place: &Place, path: &str, body: &Value) -> Reply {
    let target = place.fill(&format!("/api/v1/workspaces/{{workspace_id}}/{path}"));
    world
        .wire
        .send(
            &Request::new("POST", &target)
                .bearer(&world.app.token(subject))
                .json(body),
        )
        .await
}

async fn a_foreign_id_in_a_body_gets_the_answer_of_an_id_that_never_was(database: TestDatabase) {
    let world = World::build(database).await;
    let (foreign, absent) = (&world.ours, Place::nowhere());
    let bodies: [(&str, Body); 5] = [
        ("connections", |_, other| bodies::connection(other)),
        (
            "operation-runs",
            |_, other| json!({ "operation_type": "inventory.sync", "environment_id": other.environment }),
        ),
        (
            "operation-runs",
            |own, other| json!({ "operation_type": "inventory.sync", "environment_id": own.environment, "connection_id": other.connection }),
        ),
        ("operation-runs/preflight", |_, other| bodies::start(other)),
        (
            "operation-runs/preflight",
            |own, other| json!({ "operation_type": "inventory.sync", "environment_id": own.environment, "connection_id": other.connection }),
        ),
    ];
    let before = world
        .app
        .database
        .number("SELECT count(*) FROM audit_events")
        .await;
    for (path, body) in bodies {
        let unseen = post(
            &world,
            NEIGHBOUR,
            &world.theirs,
            path,
            &body(&world.theirs, foreign),
        )
        .await;
        let never = post(
            &world,
            NEIGHBOUR,
            &world.theirs,
            path,
            &body(&world.theirs, &absent),
        )
        .await;
        assert_eq!(
            (unseen.status, unseen.code().as_str()),
            (422, "invalid_reference"),
            "{}",
            unseen.text()
        );
        assert_eq!(unseen.anonymous(), never.anonymous(), "{path}");
    }
    let after = world
        .app
        .database
        .number("SELECT count(*) FROM audit_events")
        .await;
    assert_eq!(after, before, "nothing was done");
    world.app.stop().await;
}

async fn a_foreign_id_in_a_filter_finds_what_an_id_that_never_was_finds(database: TestDatabase) {
    let world = World::build(database).await;
    let filters = [
        "connections?environment_id={environment_id}",
        "operation-runs?environment_id={environment_id}",
        "operation-runs?connection_id={connection_id}",
        "inventory/items?connection_id={connection_id}",
        "compliance-snapshots?connection_id={connection_id}",
    ];
    let absent = Place::nowhere();
    for filter in filters {
        let ask = |subject, workspace: &str, other: &Place| {
            let place = Place {
                workspace: workspace.to_owned(),
                ..other.clone()
            };
            let target = place.fill(&format!("/api/v1/workspaces/{{workspace_id}}/{filter}"));
            let request = Request::get(&target).bearer(&world.app.token(subject));
            let wire = world.wire.clone();
            async move { wire.send(&request).await }
        };
        let own = ask("owner", &world.ours.workspace, &world.ours).await;
        assert_ne!(
            own.json()["items"],
            json!([]),
            "{filter} finds its own: {}",
            own.text()
        );
        let unseen = ask(NEIGHBOUR, &world.theirs.workspace, &world.ours).await;
        let never = ask(NEIGHBOUR, &world.theirs.workspace, &absent).await;
        assert_eq!(
            (unseen.status, &unseen.json()["items"]),
            (200, &json!([])),
            "{}",
            unseen.text()
        );
        assert_eq!(unseen.anonymous(), never.anonymous(), "{filter}");
    }
    world.app.stop().await;
}

async fn a_connection_of_another_environment_is_not_a_connection_of_this_one(database: TestDatabase) {
    let world = World::build(database).await;
    let mixed = Place {
        environment: world.second_environment.clone(),
        ..world.ours.clone()
    };
    for path in ["operation-runs", "operation-runs/preflight"] {
        let reply = post(&world, "owner", &world.ours, path, &bodies::start(&mixed)).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (422, "invalid_reference"),
            "{}",
            reply.text()
        );
        assert_eq!(reply.json()["errors"][0]["pointer"], "/connection_id");
    }
    world.app.stop().await;
}
