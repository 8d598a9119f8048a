//! The product with a provider of nobody in the place of the one adapter: connect, check, dedupe,
//! busy, inventory, compliance and every read work, and no answer knows a provider's word. That
//! is the proof that the core needs none in particular.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use api::{
    ApiParts, ApiSettings, ApiState,
    auth::{LocalIssuer, TokenVerifier},
    metrics::Metrics,
};
use async_trait::async_trait;
use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use inventory::{
    Collection, ControlResult, InventoryExecutor, ItemKind, Measurement, ObservationSink, ObservedItem, Section,
    SectionOutcome,
};
use kernel::{Clock as _, SystemClock, SystemIds};
use provider_core::{
    ConnectionAccess, Progress, ProviderFailure, ReasonCode, RunSignals, testing::FakeProvider,
};
use serde_json::{Value, json};
use server::files;
use storage_sea_orm::Database;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use worker::{Worker, WorkerParts, WorkerSettings};

use crate::{
    access::cases::Place,
    reads,
    tables::Tables,
    wire::{Reply, Request, Wire},
};

on_both_engines!(the_main_job_needs_no_provider_in_particular, the_gate_needs_no_provider_in_particular);

/// The site of the fake provider: two pages of items, and two controls.
struct FakeSite;

fn admit(access: &ConnectionAccess) -> Result<(), ProviderFailure> {
    let good = access.credential.secret.expose() == FakeProvider::SECRET;
    let refused = ProviderFailure::ended(ReasonCode::ProviderCredentialInvalid);
    if good { Ok(()) } else { Err(refused) }
}

#[async_trait]
impl InventoryExecutor for FakeSite {
    async fn collect(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
        sink: &mut dyn ObservationSink,
    ) -> Result<Collection, ProviderFailure> {
        admit(access)?;
        for page in 0..2_u64 {
            let items = (0..3).map(|item| ObservedItem {
                kind: ItemKind::Device,
                external_id: format!("{}-{page}-{item}", access.destination.scope_identifier.as_str()),
                display_name: format!("Thing {page}-{item}"),
                attributes: serde_json::Map::from_iter([("colour".to_owned(), json!("blue"))]),
            });
            sink.accept(items.collect()).await?;
            signals.checkpoint(Some(Progress { processed: (page + 1) * 3, total: 6 })).await?;
        }
        let read = Section { kind: ItemKind::Device, outcome: SectionOutcome::Complete, items: 6 };
        let missing = SectionOutcome::NotAssessed(ReasonCode::ProviderNotProvisioned);
        Ok(Collection { sections: vec![read, Section { kind: ItemKind::User, outcome: missing, items: 0 }] })
    }

    async fn measure(&self, access: &ConnectionAccess, _: &dyn RunSignals) -> Result<Measurement, ProviderFailure> {
        admit(access)?;
        let missing = ReasonCode::ProviderNotProvisioned;
        Ok(Measurement {
            controls: vec![
                ControlResult::counted("things.blue", "Things are blue", 6, 6),
                ControlResult::not_assessed("things.round", "Things are round", missing),
            ],
        })
    }
}

