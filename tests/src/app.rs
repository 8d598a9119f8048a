//! The product in one process: the real API on a real socket, the real worker on demand, and a
//! simulator with two customers behind it.

use std::{
    net::TcpListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use api::{
    ApiSettings,
    auth::{LocalIssuer, TokenVerifier},
};
use chrono::TimeDelta;
use cli::{Answer, Client};
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use microsoft_simulator::{AppOptions, AppRegistration, Simulator, SimulatorOptions, TenantOptions};
use provider_core::{UpkeepReport, UpkeepSettings};
use provider_microsoft::{Cloud, PlatformCredentialFile, PlatformIdentitySettings};
use serde_json::{Value, json};
use server::{
    compose::{Program, ProviderSetup},
    files,
};
use tenancy::EventPublisher as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use webhooks::DestinationPolicy;
use worker::{Upkeep, Worker, WorkerSettings};

use crate::TestDatabase;

/// A sign of life comes every third of this; nothing sweeps unless a test does.
const LEASE: Duration = Duration::from_secs(6);

/// A simulated customer.
pub struct Customer {
    /// Its tenant.
    pub tenant_id: Uuid,
    /// The client that it let in.
    pub client_id: Uuid,
    /// The secret that is accepted.
    pub secret: String,
}

impl Customer {
    /// A customer with ids and a secret of its own.
    pub fn new() -> Self {
        let secret = format!(
            "it~{}",
            files::encode_key(&files::random_key())
                .trim()
                .replace(['/', '+', '='], "_")
        );
        Self {
            tenant_id: SystemIds.next_uuid(),
            client_id: SystemIds.next_uuid(),
            secret,
        }
    }

    /// How the simulator knows it.
    pub fn tenant(&self) -> TenantOptions {
        TenantOptions {
            users: 60,
            groups: 12,
            devices: 30,
            apps: vec![AppOptions::consented(self.client_id, &self.secret)],
            ..TenantOptions::sample(self.tenant_id)
        }
    }
}

impl Default for Customer {
    fn default() -> Self {
        Self::new()
    }
}

/// The product and what is around it.
pub struct TestApp {
    /// Where the API is.
    pub base_url: String,
    /// The database.
    pub database: TestDatabase,
    /// The product's own handle on it.
    pub program: Program,
    /// Executes runs when it is told to.
    pub worker: Worker,
    /// The stand-in for the provider; nothing once it was stopped.
    pub simulator: Option<Simulator>,
    /// A customer.
    pub contoso: Customer,
    /// Another one.
    pub fabrikam: Customer,
    /// The installation's own client. Its tenant is nobody's.
    pub platform: Customer,
    /// The file with its secret.
    pub platform_secret_file: PathBuf,
    issuer: Arc<LocalIssuer>,
    shutdown: CancellationToken,
    serving: Option<JoinHandle<std::io::Result<()>>>,
}

/// Another API process, as far as it can tell.
pub struct Beside {
    /// Where it is.
    pub base_url: String,
    /// Its own handle on the database.
    pub program: Program,
    shutdown: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Beside {
    /// Stops it.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.expect("joins").expect("serves to the end");
    }
}

/// A workspace with an environment and a connection.
pub struct Home {
    /// `/api/v1/workspaces/{id}`.
    pub base: String,
    /// The workspace.
    pub workspace: String,
    /// The environment.
    pub environment: String,
    /// The connection.
    pub connection: String,
}

impl TestApp {
    /// The front end to which a consent page may lead back.
    pub const FRONT_END: &str = "https://console.example.com";

    /// Starts everything on `database`. The worker does nothing until [`TestApp::drain`].
    pub async fn start(database: TestDatabase) -> Self {
        Self::start_with(database, |_| {}).await
    }

    /// The same with `change` made to what the operator says about the provider.
    pub async fn start_with(database: TestDatabase, change: impl FnOnce(&mut ProviderSetup)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let (contoso, fabrikam, platform) = (Customer::new(), Customer::new(), Customer::new());
        let registration = AppRegistration::new(platform.client_id, "The installation")
            .with_redirect_uri(format!("{base_url}/consent/callback"))
            .with_secret(&platform.secret);
        let simulator = Simulator::start(SimulatorOptions {
            tenants: vec![contoso.tenant(), fabrikam.tenant()],
            registrations: vec![registration],
            ..SimulatorOptions::default()
        });
        let simulator = simulator.await.expect("the simulator starts");
        let secret_file = database.folder.path().join("platform.secret");
        files::create_private(&secret_file, platform.secret.as_bytes()).expect("a file");
        let mut setup = ProviderSetup {
            endpoint: Some(Url::parse(&simulator.base_url()).expect("an address")),
            platform: vec![PlatformIdentitySettings {
                cloud: Cloud::Global,
                client_id: platform.client_id.to_string(),
                credential: PlatformCredentialFile::ClientSecretFile(secret_file.clone()),
                expires_at: None,
            }],
            ..ProviderSetup::default()
        };
        change(&mut setup);
        let mut program = Program::open(&database.database_url(), database.key_ring(), false, setup)
            .await
            .expect("opens");
        // Receivers of the tests live on this machine, and on one address of it.
        program.webhooks = DestinationPolicy::with_private(vec!["127.0.0.1/32".parse().expect("a range")]);
        let mut settings = WorkerSettings::named("it");
        settings.queue.lease = LEASE;
        let worker = program.worker(settings).expect("a worker");

        let issuer = LocalIssuer::from_key(files::random_key());
        let verifier = TokenVerifier::new(vec![issuer.verifier_issuer()]);
        let api_settings = ApiSettings {
            public_url: Some(Url::parse(&base_url).expect("an address")),
            cors_origins: vec![Self::FRONT_END.to_owned()],
            ..ApiSettings::default()
        };
        let state = program.api(verifier, program.database.derived_key("cursor"), api_settings);
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(api::serve(
            listener,
            Arc::new(state),
            1,
            shutdown.clone().cancelled_owned(),
        ));
        Self {
            base_url,
            database,
            program,
            worker,
            simulator: Some(simulator),
            contoso,
            fabrikam,
            platform,
            platform_secret_file: secret_file,
            issuer: Arc::new(issuer),
            shutdown,
            serving: Some(serving),
        }
    }

    /// A token for `subject`.
    pub fn token(&self, subject: &str) -> String {
        self.issuer
            .mint(subject, None, TimeDelta::hours(1), SystemClock.now())
    }

    /// A client with a token for `subject`.
    pub fn client(&self, subject: &str) -> Client {
        Client::new(
            Url::parse(&self.base_url).expect("an address"),
            Some(self.token(subject)),
        )
        .expect("a client")
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(Url::parse(&self.base_url).expect("an address"), None).expect("a client")
    }

    /// Works until nothing may begin any more.
    pub async fn drain(&self) -> usize {
        self.worker.drain().await.expect("the queue answers")
    }

    /// Looks once after credentials, as the caretaker does.
    pub async fn upkeep(&self) -> UpkeepReport {
        upkeep(&self.program.database)
            .run_once()
            .await
            .expect("the store answers")
    }

    /// Gives every event its number, so that what follows from them is there too.
    pub async fn settle(&self) {
        while self
            .database
            .number("SELECT count(*) FROM outbox_events WHERE sequence IS NULL")
            .await
            > 0
        {
            // Somebody else may be at it: then this does nothing.
            self.program.database.publish().await.expect("publishes");
        }
    }

    /// Another API process of the same installation: a database handle, an API and a port of its own.
    /// `statements` counts what it asks of the database.
    pub async fn beside(&self, settings: ApiSettings, statements: Arc<AtomicUsize>) -> Beside {
        let setup = ProviderSetup::default();
        let url = self.database.database_url();
        let mut program = Program::open(&url, self.database.key_ring(), false, setup)
            .await
            .expect("opens");
        program.database.watch_statements(move |_| {
            statements.fetch_add(1, Ordering::SeqCst);
        });
        let verifier = TokenVerifier::new(vec![self.issuer.verifier_issuer()]);
        let state = program.api(verifier, program.database.derived_key("cursor"), settings);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = CancellationToken::new();
        let until = shutdown.clone().cancelled_owned();
        Beside {
            base_url,
            program,
            shutdown,
            serving: tokio::spawn(api::serve(listener, Arc::new(state), 2, until)),
        }
    }

    /// A workspace of `owner` with an environment and a connection to `customer`, whose secret
    /// is `secret`.
    pub async fn home(&self, owner: &Client, customer: &Customer, secret: &str) -> Home {
        let slug = format!("w-{}", SystemIds.next_uuid().simple());
        let body = json!({ "display_name": "A workspace", "slug": slug });
        let workspace = created(&owner.post("/api/v1/workspaces", &body).await.expect("an answer"));
        let base = format!("/api/v1/workspaces/{workspace}");
        let body = json!({ "display_name": "An environment", "slug": "production" });
        let environment = created(
            &owner
                .post(&format!("{base}/environments"), &body)
                .await
                .expect("an answer"),
        );
        let body = connection_body(&environment, customer, secret);
        let connection = created(
            &owner
                .post(&format!("{base}/connections"), &body)
                .await
                .expect("an answer"),
        );
        Home {
            base,
            workspace,
            environment,
            connection,
        }
    }

    /// Stops everything. The harness ends a test that leaves a run behind that nobody ends.
    pub async fn stop(mut self) {
        self.stop_serving().await;
        if let Some(simulator) = self.simulator.take() {
            simulator.stop().await;
        }
    }

    /// Stops the API alone, and with it whatever it does in the background.
    pub async fn stop_serving(&mut self) {
        self.shutdown.cancel();
        if let Some(serving) = self.serving.take() {
            serving.await.expect("joins").expect("serves to the end");
        }
    }

    /// Stops the simulator alone.
    pub async fn stop_simulator(&mut self) {
        if let Some(simulator) = self.simulator.take() {
            simulator.stop().await;
        }
    }
}

impl Home {
    /// Starts an operation.
    pub async fn start(&self, client: &Client, operation: &str) -> Answer {
        let body = json!({ "operation_type": operation, "environment_id": self.environment });
        client
            .post(&format!("{}/operation-runs", self.base), &body)
            .await
            .expect("an answer")
    }

    /// Reads a run.
    pub async fn run(&self, client: &Client, id: &str) -> Answer {
        client
            .get(&format!("{}/operation-runs/{id}", self.base))
            .await
            .expect("an answer")
    }
}

/// Looks after credentials on a handle of the product.
pub fn upkeep(database: &storage_sea_orm::Database) -> Upkeep {
    Upkeep {
        connections: Arc::new(database.clone()),
        settings: UpkeepSettings::default(),
    }
}

/// The body that connects a customer.
pub fn connection_body(environment: &str, customer: &Customer, secret: &str) -> Value {
    json!({
        "environment_id": environment,
        "provider": "microsoft",
        "connection_type": "dedicated",
        "display_name": "A connection",
        "scope_identifier": customer.tenant_id,
        "credential": { "kind": "client_secret", "client_identifier": customer.client_id, "secret": secret },
    })
}

/// The id of what was created.
pub fn created(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.text("/id").to_owned()
}
