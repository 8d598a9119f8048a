//! The product with a provider of nobody in the place of the one adapter: connect, consent, check,
//! dedupe, busy, inventory, compliance, rotation, another identity, the end of a connection and
//! every read work, and no answer knows a provider's word. That
//! is the proof that the core needs none in particular.

mod consent;
pub(crate) mod core;
mod life;

use integration_tests::{TestDatabase, on_both_engines};
use provider_core::testing::FakeProvider;
use serde_json::{Value, json};

use self::core::Core;
use crate::{access::cases::Place, reads};

on_both_engines!(
    the_main_job_needs_no_provider_in_particular,
    the_gate_needs_no_provider_in_particular,
    a_wrong_secret_needs_no_provider_in_particular,
);

/// Names and texts at every depth, but for what is nested under `provider_context`.
fn words_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(words_of).collect(),
        Value::Object(fields) => {
            let neutral = fields.iter().filter(|(name, _)| *name != "provider_context");
            neutral
                .flat_map(|(name, value)| [vec![name.clone()], words_of(value)].concat())
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The first word of `text` that belongs to a provider.
fn provider_word(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let words = lower.split(|character: char| !character.is_ascii_alphanumeric());
    let known = ["microsoft", "entra", "graph", "intune", "aadsts", "azure"];
    words
        .into_iter()
        .find(|word| known.iter().any(|known| word.starts_with(known)))
        .map(str::to_owned)
}

#[test]
fn a_provider_word_is_seen_wherever_it_stands() {
    let seen = |value: &Value| words_of(value).iter().find_map(|text| provider_word(text));
    for value in [
        json!({ "a": [{ "b": "see Microsoft 365" }] }),
        json!({ "microsoft_tenant": 1 }),
        json!({ "detail": "AADSTS7000215: no" }),
        json!(["https://graph.example.com/"]),
        json!({ "context": { "entra-id": null } }),
    ] {
        assert!(seen(&value).is_some(), "{value}");
    }
    for value in [
        json!({ "provider_context": { "microsoft": "intune" } }),
        json!("a central paragraph"),
    ] {
        assert_eq!(seen(&value), None, "{value}");
    }
}

async fn the_main_job_needs_no_provider_in_particular(database: TestDatabase) {
    let core = Core::start(database).await;
    let mut place = core.connect("site-main", FakeProvider::SECRET).await;
    let check = core.perform(&place, "provider.connection.check").await;
    assert_eq!(check["outcome"], "succeeded", "{check}");
    assert_eq!(check["context"]["provider_context"]["realm"], "main");
    let collected = core.perform(&place, "inventory.sync").await;
    assert_eq!(
        collected["outcome"], "succeeded",
        "what a target has not is no failure: {collected}"
    );
    assert_eq!(
        collected["context"]["not_assessed"][0]["part"], "user",
        "and it is not hidden: {collected}"
    );
    assert_eq!(
        collected["context"]["target_scope"]["scope_identifier"],
        "site-main"
    );
    let measured = core.perform(&place, "compliance.snapshot").await;
    assert_eq!(measured["outcome"], "succeeded", "{measured}");
    place.run = measured["id"].as_str().expect("an id").to_owned();

    let connection = core
        .get(&place.fill("/api/v1/workspaces/{workspace_id}/connections/{connection_id}"))
        .await;
    assert_eq!(
        connection.json()["summary"]["readiness"],
        "ready",
        "{}",
        connection.text()
    );
    let items = core
        .get(&place.fill("/api/v1/workspaces/{workspace_id}/inventory/items"))
        .await
        .json();
    assert_eq!(items["items"].as_array().map(Vec::len), Some(6), "{items}");
    let snapshots = core
        .get(&place.fill("/api/v1/workspaces/{workspace_id}/compliance-snapshots"))
        .await
        .json();
    assert_eq!(
        snapshots["items"][0]["controls"].as_array().map(Vec::len),
        Some(2),
        "{snapshots}"
    );
    place.snapshot = snapshots["items"][0]["id"].as_str().expect("an id").to_owned();
    let place = reads::complete(place, async |request| core.ask(request).await).await;
    for target in reads::targets(&place) {
        let reply = core.get(&target).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    }
    core.stop().await;
}

async fn the_gate_needs_no_provider_in_particular(database: TestDatabase) {
    let core = Core::start(database).await;
    let place = core.connect("site-gate", FakeProvider::SECRET).await;
    let first = core.start_operation(&place, "inventory.sync").await;
    let again = core.start_operation(&place, "inventory.sync").await;
    assert_eq!(
        (again.status, &again.json()["disposition"]),
        (202, &json!("deduplicated")),
        "{}",
        again.text()
    );
    assert_eq!(again.json()["run"]["id"], first.json()["run"]["id"]);
    let other = core.start_operation(&place, "compliance.snapshot").await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (409, "scope_busy"),
        "{}",
        other.text()
    );
    assert_eq!(other.json()["active_run"]["id"], first.json()["run"]["id"]);
    assert_eq!(core.worker.drain().await.expect("the queue answers"), 1);

    for identifier in ["elsewhere", "site-", ""] {
        let body = json!({
            "environment_id": place.environment, "provider": "fake", "connection_type": "dedicated",
            "display_name": "A connection", "scope_identifier": identifier,
        });
        let target = place.fill("/api/v1/workspaces/{workspace_id}/connections");
        let reply = core.post(&target, &body).await;
        let answer = (reply.status, reply.code());
        assert_eq!(
            answer,
            (422, "target_scope_invalid".to_owned()),
            "{}",
            reply.text()
        );
    }
    core.stop().await;
}

async fn a_wrong_secret_needs_no_provider_in_particular(database: TestDatabase) {
    let core = Core::start(database).await;
    let wrong = core.connect("site-wrong", "let-me-in").await;
    for operation in [
        "inventory.sync",
        "compliance.snapshot",
        "provider.connection.check",
    ] {
        let started = core.start_operation(&wrong, operation).await;
        core.worker.drain().await.expect("the queue answers");
        let body = started.json();
        let run = body
            .pointer("/run/id")
            .and_then(Value::as_str)
            .expect("a run")
            .to_owned();
        let place = Place { run, ..wrong.clone() };
        let run = place.fill("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}");
        let run = core.get(&run).await.json();
        assert_eq!(
            run["reason_code"], "provider_credential_invalid",
            "{operation}: {run}"
        );
        assert_eq!(run["next_steps"][0]["kind"], "replace_credential");
    }
    core.stop().await;
}
