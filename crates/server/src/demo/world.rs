//! What the demo runs on: a simulator with four tenants and a platform client, a fresh database,
//! the API and a worker.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use api::{
    ApiSettings,
    auth::{LocalIssuer, TokenVerifier},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use cli::Client;
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp};
use microsoft_simulator::{AppOptions, AppRegistration, Simulator, SimulatorOptions, TenantOptions};
use provider_core::ConsentUrls as _;
use provider_microsoft::{Cloud, MicrosoftScopeRules, PlatformCredentialFile, PlatformIdentitySettings};
use storage_sea_orm::{DatabaseUrl, KeyRing};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use worker::WorkerSettings;

use super::{DemoArgs, DemoError};
use crate::{
    compose::{self, CaretakerSettings, Crew, Program, ProviderSetup},
    files,
};

/// One simulated customer, with a client of its own that it let in.
pub(crate) struct Customer {
    pub(crate) name: &'static str,
    pub(crate) tenant_id: Uuid,
    pub(crate) client_id: Uuid,
    /// Secrets of that client, all of them valid.
    pub(crate) secrets: Vec<String>,
}

/// A simulated customer that lets the platform's client in once an administrator agrees.
pub(crate) struct Prospect {
    pub(crate) name: &'static str,
    pub(crate) tenant_id: Uuid,
}

/// The client of the installation itself.
struct Platform {
    client_id: Uuid,
    secret: String,
    /// Holds the file with the secret: far from the database's files, which are searched for it.
    folder: TempDir,
}

/// Everything that runs.
pub(crate) struct World {
    pub(crate) base_url: String,
    pub(crate) token: String,
    /// The caller of the API.
    pub(crate) client: Client,
    /// Somebody at a browser, without any token.
    pub(crate) browser: Client,
    pub(crate) simulator: Simulator,
    /// The third secret is for readers.
    pub(crate) contoso: Customer,
    pub(crate) fabrikam: Customer,
    pub(crate) adatum: Prospect,
    /// Left alone by the story: for readers.
    pub(crate) litware: Prospect,
    platform: Platform,
    folder: TempDir,
    serving: JoinHandle<std::io::Result<()>>,
}

impl World {
    pub(crate) async fn start(args: &DemoArgs, shutdown: CancellationToken) -> Result<Self, DemoError> {
        let (contoso, fabrikam) = (Customer::new("Contoso", 3), Customer::new("Fabrikam", 1));
        let (adatum, litware) = (Prospect::new("Adatum"), Prospect::new("Litware"));
        let platform = Platform::new()?;
        let listener = TcpListener::bind(args.bind).map_err(|error| start("the API", &error))?;
        let base_url = reachable(&listener)?;
        let base = Url::parse(&base_url).map_err(|error| start("the API", &error))?;

        let options = SimulatorOptions {
            bind: args.simulator_bind,
            tenants: vec![
                contoso.tenant(args.users),
                fabrikam.tenant(20),
                adatum.tenant(),
                litware.tenant(),
            ],
            registrations: vec![platform.registration(&base_url)],
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options)
            .await
            .map_err(|error| start("the simulator", &error))?;
        let folder =
            TempDir::with_prefix("tenantatlas-demo-").map_err(|error| start("the database", &error))?;
        let endpoint = Url::parse(&simulator.base_url()).map_err(|error| start("the worker", &error))?;
        let program = program(folder.path(), endpoint, &platform).await?;
        let settings = ApiSettings {
            public_url: Some(base.clone()),
            cors_origins: args.cors_origins.clone(),
            ..ApiSettings::default()
        };
        let (token, serving) = serve(&program, listener, settings, shutdown)?;
        Ok(Self {
            client: Client::new(base.clone(), Some(token.clone()))?,
            browser: Client::new(base, None)?,
            base_url,
            token,
            simulator,
            contoso,
            fabrikam,
            adatum,
            litware,
            platform,
            folder,
            serving,
        })
    }

    pub(crate) fn simulator_url(&self) -> String {
        self.simulator.base_url()
    }

    /// Every secret that the program was told, or reads from a file.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let stored = self.contoso.secrets.iter().chain(&self.fabrikam.secrets);
        stored.chain([&self.platform.secret]).map(String::as_str)
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
    fn new(name: &'static str, secrets: usize) -> Self {
        Self {
            name,
            tenant_id: SystemIds.next_uuid(),
            client_id: SystemIds.next_uuid(),
            secrets: (0..secrets).map(|_| random_secret()).collect(),
        }
    }

    /// The one that is told first.
    pub(crate) fn secret(&self) -> &str {
        self.secrets.first().map(String::as_str).unwrap_or_default()
    }

