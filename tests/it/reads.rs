//! Reads never leave the building: after the main job every GET of the API is answered from the
//! database alone. The provider hears nothing of them, and the answers are the same when it is
//! gone. Nor does a read write anything.

use std::collections::BTreeMap;

use integration_tests::{Home, TestApp, TestDatabase, app::created, on_both_engines};
use serde_json::json;

use crate::{
    access::cases::{Place, schedule, webhook},
    spec,
    tables::Tables,
    throttling,
    webhooks::kit,
    wire::{Reply, Request, Wire},
};

on_both_engines!(reading_asks_nothing_of_the_provider_and_changes_nothing);

/// What is added to the path of a read.
const PLAIN: &[&str] = &[""];
const PAGED: &[&str] = &["", "?limit=1", "?limit=200"];

/// Every read of the API, with the variants that are asked for. One that is missing here fails
/// the test, and so does one that is not served.
pub(crate) const READS: [(&str, &[&str]); 36] = [
    ("/livez", PLAIN),
    ("/readyz", PLAIN),
    ("/metrics", PLAIN),
    ("/api/v1/openapi.json", PLAIN),
    ("/api/v1/operation-types", PLAIN),
    ("/api/v1/problems", PLAIN),
    ("/api/v1/reason-codes", PLAIN),
    ("/api/v1/workspaces", PAGED),
    ("/api/v1/workspaces/{workspace_id}", PLAIN),
    ("/api/v1/workspaces/{workspace_id}/environments", PAGED),
    (
        "/api/v1/workspaces/{workspace_id}/environments/{environment_id}",
        PLAIN,
    ),
    ("/api/v1/workspaces/{workspace_id}/members", PAGED),
    (
        "/api/v1/workspaces/{workspace_id}/connections",
        &[
            "",
            "?limit=1",
            "?environment_id={environment_id}",
            "?reason_code=provider_credential_invalid",
            "?readiness=blocked",
            "?verification=blocked",
            "?expires_before=9999-01-01T00:00:00Z",
            "?tag=tier:gold",
        ],
    ),
    (
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}",
        PLAIN,
    ),
    (
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/identity-resolution",
        PLAIN,
    ),
    (
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/surface-summary",
        PLAIN,
    ),
    (
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/history",
        PAGED,
    ),
    (
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/throttling",
        PLAIN,
    ),
    (
        "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/call-attempts",
        PAGED,
    ),
    ("/api/v1/workspaces/{workspace_id}/expiry-calendar", PAGED),
    ("/api/v1/workspaces/{workspace_id}/webhooks", PAGED),
    ("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}", PLAIN),
    (
        "/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries",
        &["", "?limit=1", "?state=exhausted"],
    ),
    (
        "/api/v1/workspaces/{workspace_id}/operation-runs",
        &[
            "",
            "?status=completed",
            "?operation_type=inventory.sync",
            "?connection_id={connection_id}",
        ],
    ),
    ("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}", PLAIN),
    (
        "/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/events",
        PLAIN,
    ),
    ("/api/v1/workspaces/{workspace_id}/schedules", PAGED),
    ("/api/v1/workspaces/{workspace_id}/schedules/{schedule_id}", PLAIN),
    (
        "/api/v1/workspaces/{workspace_id}/inventory/items",
        &[
            "",
            "?limit=1",
            "?kind=user",
            "?kind=device",
            "?connection_id={connection_id}",
        ],
    ),
    (
        "/api/v1/workspaces/{workspace_id}/compliance-snapshots",
        &["", "?connection_id={connection_id}"],
    ),
    (
        "/api/v1/workspaces/{workspace_id}/compliance-snapshots/{snapshot_id}",
        PLAIN,
    ),
    ("/api/v1/workspaces/{workspace_id}/audit-events", PAGED),
    (
        "/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/stream",
        PLAIN,
    ),
    (
        "/api/v1/workspaces/{workspace_id}/events",
        &[
            "",
            "?limit=1",
            "?type=operation.*",
            "?after=2",
            "?subject_id={run_id}",
        ],
    ),
    ("/api/v1/workspaces/{workspace_id}/events/stream", PLAIN),
    (
        "/api/v1/workspaces/{workspace_id}/notifications",
        &["", "?limit=1", "?unread=true"],
    ),
];

#[test]
fn every_read_of_the_api_is_in_the_list() {
    let listed = READS.iter().map(|(path, _)| format!("GET {path}")).collect();
    assert_eq!(spec::names(|operation| operation.method == "GET"), listed);
}

/// The targets of all reads at `place`.
pub(crate) fn targets(place: &Place) -> Vec<String> {
    let variants = READS
        .iter()
        .flat_map(|(path, queries)| queries.iter().map(move |query| format!("{path}{query}")));
    variants.map(|target| place.fill(&target)).collect()
}

