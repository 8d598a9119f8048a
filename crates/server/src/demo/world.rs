//! What the demo runs on: a simulator with two tenants, a fresh database, the API and a worker.

use std::{net::TcpListener, path::Path, time::Duration};

use api::{
    ApiSettings,
    auth::{LocalIssuer, TokenVerifier},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use cli::Client;
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use microsoft_simulator::{AppOptions, Simulator, SimulatorOptions, TenantOptions};
use storage_sea_orm::{DatabaseUrl, KeyRing};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use worker::WorkerSettings;

use super::{DemoArgs, DemoError};
use crate::{
    compose::{self, Program, ProviderSetup},
    files,
};

/// One simulated customer.
pub(crate) struct Customer {
    pub(crate) name: &'static str,
    pub(crate) tenant_id: Uuid,
    pub(crate) client_id: Uuid,
    pub(crate) secret: String,
}

/// Everything that runs.
pub(crate) struct World {
    pub(crate) base_url: String,
    pub(crate) token: String,
    pub(crate) client: Client,
    pub(crate) simulator: Simulator,
    pub(crate) contoso: Customer,
    pub(crate) fabrikam: Customer,
    folder: TempDir,
    serving: JoinHandle<std::io::Result<()>>,
}

impl World {
    pub(crate) async fn start(args: &DemoArgs, shutdown: CancellationToken) -> Result<Self, DemoError> {
        let (contoso, fabrikam) = (Customer::new("Contoso"), Customer::new("Fabrikam"));
        let options = SimulatorOptions {
            bind: args.simulator_bind,
            tenants: vec![tenant(&contoso, args.users), tenant(&fabrikam, 20)],
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options)
            .await
            .map_err(|error| start("the simulator", &error))?;
        let folder =
            TempDir::with_prefix("tenantatlas-demo-").map_err(|error| start("the database", &error))?;
        let endpoint = Url::parse(&simulator.base_url()).map_err(|error| start("the worker", &error))?;
        let program = program(folder.path(), endpoint).await?;

        let issuer = LocalIssuer::from_key(files::random_key());
        let token = issuer.mint(
            "demo-owner",
            Some("Demo owner"),
            TimeDelta::hours(12),
            SystemClock.now(),
        );
        let verifier = TokenVerifier::new(vec![issuer.verifier_issuer()]);
        let listener = TcpListener::bind(args.bind).map_err(|error| start("the API", &error))?;
        let address = listener.local_addr().map_err(|error| start("the API", &error))?;
        let settings = WorkerSettings {
            poll: Duration::from_millis(100),
            ..WorkerSettings::named("demo")
        };
        let worker = program
            .worker(settings)
            .map_err(|error| start("the worker", &error))?;
        let state = program.api(
            verifier,
            program.database.derived_key("cursor"),
            ApiSettings::default(),
        );
        let serving = tokio::spawn(compose::serve(listener, state, 2, Some(worker), shutdown));

        let base_url = format!("http://{address}");
        let base = Url::parse(&base_url).map_err(|error| start("the client", &error))?;
        let client = Client::new(base, Some(token.clone()))?;
        Ok(Self {
            base_url,
            token,
            client,
            simulator,
            contoso,
            fabrikam,
            folder,
            serving,
        })
    }

    pub(crate) fn simulator_url(&self) -> String {
        self.simulator.base_url()
    }

    /// The files of the database, write-ahead log included.
    pub(crate) fn database_files(&self) -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten();
        entries
            .filter_map(|entry| std::fs::read(entry.path()).ok())
            .collect()
    }

    pub(crate) async fn stop(self) {
        let _ = self.serving.await;
        self.simulator.stop().await;
    }
}

impl Customer {
    fn new(name: &'static str) -> Self {
        let secret = format!("demo~{}", URL_SAFE_NO_PAD.encode(files::random_key().expose()));
        Self {
            name,
            tenant_id: SystemIds.next_uuid(),
            client_id: SystemIds.next_uuid(),
            secret,
        }
    }
}

async fn program(folder: &Path, endpoint: Url) -> Result<Program, DemoError> {
    let ring =
        KeyRing::parse(&KeyRing::generate_file("demo")).map_err(|error| start("the database", &error))?;
    let url = DatabaseUrl::Sqlite(folder.join("demo.sqlite3"));
    let setup = ProviderSetup {
        endpoint: Some(endpoint),
        ..ProviderSetup::default()
    };
    Program::open(&url, ring, true, setup)
        .await
        .map_err(|error| start("the database", &error))
}

fn tenant(customer: &Customer, users: usize) -> TenantOptions {
    TenantOptions {
        display_name: customer.name.to_owned(),
        primary_domain: format!("{}.example", customer.name.to_lowercase()),
        users,
        groups: users / 20,
        devices: users / 4,
        apps: vec![AppOptions::consented(customer.client_id, &customer.secret)],
        ..TenantOptions::sample(customer.tenant_id)
    }
}

fn start(what: &'static str, error: &dyn std::fmt::Display) -> DemoError {
    DemoError::Start(what, error.to_string())
}
