//! The whole life of a connection where there is no provider in particular: preview, tags, rotation
//! in stages, the default, the switch, another identity, every view, and its end.

use integration_tests::{TestDatabase, on_both_engines};
use provider_core::testing::FakeProvider;
use serde_json::{Value, json};

use super::core::Core;
use crate::{access::cases::Place, wire::Reply};

on_both_engines!(
    rotation_needs_no_provider_in_particular,
    another_identity_needs_no_provider_in_particular,
    views_and_switches_need_no_provider_in_particular,
);

const CONNECTIONS: &str = "/api/v1/workspaces/{workspace_id}/connections";
const CONNECTION: &str = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}";
const CHECK: &str = "provider.connection.check";

/// Changes the connection of `place`, which must be possible, and gives it back.
async fn change(core: &Core, place: &Place, method: &str, below: &str, body: Option<&Value>) -> Value {
    let reply = attempt(core, place, method, below, body).await;
    assert_eq!(reply.status, 200, "{method} {below}: {}", reply.text());
    reply.json()
}

async fn attempt(core: &Core, place: &Place, method: &str, below: &str, body: Option<&Value>) -> Reply {
    let target = place.fill(&format!("{CONNECTION}{below}"));
    core.change(method, &target, body).await
}

async fn read(core: &Core, place: &Place, below: &str) -> Value {
    let reply = core.get(&place.fill(&format!("{CONNECTION}{below}"))).await;
    assert_eq!(reply.status, 200, "{below}: {}", reply.text());
    reply.json()
}

fn secret(text: &str) -> Value {
    json!({ "kind": "client_secret", "secret": text, "expires_at": "2090-01-01T00:00:00Z" })
}

async fn rotation_needs_no_provider_in_particular(database: TestDatabase) {
    let core = Core::start(database).await;
    let place = core.connect("site-turn", FakeProvider::SECRET).await;
    core.perform(&place, CHECK).await;
    let next = json!({ "credential": "next" });
    change(
        &core,
        &place,
        "PUT",
        "/credential/next",
        Some(&secret("let-me-in")),
    )
    .await;
    let tried = core.perform_with(&place, CHECK, next.clone()).await;
    assert_eq!(tried["reason_code"], "provider_credential_invalid", "{tried}");
    let refused = attempt(&core, &place, "POST", "/credential/promote", None).await;
    assert_eq!(
        (refused.code().as_str(), &refused.json()["next_steps"][0]["kind"]),
        ("credential_not_verified", &json!("replace_credential")),
        "{}",
        refused.text()
    );
    let discarded = change(&core, &place, "DELETE", "/credential/next", None).await;
    assert_eq!(discarded["next_credential"], Value::Null, "{discarded}");
    assert_eq!(
        discarded["summary"]["readiness"], "ready",
        "a trial says nothing else: {discarded}"
    );

    change(
        &core,
        &place,
        "PUT",
        "/credential/next",
        Some(&secret(FakeProvider::NEXT_SECRET)),
    )
    .await;
    let tried = core.perform_with(&place, CHECK, next).await;
    assert_eq!(tried["outcome"], "succeeded", "{tried}");
    let promoted = change(&core, &place, "POST", "/credential/promote", None).await;
    assert_eq!(
        (
            &promoted["credential"]["version"],
            &promoted["previous_credential"]["version"]
        ),
        (&json!(3), &json!(1)),
        "{promoted}"
    );
    let collected = core.perform(&place, "inventory.sync").await;
    assert_eq!(collected["outcome"], "succeeded", "{collected}");
    let back = change(&core, &place, "POST", "/credential/rollback", None).await;
    assert_eq!(back["credential"]["version"], 1, "{back}");
    let checked = core.perform(&place, CHECK).await;
    assert_eq!(checked["outcome"], "succeeded", "{checked}");
    let calendar = core
        .get(&place.fill("/api/v1/workspaces/{workspace_id}/expiry-calendar"))
        .await
        .json();
    assert_eq!(calendar["items"].as_array().map(Vec::len), Some(2), "{calendar}");
    assert_eq!(calendar["platform"][0]["provider"], "fake", "{calendar}");
    let bare = change(&core, &place, "DELETE", "/credential", None).await;
    assert_eq!(bare["credential"]["state"], "missing", "{bare}");
    let blocked = core.start_operation(&place, "inventory.sync").await;
    assert_eq!(
        blocked.json()["reason_code"],
        "provider_credential_missing",
        "{}",
        blocked.text()
    );
    core.stop().await;
}