    /// The one with this number; nothing when it has fewer.
    pub(crate) fn later_secret(&self, number: usize) -> &str {
        self.secrets.get(number).map(String::as_str).unwrap_or_default()
    }

    fn tenant(&self, users: usize) -> TenantOptions {
        let app = AppOptions::consented(self.client_id, self.secret());
        let app = self.secrets.iter().skip(1).fold(app, AppOptions::with_secret);
        TenantOptions {
            users,
            groups: users / 20,
            devices: users / 4,
            apps: vec![app],
            ..tenant(self.name, self.tenant_id)
        }
    }
}

impl Prospect {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            tenant_id: SystemIds.next_uuid(),
        }
    }

    fn tenant(&self) -> TenantOptions {
        tenant(self.name, self.tenant_id)
    }
}

impl Platform {
    fn new() -> Result<Self, DemoError> {
        let folder = TempDir::with_prefix("tenantatlas-demo-platform-")
            .map_err(|error| start("the platform's client", &error))?;
        let platform = Self {
            client_id: SystemIds.next_uuid(),
            secret: random_secret(),
            folder,
        };
        files::create_private(&platform.file(), platform.secret.as_bytes())
            .map_err(|error| start("the platform's client", &error))?;
        Ok(platform)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("platform.secret")
    }

    fn registration(&self, base_url: &str) -> AppRegistration {
        // The provider's page asks for what was registered there: for what our page says, then.
        let asked = MicrosoftScopeRules::new(None).asked_permissions();
        AppRegistration {
            requested_roles: asked.iter().map(|one| one.name.to_owned()).collect(),
            ..AppRegistration::new(self.client_id, "Northwind managed services")
        }
        .with_redirect_uri(format!("{base_url}/consent/callback"))
        .with_secret(&self.secret)
    }

    fn settings(&self, now: Timestamp) -> PlatformIdentitySettings {
        PlatformIdentitySettings {
            cloud: Cloud::Global,
            client_id: self.client_id.to_string(),
            credential: PlatformCredentialFile::ClientSecretFile(self.file()),
            expires_at: Some(now + TimeDelta::days(120)),
        }
    }
}

fn random_secret() -> String {
    format!("demo~{}", URL_SAFE_NO_PAD.encode(files::random_key().expose()))
}

/// The address under which this machine reaches the listener.
fn reachable(listener: &TcpListener) -> Result<String, DemoError> {
    let mut address = listener.local_addr().map_err(|error| start("the API", &error))?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{address}"))
}

async fn program(folder: &Path, endpoint: Url, platform: &Platform) -> Result<Program, DemoError> {
    let ring =
        KeyRing::parse(&KeyRing::generate_file("demo")).map_err(|error| start("the database", &error))?;
    let url = DatabaseUrl::Sqlite(folder.join("demo.sqlite3"));
    let setup = ProviderSetup {
        endpoint: Some(endpoint),
        platform: vec![platform.settings(SystemClock.now())],
        ..ProviderSetup::default()
    };
    Program::open(&url, ring, true, setup)
        .await
        .map_err(|error| start("the database", &error))
}

/// The API and a worker, and a token for the first caller.
fn serve(
    program: &Program,
    listener: TcpListener,
    settings: ApiSettings,
    shutdown: CancellationToken,
) -> Result<(String, JoinHandle<std::io::Result<()>>), DemoError> {
    let issuer = LocalIssuer::from_key(files::random_key());
    let lifetime = TimeDelta::hours(12);
    let token = issuer.mint("demo-owner", Some("Demo owner"), lifetime, SystemClock.now());
    let verifier = TokenVerifier::new(vec![issuer.verifier_issuer()]);
    let numbers = WorkerSettings {
        poll: Duration::from_millis(100),
        ..WorkerSettings::named("demo")
    };
    let worker = program
        .worker(numbers)
        .map_err(|error| start("the worker", &error))?;
    let state = program.api(verifier, program.database.derived_key("cursor"), settings);
    let crew = Crew {
        caretaker: program.caretaker(CaretakerSettings::default()),
        worker: Some(worker),
    };
    let serving = tokio::spawn(compose::serve(listener, state, 2, crew, shutdown));
    Ok((token, serving))
}

fn tenant(name: &str, id: Uuid) -> TenantOptions {
    TenantOptions {
        display_name: name.to_owned(),
        primary_domain: format!("{}.example", name.to_lowercase()),
        users: 40,
        groups: 4,
        devices: 10,
        ..TenantOptions::sample(id)
    }
}

fn start(what: &'static str, error: &dyn std::fmt::Display) -> DemoError {
    DemoError::Start(what, error.to_string())
}