/// The product around the fake provider, put together by hand.
struct Core {
    database: TestDatabase,
    worker: Worker,
    wire: Wire,
    token: String,
    /// Every answer so far.
    answers: Mutex<Vec<(String, Reply)>>,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Core {
    async fn start(database: TestDatabase) -> Self {
        let product = database.open().await;
        let wake = Arc::new(Notify::new());
        let worker = worker(&product, &wake);
        let issuer = LocalIssuer::from_key(files::random_key());
        let state = ApiState::new(ApiParts {
            storage: Arc::new(product.clone()),
            rules: Arc::new(FakeProvider),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            verifier: TokenVerifier::new(vec![issuer.verifier_issuer()]),
            cursor_key: product.derived_key("cursor"),
            wake: Arc::new(move || wake.notify_one()),
            metrics: Metrics::new(),
            queue_depth: Some(Arc::new(product.queue())),
            settings: ApiSettings::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let wire = Wire::to(&format!("http://{}", listener.local_addr().expect("an address")));
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(api::serve(listener, Arc::new(state), 1, shutdown.clone().cancelled_owned()));
        let token = issuer.mint("owner", None, TimeDelta::hours(1), SystemClock.now());
        Self { database, worker, wire, token, answers: Mutex::default(), shutdown, serving }
    }

    async fn get(&self, target: &str) -> Reply {
        self.ask(Request::get(target)).await
    }

    async fn post(&self, target: &str, body: &Value) -> Reply {
        self.ask(Request::new("POST", target).json(body)).await
    }

    async fn ask(&self, request: Request) -> Reply {
        let request = request.bearer(&self.token);
        let reply = self.wire.send(&request).await;
        let name = format!("{} {}", request.method, request.target);
        self.answers.lock().expect("not poisoned").push((name, reply.clone()));
        reply
    }

    /// A workspace with an environment and a connection to `site` with `secret`.
    async fn connect(&self, site: &str, secret: &str) -> Place {
        let body = json!({ "display_name": "A workspace", "slug": format!("w-{site}") });
        let workspace = created(&self.post("/api/v1/workspaces", &body).await);
        let base = format!("/api/v1/workspaces/{workspace}");
        let body = json!({ "display_name": "An environment", "slug": "production" });
        let environment = created(&self.post(&format!("{base}/environments"), &body).await);
        let body = json!({
            "environment_id": environment, "provider": "fake", "connection_type": "dedicated",
            "display_name": "A connection", "scope_identifier": site.to_uppercase(),
            "credential": { "kind": "client_secret", "client_identifier": "somebody", "secret": secret },
        });
        let connection = created(&self.post(&format!("{base}/connections"), &body).await);
        Place { workspace, environment, connection, ..Place::nowhere() }
    }

    async fn start_operation(&self, place: &Place, operation: &str) -> Reply {
        let body = json!({ "operation_type": operation, "environment_id": place.environment });
        self.post(&place.fill("/api/v1/workspaces/{workspace_id}/operation-runs"), &body).await
    }

    /// Starts an operation, works, and reads how it ended.
    async fn perform(&self, place: &Place, operation: &str) -> Value {
        let started = self.start_operation(place, operation).await;
        assert_eq!(started.json()["disposition"], "accepted", "{}", started.text());
        assert_eq!(self.worker.drain().await.expect("the queue answers"), 1);
        self.get(started.header("location").expect("an address")).await.json()
    }

    /// The end: nothing that was answered or stored holds a provider's word.
    async fn stop(self) {
        for (name, reply) in self.answers.lock().expect("not poisoned").iter() {
            let mut words = words_of(&reply.json());
            words.extend(reply.headers.iter().map(|(name, value)| format!("{name} {value}")));
            if reply.json().is_null() {
                words.push(reply.text());
            }
            for word in words.iter().filter_map(|text| provider_word(text)) {
                panic!("{name} says {word}: {}", reply.text());
            }
        }
        let tables = Tables::of(&self.database).await;
        for (table, rows) in tables.contents().await {
            for row in rows {
                assert_eq!(provider_word(&row), None, "{table}: {row}");
            }
        }
        tables.close().await;
        self.shutdown.cancel();
        self.serving.await.expect("joins").expect("serves to the end");
    }
}

fn worker(product: &Database, wake: &Arc<Notify>) -> Worker {
    Worker::new(WorkerParts {
        storage: Arc::new(product.clone()),
        queue: Arc::new(product.queue()),
        vault: Arc::new(product.vault()),
        rules: Arc::new(FakeProvider),
        provider: Arc::new(FakeProvider),
        inventory: Arc::new(FakeSite),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        wake: Arc::clone(wake),
        settings: WorkerSettings::named("fake"),
    })
}

fn created(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().expect("an id").to_owned()
}

/// Names and texts at every depth, but for what is nested under `provider_context`.
fn words_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(words_of).collect(),
        Value::Object(fields) => {
            let neutral = fields.iter().filter(|(name, _)| *name != "provider_context");
            neutral.flat_map(|(name, value)| [vec![name.clone()], words_of(value)].concat()).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The first word of `text` that belongs to a provider.
fn provider_word(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let words = lower.split(|character: char| !character.is_ascii_alphanumeric());
    let known = ["microsoft", "entra", "graph", "intune", "aadsts", "azure"];
    words.into_iter().find(|word| known.iter().any(|known| word.starts_with(known))).map(str::to_owned)
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
    for value in [json!({ "provider_context": { "microsoft": "intune" } }), json!("a central paragraph")] {
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
    assert_eq!(collected["outcome"], "succeeded", "what a target has not is no failure: {collected}");
    assert_eq!(collected["context"]["not_assessed"][0]["part"], "user", "and it is not hidden: {collected}");
    assert_eq!(collected["context"]["target_scope"]["scope_identifier"], "site-main");
    let measured = core.perform(&place, "compliance.snapshot").await;
    assert_eq!(measured["outcome"], "succeeded", "{measured}");
    place.run = measured["id"].as_str().expect("an id").to_owned();

    let connection = core.get(&place.fill("/api/v1/workspaces/{workspace_id}/connections/{connection_id}")).await;
    assert_eq!(connection.json()["summary"]["readiness"], "ready", "{}", connection.text());
    let items = core.get(&place.fill("/api/v1/workspaces/{workspace_id}/inventory/items")).await.json();
    assert_eq!(items["items"].as_array().map(Vec::len), Some(6), "{items}");
    let snapshots = core.get(&place.fill("/api/v1/workspaces/{workspace_id}/compliance-snapshots")).await.json();
    assert_eq!(snapshots["items"][0]["controls"].as_array().map(Vec::len), Some(2), "{snapshots}");
    place.snapshot = snapshots["items"][0]["id"].as_str().expect("an id").to_owned();
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
    assert_eq!((again.status, &again.json()["disposition"]), (202, &json!("deduplicated")), "{}", again.text());
    assert_eq!(again.json()["run"]["id"], first.json()["run"]["id"]);
    let other = core.start_operation(&place, "compliance.snapshot").await;
    assert_eq!((other.status, other.code().as_str()), (409, "scope_busy"), "{}", other.text());
    assert_eq!(other.json()["active_run"]["id"], first.json()["run"]["id"]);
    assert_eq!(core.worker.drain().await.expect("the queue answers"), 1);

    let wrong = core.connect("site-wrong", "let-me-in").await;
    for operation in ["provider.connection.check", "inventory.sync", "compliance.snapshot"] {
        let started = core.start_operation(&wrong, operation).await;
        core.worker.drain().await.expect("the queue answers");
        let body = started.json();
        let run = body.pointer("/run/id").and_then(Value::as_str).expect("a run").to_owned();
        let place = Place { run, ..wrong.clone() };
        let run = core.get(&place.fill("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}")).await;
        assert_eq!(run.json()["reason_code"], "provider_credential_invalid", "{operation}: {}", run.text());
        assert_eq!(run.json()["next_steps"][0]["kind"], "replace_credential");
    }
    for identifier in ["elsewhere", "site-", ""] {
        let body = json!({
            "environment_id": place.environment, "provider": "fake", "connection_type": "dedicated",
            "display_name": "A connection", "scope_identifier": identifier,
        });
        let reply = core.post(&place.fill("/api/v1/workspaces/{workspace_id}/connections"), &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (422, "target_scope_invalid"), "{}", reply.text());
    }
    core.stop().await;
}