async fn another_identity_needs_no_provider_in_particular(database: TestDatabase) {
    let core = Core::start(database).await;
    let place = core.connect("site-old", FakeProvider::SECRET).await;
    core.perform(&place, "inventory.sync").await;
    let preview = json!({
        "provider": "fake", "scope_identifier": "SITE-NEW", "connection_type": "platform",
    });
    let previewed = core
        .post(
            &place.fill(&format!("{CONNECTIONS}/target-scope-preview")),
            &preview,
        )
        .await
        .json();
    assert_eq!(
        previewed["target_scope"]["scope_identifier"], "site-new",
        "{previewed}"
    );
    assert_eq!(
        previewed["effective_client_identity"]["client_identifier"],
        FakeProvider::PLATFORM_CLIENT,
        "{previewed}"
    );
    let mut wanted = json!({
        "connection_type": "dedicated", "scope_identifier": "site-new",
        "credential": {
            "kind": "client_secret", "client_identifier": "else", "secret": FakeProvider::NEXT_SECRET,
        },
    });
    let started = core.start_operation(&place, CHECK).await;
    let busy = attempt(&core, &place, "PUT", "/identity", Some(&wanted)).await;
    assert_eq!(
        (busy.code().as_str(), &busy.json()["active_run"]["id"]),
        ("connection_busy", &started.json()["run"]["id"]),
        "{}",
        busy.text()
    );
    core.worker.drain().await.expect("the queue answers");
    let changed = change(&core, &place, "PUT", "/identity", Some(&wanted)).await;
    assert_eq!(
        changed["target_scope"]["scope_identifier"], "site-new",
        "{changed}"
    );
    assert_eq!(changed["axes"]["consent"]["state"], "unknown", "{changed}");
    let items = core
        .get(&place.fill("/api/v1/workspaces/{workspace_id}/inventory/items"))
        .await
        .json();
    assert_eq!(items["items"], json!([]), "of another target");
    let collected = core.perform(&place, "inventory.sync").await;
    assert_eq!(
        collected["context"]["target_scope"]["scope_identifier"], "site-new",
        "{collected}"
    );
    wanted["scope_identifier"] = json!("nowhere");
    let refused = attempt(&core, &place, "PUT", "/identity", Some(&wanted)).await;
    assert_eq!(refused.code(), "target_scope_invalid", "{}", refused.text());
    core.stop().await;
}

async fn views_and_switches_need_no_provider_in_particular(database: TestDatabase) {
    let core = Core::start(database).await;
    let first = core.connect("site-first", FakeProvider::SECRET).await;
    core.perform(&first, CHECK).await;
    let body = json!({
        "environment_id": first.environment, "provider": "fake", "connection_type": "platform",
        "display_name": "The second", "scope_identifier": "site-second", "tags": { "tier": "silver" },
    });
    let second = core.add(&first, &body).await;
    let named = json!({ "display_name": "The first", "tags": { "tier": "gold" } });
    let patched = change(&core, &first, "PATCH", "", Some(&named)).await;
    assert_eq!(patched["tags"], json!({ "tier": "gold" }), "{patched}");
    for (filter, expected) in [
        ("tag=tier:gold", &first),
        ("tag=tier:silver", &second),
        ("readiness=ready", &first),
        ("readiness=blocked", &second),
        ("consent=granted", &first),
        ("verification=healthy", &first),
        ("reason_code=provider_consent_missing", &second),
    ] {
        let target = format!("{}?provider=fake&{filter}", first.fill(CONNECTIONS));
        let found = core.get(&target).await.json();
        let ids: Vec<_> = found["items"].as_array().into_iter().flatten().collect();
        assert_eq!(ids.len(), 1, "{filter}: {found}");
        assert_eq!(ids[0]["id"], expected.connection.as_str(), "{filter}");
    }
    for place in [&first, &second] {
        let identity = read(&core, place, "/identity-resolution").await;
        assert_eq!(identity["provider_context"]["realm"], "main", "{identity}");
        let summary = read(&core, place, "/surface-summary").await;
        assert!(summary["operations"].is_array(), "{summary}");
    }
    let history = read(&core, &first, "/history").await;
    assert_eq!(history["items"].as_array().map(Vec::len), Some(2), "{history}");

    let kept = attempt(&core, &first, "DELETE", "", None).await;
    assert_eq!(kept.code(), "default_connection_required", "{}", kept.text());
    let switched = change(&core, &second, "POST", "/make-default", None).await;
    assert_eq!(switched["is_default"], true, "{switched}");
    assert_eq!(read(&core, &first, "").await["is_default"], false);
    let off = change(&core, &first, "POST", "/disable", None).await;
    assert_eq!(
        off["summary"]["reason_code"], "provider_connection_disabled",
        "{off}"
    );
    let blocked = core.start_with(&first, "inventory.sync", json!({})).await;
    assert_eq!(
        blocked.json()["reason_code"],
        "provider_connection_disabled",
        "{}",
        blocked.text()
    );
    let on = change(&core, &first, "POST", "/enable", None).await;
    assert_eq!(on["summary"]["readiness"], "ready", "{on}");
    let started = core.start_with(&first, "inventory.sync", json!({})).await;
    let gone = change(&core, &first, "DELETE", "", None).await;
    assert_eq!(gone["ended_run"]["id"], started.json()["run"]["id"], "{gone}");
    let missing = core.get(&first.fill(CONNECTION)).await;
    assert_eq!(missing.status, 404, "{}", missing.text());
    let audit = core
        .get(&first.fill("/api/v1/workspaces/{workspace_id}/audit-events?limit=200"))
        .await
        .json();
    let actions: Vec<_> = audit["items"].as_array().into_iter().flatten().collect();
    for action in [
        "connection.updated",
        "connection.default_switched",
        "connection.disabled",
        "connection.enabled",
        "connection.deleted",
    ] {
        assert!(
            actions.iter().any(|entry| entry["action"] == action),
            "{action}: {audit}"
        );
    }
    core.stop().await;
}
