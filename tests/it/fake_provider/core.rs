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
use integration_tests::{TestApp, TestDatabase};
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
use url::Url;
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
    let good = FakeProvider::admits(&access.credential.secret);
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
            sink.accept(items.collect(), None).await?;
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
pub(crate) struct Core {
    pub(crate) database: TestDatabase,
    /// The product's own handle on it.
    pub(crate) product: Database,
    pub(crate) worker: Worker,
    wire: Wire,
    base: String,
    token: String,
    /// Every answer so far.
    answers: Mutex<Vec<(String, Reply)>>,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Core {
    pub(crate) async fn start(database: TestDatabase) -> Self {
        Self::start_on(database, Arc::new(FakeSite), WorkerSettings::named("fake")).await
    }

    /// The same with another inventory, and these numbers for its worker.
    pub(crate) async fn start_on(
        database: TestDatabase,
        site: Arc<dyn InventoryExecutor>,
        settings: WorkerSettings,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let wire = Wire::to(&base);
        let product = database.open().await;
        let wake = Arc::new(Notify::new());
        let worker = worker(&product, &wake, site, settings);
        let issuer = LocalIssuer::from_key(files::random_key());
        let state = ApiState::new(ApiParts {
            storage: Arc::new(product.clone()),
            rules: Arc::new(FakeProvider),
            consent: Arc::new(FakeProvider),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            verifier: TokenVerifier::new(vec![issuer.verifier_issuer()]),
            cursor_key: product.derived_key("cursor"),
            watching: Arc::new(product.clone()),
            publisher: Arc::new(product.clone()),
            wake: Arc::new(move || wake.notify_one()),
            metrics: Metrics::new(),
            webhook_destinations: webhooks::DestinationPolicy::public(),
            queue_depth: Some(Arc::new(product.queue())),
            settings: ApiSettings {
                public_url: Some(Url::parse(&base).expect("an address")),
                cors_origins: vec![TestApp::FRONT_END.to_owned()],
                ..ApiSettings::default()
            },
        });
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
            product,
            worker,
            wire,
            base,
            token,
            answers: Mutex::default(),
            shutdown,
            serving,
        }
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.ask(Request::get(target)).await
    }

    pub(crate) async fn post(&self, target: &str, body: &Value) -> Reply {
        self.ask(Request::new("POST", target).json(body)).await
    }

    /// A change of what the caller need not have read before.
    pub(crate) async fn change(&self, method: &str, target: &str, body: Option<&Value>) -> Reply {
        let request = Request::new(method, target).with("if-match", "*");
        self.ask(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    pub(crate) async fn ask(&self, request: Request) -> Reply {
        self.walk(request.bearer(&self.token)).await
    }

    /// A request of nobody: what browsers send.
    pub(crate) async fn walk(&self, mut request: Request) -> Reply {
        if let Some(path) = request.target.strip_prefix(&self.base) {
            request.target = path.to_owned();
        }
        let reply = self.wire.send(&request).await;
        let name = format!("{} {}", request.method, request.target);
        self.answers
            .lock()
            .expect("not poisoned")
            .push((name, reply.clone()));
        reply
    }

    /// A workspace with an environment and a connection to `site` with `secret`.
    pub(crate) async fn connect(&self, site: &str, secret: &str) -> Place {
        let place = self.environment(site).await;
        let body = json!({
            "environment_id": place.environment, "provider": "fake", "connection_type": "dedicated",
            "display_name": "A connection", "scope_identifier": site.to_uppercase(),
            "credential": { "kind": "client_secret", "client_identifier": "somebody", "secret": secret },
        });
        self.add(&place, &body).await
    }

    /// The same place with another connection, which is new.
    pub(crate) async fn add(&self, place: &Place, body: &Value) -> Place {
        let target = place.fill("/api/v1/workspaces/{workspace_id}/connections");
        Place {
            connection: created(&self.post(&target, body).await),
            ..place.clone()
        }
    }

    /// A workspace with an environment.
    pub(crate) async fn environment(&self, site: &str) -> Place {
        let body = json!({ "display_name": "A workspace", "slug": format!("w-{site}") });
        let workspace = created(&self.post("/api/v1/workspaces", &body).await);
        let base = format!("/api/v1/workspaces/{workspace}");
        let body = json!({ "display_name": "An environment", "slug": "production" });
        let environment = created(&self.post(&format!("{base}/environments"), &body).await);
        Place {
            workspace,
            environment,
            ..Place::nowhere()
        }
    }

    pub(crate) async fn start_operation(&self, place: &Place, operation: &str) -> Reply {
        let body = json!({ "operation_type": operation, "environment_id": place.environment });
        let target = place.fill("/api/v1/workspaces/{workspace_id}/operation-runs");
        self.post(&target, &body).await
    }

    /// The same on the connection of `place`, with these inputs.
    pub(crate) async fn start_with(&self, place: &Place, operation: &str, inputs: Value) -> Reply {
        let body = json!({
            "operation_type": operation, "environment_id": place.environment,
            "connection_id": place.connection, "inputs": inputs,
        });
        let target = place.fill("/api/v1/workspaces/{workspace_id}/operation-runs");
        self.post(&target, &body).await
    }

    /// Starts an operation, works, and reads how it ended.
    pub(crate) async fn perform(&self, place: &Place, operation: &str) -> Value {
        self.perform_with(place, operation, json!({})).await
    }

    pub(crate) async fn perform_with(&self, place: &Place, operation: &str, inputs: Value) -> Value {
        let started = self.start_with(place, operation, inputs).await;
        assert_eq!(started.json()["disposition"], "accepted", "{}", started.text());
        assert_eq!(self.worker.drain().await.expect("the queue answers"), 1);
        self.get(started.header("location").expect("an address"))
            .await
            .json()
    }

    /// The end: nothing that was answered or stored holds a provider's word.
    pub(crate) async fn stop(self) {
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

/// A worker with this inventory and these numbers.
pub(crate) fn worker(
    product: &Database,
    wake: &Arc<Notify>,
    site: Arc<dyn InventoryExecutor>,
    settings: WorkerSettings,
) -> Worker {
    Worker::new(parts(product, wake, site, settings))
}

/// What such a worker is made of.
pub(crate) fn parts(
    product: &Database,
    wake: &Arc<Notify>,
    site: Arc<dyn InventoryExecutor>,
    settings: WorkerSettings,
) -> WorkerParts {
    WorkerParts {
        storage: Arc::new(product.clone()),
        queue: Arc::new(product.queue()),
        vault: Arc::new(product.vault()),
        platform: Arc::new(FakeProvider),
        retention: Arc::new(product.clone()),
        rules: Arc::new(FakeProvider),
        provider: Arc::new(FakeProvider),
        inventory: site,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        wake: Arc::clone(wake),
        settings,
    }
}

fn created(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().expect("an id").to_owned()
}
