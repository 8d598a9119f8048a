//! The product around the fake provider, put together by hand, and the inventory that the fake
//! provider lacks.

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
use integration_tests::TestDatabase;
use inventory::{
    Collection, ControlResult, InventoryExecutor, ItemKind, Measurement, ObservationSink, ObservedItem,
    Section, SectionOutcome,
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

use super::{provider_word, words_of};
use crate::{
    access::cases::Place,
    tables::Tables,
    wire::{Reply, Request, Wire},
};

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
            signals
                .checkpoint(Some(Progress {
                    processed: (page + 1) * 3,
                    total: 6,
                }))
                .await?;
        }
        let read = Section {
            kind: ItemKind::Device,
            outcome: SectionOutcome::Complete,
            items: 6,
        };
        let missing = SectionOutcome::NotAssessed(ReasonCode::ProviderNotProvisioned);
        Ok(Collection {
            sections: vec![
                read,
                Section {
                    kind: ItemKind::User,
                    outcome: missing,
                    items: 0,
                },
            ],
        })
    }

    async fn measure(
        &self,
        access: &ConnectionAccess,
        _: &dyn RunSignals,
    ) -> Result<Measurement, ProviderFailure> {
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
pub(super) struct Core {
    database: TestDatabase,
    pub(super) worker: Worker,
    wire: Wire,
    token: String,
    /// Every answer so far.
    answers: Mutex<Vec<(String, Reply)>>,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Core {
    pub(super) async fn start(database: TestDatabase) -> Self {
        let product = database.open().await;
        let wake = Arc::new(Notify::new());
        let worker = worker(&product, &wake);
        let issuer = LocalIssuer::from_key(files::random_key());
        let state = ApiState::new(ApiParts {
            storage: Arc::new(product.clone()),
            rules: Arc::new(FakeProvider),
            consent: Arc::new(FakeProvider),
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
        let serving = tokio::spawn(api::serve(
            listener,
            Arc::new(state),
            1,
            shutdown.clone().cancelled_owned(),
        ));
        let token = issuer.mint("owner", None, TimeDelta::hours(1), SystemClock.now());
        Self {
            database,
            worker,
            wire,
            token,
            answers: Mutex::default(),
            shutdown,
            serving,
        }
    }

    pub(super) async fn get(&self, target: &str) -> Reply {
        self.ask(Request::get(target)).await
    }

    pub(super) async fn post(&self, target: &str, body: &Value) -> Reply {
        self.ask(Request::new("POST", target).json(body)).await
    }

    async fn ask(&self, request: Request) -> Reply {
        let request = request.bearer(&self.token);
        let reply = self.wire.send(&request).await;
        let name = format!("{} {}", request.method, request.target);
        self.answers
            .lock()
            .expect("not poisoned")
            .push((name, reply.clone()));
        reply
    }

    /// A workspace with an environment and a connection to `site` with `secret`.
    pub(super) async fn connect(&self, site: &str, secret: &str) -> Place {
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
        Place {
            workspace,
            environment,
            connection,
            ..Place::nowhere()
        }
    }

    pub(super) async fn start_operation(&self, place: &Place, operation: &str) -> Reply {
        let body = json!({ "operation_type": operation, "environment_id": place.environment });
        self.post(
            &place.fill("/api/v1/workspaces/{workspace_id}/operation-runs"),
            &body,
        )
        .await
    }

    /// Starts an operation, works, and reads how it ended.
    pub(super) async fn perform(&self, place: &Place, operation: &str) -> Value {
        let started = self.start_operation(place, operation).await;
        assert_eq!(started.json()["disposition"], "accepted", "{}", started.text());
        assert_eq!(self.worker.drain().await.expect("the queue answers"), 1);
        self.get(started.header("location").expect("an address"))
            .await
            .json()
    }

    /// The end: nothing that was answered or stored holds a provider's word.
    pub(super) async fn stop(self) {
        for (name, reply) in self.answers.lock().expect("not poisoned").iter() {
            let mut words = words_of(&reply.json());
            words.extend(
                reply
                    .headers
                    .iter()
                    .map(|(name, value)| format!("{name} {value}")),
            );
            if reply.json().is_null() {
                words.push(reply.text());
            }
            let word = words.iter().find_map(|text| provider_word(text));
            assert_eq!(word, None, "{name}: {}", reply.text());
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
        platform: Arc::new(FakeProvider),
        upkeep: Arc::new(product.clone()),
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