async fn reading_asks_nothing_of_the_provider_and_changes_nothing(database: TestDatabase) {
    let mut app = TestApp::start(database).await;
    let place = main_job(&app).await;
    app.settle().await;
    let tables = Tables::of(&app.database).await;
    let stored = tables.contents().await;
    let calls = app.simulator.as_ref().expect("runs").control().calls();
    assert!(calls.len() > 10, "the runs have called the provider");

    let first = read_all(&app, &place).await;
    let heard = app.simulator.as_ref().expect("runs").control().calls();
    assert_eq!(heard, calls, "the provider heard of a read");
    assert_eq!(tables.contents().await, stored, "a read wrote something");

    app.stop_simulator().await;
    let again = read_all(&app, &place).await;
    assert_eq!(again.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>());
    for (target, answer) in &first {
        if target == "/metrics" || target.ends_with("/stream") {
            // One counts the reads themselves; the others have no end, and are read up to somewhere.
            continue;
        }
        assert_eq!(again[target], *answer, "{target}");
    }
    assert_eq!(tables.contents().await, stored, "a read wrote something");
    tables.close().await;
    app.stop().await;
}

/// Answers without their request ids, by target. None may be a failure.
async fn read_all(app: &TestApp, place: &Place) -> BTreeMap<String, String> {
    let (wire, token) = (Wire::to(&app.base_url), app.token("owner"));
    let mut answers = BTreeMap::new();
    for target in targets(place) {
        let reply: Reply = wire.send(&Request::get(&target).bearer(&token)).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        if let Some(items) = reply.json()["items"].as_array() {
            assert!(!items.is_empty(), "{target} has nothing to show");
        }
        answers.insert(target, reply.anonymous());
    }
    answers
}

/// The place with a schedule and a webhook too, which [`targets`] reads; `send` adds the caller's token.
pub(crate) async fn complete(mut place: Place, mut send: impl AsyncFnMut(Request) -> Reply) -> Place {
    let base = place.fill("/api/v1/workspaces/{workspace_id}");
    let made = send(Request::new("POST", &format!("{base}/schedules")).json(&schedule(&place))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"]
        .as_str()
        .expect("an id")
        .clone_into(&mut place.schedule);
    let made = send(Request::new("POST", &format!("{base}/webhooks")).json(&webhook(&place))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["webhook"]["id"]
        .as_str()
        .expect("an id")
        .clone_into(&mut place.webhook);
    place
}

/// Every operation once, with success; then one that failed and one that waits.
async fn main_job(app: &TestApp) -> Place {
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    furnish(app, &home).await;
    let mut run = String::new();
    for operation in [
        "inventory.sync",
        "compliance.snapshot",
        "provider.connection.check",
    ] {
        let started = home.start(&owner, operation).await;
        run = started.text("/run/id").to_owned();
        app.drain().await;
        assert_eq!(home.run(&owner, &run).await.text("/outcome"), "succeeded");
    }
    let list = format!("{}/compliance-snapshots", home.base);
    let snapshot = owner
        .get(&list)
        .await
        .expect("an answer")
        .text("/items/0/id")
        .to_owned();
    let control = app.simulator.as_ref().expect("runs").control();
    control.set_client_secret(app.contoso.tenant_id, app.contoso.client_id, "another one");
    control.expire_tokens();
    home.start(&owner, "provider.connection.check").await;
    app.drain().await;
    home.start(&owner, "inventory.sync").await;
    let (webhook, delivery) = kit::seed(app, "owner", &home.workspace).await;
    let place = Place {
        workspace: home.workspace,
        environment: home.environment,
        connection: home.connection,
        run,
        snapshot,
        webhook,
        delivery,
        notification: String::new(),
        ..Place::nowhere()
    };
    let schedules = place.fill("/api/v1/workspaces/{workspace_id}/schedules");
    let body = schedule(&place);
    let place = Place {
        schedule: created(&owner.post(&schedules, &body).await.expect("an answer")),
        ..place
    };
    throttling::kit::seed(&app.program.database, &place, 3).await;
    place
}

/// What the filters of connections look for.
async fn furnish(app: &TestApp, home: &Home) {
    let (wire, token) = (Wire::to(&app.base_url), app.token("owner"));
    let connection = format!("{}/connections/{}", home.base, home.connection);
    let tags = json!({ "tags": { "tier": "gold" } });
    let secret = json!({
        "kind": "client_secret", "secret": app.contoso.secret, "expires_at": "2090-01-01T00:00:00Z",
    });
    let changes = [
        Request::new("PATCH", &connection).json(&tags),
        Request::new("PUT", &format!("{connection}/credential")).json(&secret),
    ];
    for change in changes {
        let reply = wire.send(&change.with("if-match", "*").bearer(&token)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}
