//! Puts the program together. Here, and nowhere else, an adapter meets the core: storage is
//! handed to the API and the worker, the vault and the executors to the worker alone.

use std::{collections::BTreeMap, net::TcpListener, sync::Arc};

use api::{ApiParts, ApiSettings, ApiState, auth::TokenVerifier, metrics::Metrics};
use kernel::{Clock, IdSource, SecretBytes, SystemClock, SystemIds};
use operations::QueueSettings;
use provider_microsoft::{
    EndpointOverride, FederatedSource, MicrosoftProvider, MicrosoftScopeRules, MicrosoftSettings,
    PlatformIdentitySettings,
};
use storage_sea_orm::{ConnectError, Database, DatabaseUrl, KeyRing};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;
use worker::{Worker, WorkerParts, WorkerSettings};

use crate::{
    platform,
    settings::{ProviderSettings, Settings},
};

/// Why the program cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The database.
    #[error(transparent)]
    Database(#[from] ConnectError),
    /// The provider's endpoint.
    #[error("provider.loopback_endpoint must be an address of this machine")]
    NotLoopback,
    /// The installation's own clients.
    #[error("provider.platform: {0}")]
    Platform(String),
    /// The HTTP client.
    #[error("the HTTP client for the provider cannot be made")]
    Client,
}

impl ComposeError {
    /// Whether the same may work a little later without any change.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Database(ConnectError::Unreachable(error)) => error.retryable(),
            Self::Database(_) | Self::NotLoopback | Self::Platform(_) | Self::Client => false,
        }
    }
}

/// What every command shares.
pub struct Program {
    /// The database.
    pub database: Database,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// The provider's rules.
    pub rules: Arc<MicrosoftScopeRules>,
    /// From the API to the worker of the same process.
    pub wake: Arc<Notify>,
    endpoint: Option<EndpointOverride>,
}

/// What the operator says about the provider.
#[derive(Debug, Default)]
pub struct ProviderSetup {
    /// Stands in place of the provider's hosts; must be an address of this machine.
    pub endpoint: Option<Url>,
    /// The installation's own clients.
    pub platform: Vec<PlatformIdentitySettings>,
    /// Token files by name.
    pub federated_tokens: BTreeMap<String, FederatedSource>,
}

impl ProviderSetup {
    /// As the settings say.
    pub fn of(settings: &ProviderSettings) -> Result<Self, ComposeError> {
        Ok(Self {
            endpoint: settings.loopback_endpoint.clone(),
            platform: platform::identities(&settings.platform)?,
            federated_tokens: platform::sources(&settings.federated_tokens)?,
        })
    }
}

impl Program {
    /// Opens the database, with its migrations run if `migrate` says so.
    pub async fn open(
        url: &DatabaseUrl,
        ring: KeyRing,
        migrate: bool,
        setup: ProviderSetup,
    ) -> Result<Self, ComposeError> {
        let endpoint = setup
            .endpoint
            .map(EndpointOverride::loopback)
            .transpose()
            .map_err(|_| ComposeError::NotLoopback)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
        let rules = MicrosoftScopeRules::new(endpoint.clone())
            .with_federated_sources(setup.federated_tokens)
            .with_platform(setup.platform, clock.now())
            .map_err(|problem| ComposeError::Platform(problem.to_string()))?;
        let database = if migrate {
            Database::open_migrated(url, ring, Arc::clone(&clock), Arc::clone(&ids)).await?
        } else {
            Database::open(url, ring, Arc::clone(&clock), Arc::clone(&ids)).await?
        };
        Ok(Self {
            database,
            clock,
            ids,
            rules: Arc::new(rules),
            wake: Arc::new(Notify::new()),
            endpoint,
        })
    }

    /// The state of the API.
    pub fn api(&self, verifier: TokenVerifier, cursor_key: SecretBytes, settings: ApiSettings) -> ApiState {
        let wake = Arc::clone(&self.wake);
        ApiState::new(ApiParts {
            storage: Arc::new(self.database.clone()),
            rules: self.rules.clone(),
            consent: self.rules.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            verifier,
            cursor_key,
            wake: Arc::new(move || wake.notify_one()),
            metrics: Metrics::new(),
            queue_depth: Some(Arc::new(self.database.queue())),
            settings,
        })
    }

    /// The worker, with the one adapter.
    pub fn worker(&self, settings: WorkerSettings) -> Result<Worker, ComposeError> {
        let mut adapter = MicrosoftSettings::new(Arc::clone(&self.clock), Arc::clone(&self.ids));
        adapter.endpoint_override.clone_from(&self.endpoint);
        adapter.federated = self.rules.federated_sources();
        let provider = MicrosoftProvider::new(adapter).map_err(|_| ComposeError::Client)?;
        Ok(Worker::new(WorkerParts {
            storage: Arc::new(self.database.clone()),
            queue: Arc::new(self.database.queue()),
            vault: Arc::new(self.database.vault()),
            platform: Arc::new(self.rules.platform_vault()),
            upkeep: Arc::new(self.database.clone()),
            retention: Arc::new(self.database.clone()),
            rules: self.rules.clone(),
            provider: Arc::new(provider.clone()),
            inventory: Arc::new(provider),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            wake: Arc::clone(&self.wake),
            settings,
        }))
    }
}

/// The worker's numbers, from the settings.
pub fn worker_settings(settings: &Settings) -> WorkerSettings {
    let Settings {
        worker: section,
        connections,
        retention,
        ..
    } = settings;
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "worker".to_owned());
    let mut settings = WorkerSettings::named(&format!("{host}/{}", std::process::id()));
    settings.concurrency = section.concurrency.max(1);
    settings.queue = QueueSettings {
        lease: section.lease(),
        max_attempts: section.max_attempts.max(1),
        queue_timeout: std::time::Duration::from_secs(section.queue_timeout_seconds),
        workspace_limit: section.workspace_limit.max(1),
    };
    settings.poll = std::time::Duration::from_millis(section.poll_milliseconds.max(10));
    settings.sweep_every = section.sweep_every();
    settings.upkeep = connections.upkeep();
    settings.retention = retention.numbers();
    settings.wait_budget = std::time::Duration::from_secs(section.wait_budget_seconds);
    settings
}

/// Serves the API, with a worker beside it if there is one, until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    threads: usize,
    worker: Option<Worker>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let stop = shutdown.clone();
    // The worker ends first: it hands back its runs while the API still answers.
    let hands_back = CancellationToken::new();
    let ended = hands_back.clone().drop_guard();
    let work = tokio::spawn(async move {
        // Whatever becomes of the worker, a panic included, the API ends after it.
        let _ended = ended;
        match worker {
            Some(worker) => worker.run(shutdown).await,
            None => shutdown.cancelled().await,
        }
    });
    let threads = if threads == 0 {
        std::thread::available_parallelism().map_or(2, usize::from)
    } else {
        threads
    };
    let served = api::serve(listener, Arc::new(state), threads, hands_back.cancelled_owned()).await;
    stop.cancel();
    let _ = work.await;
    served
}
