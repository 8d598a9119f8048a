//! Puts the program together. Here, and nowhere else, an adapter meets the core: storage is
//! handed to the API and the worker, the vault and the executors to the worker alone.

use std::{collections::BTreeMap, net::TcpListener, sync::Arc, time::Duration};

use api::{ApiParts, ApiSettings, ApiState, auth::TokenVerifier, metrics::Metrics};
use kernel::{Clock, IdSource, SecretBytes, SystemClock, SystemIds};
use operations::{QueueSettings, RetentionSettings};
use provider_core::UpkeepSettings;
use provider_microsoft::{
    EndpointOverride, FederatedSource, MicrosoftProvider, MicrosoftScopeRules, MicrosoftSettings,
    PlatformIdentitySettings,
};
use storage_sea_orm::{ConnectError, Database, DatabaseUrl, KeyRing};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use url::Url;
use webhook_sender::{Sender, SenderSettings, SystemLookup};
use webhooks::{DestinationPolicy, WebhookSender};
use worker::{
    Caretaker, Deliverer, DelivererParts, DeliverySettings, Housekeeper, LeftBehind, Publish, Scheduler,
    Sweep, Upkeep, Worker, WorkerParts, WorkerSettings,
};

use crate::{
    platform,
    settings::{ProviderSettings, Settings, WorkerSection},
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
    #[error("the HTTP client for the provider or for webhooks cannot be made")]
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
    /// Where webhooks may lead. Public addresses, unless it is changed before the API and the worker
    /// are made.
    pub webhooks: DestinationPolicy,
    metrics: Metrics,
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
            webhooks: DestinationPolicy::public(),
            metrics: Metrics::new(),
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
            watching: Arc::new(self.database.clone()),
            publisher: Arc::new(self.database.clone()),
            wake: Arc::new(move || wake.notify_one()),
            webhook_destinations: self.webhooks.clone(),
            metrics: self.metrics.clone(),
            queue_depth: Some(Arc::new(self.database.queue())),
            settings,
        })
    }

    /// What every process does now and then, with a worker or without one.
    pub fn caretaker(&self, settings: CaretakerSettings) -> Caretaker {
        let database = Arc::new(self.database.clone());
        let queue = Arc::new(self.database.queue());
        let sweep = Sweep::new(queue, settings.queue, Arc::clone(&self.wake));
        let upkeep = Upkeep {
            connections: database.clone(),
            settings: settings.upkeep,
        };
        let scheduler = Scheduler {
            storage: database.clone(),
            due: database.clone(),
            rules: self.rules.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            wake: Arc::clone(&self.wake),
        };
        let housekeeper = Housekeeper {
            storage: database.clone(),
            retention: database.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            wake: Arc::clone(&self.wake),
            settings: settings.retention,
        };
        let committed = self.database.committed();
        let metrics = self.metrics.clone();
        Caretaker::new(Arc::clone(&self.clock), Arc::clone(&self.ids))
            .telling(move |name, record| {
                metrics.chore(name, record.last_success, (record.done, record.failed));
            })
            .with(sweep.chore(settings.sweep_every))
            .with(Publish(database).chore(settings.publish_every, committed))
            .with(upkeep.chore(settings.upkeep_every))
            .with(scheduler.chore(settings.schedules_every))
            .with(housekeeper.chore(settings.retention_every))
    }

    /// The worker, with the one adapter.
    pub fn worker(&self, settings: WorkerSettings) -> Result<Worker, ComposeError> {
        let mut adapter = MicrosoftSettings::new(Arc::clone(&self.clock), Arc::clone(&self.ids));
        adapter.endpoint_override.clone_from(&self.endpoint);
        adapter.federated = self.rules.federated_sources();
        let provider = MicrosoftProvider::new(adapter).map_err(|_| ComposeError::Client)?;
        let worker = Worker::new(WorkerParts {
            // Claims do not stand in the line of what was claimed.
            storage: Arc::new(self.database.in_background()),
            queue: Arc::new(self.database.queue()),
            vault: Arc::new(self.database.vault()),
            platform: Arc::new(self.rules.platform_vault()),
            retention: Arc::new(self.database.clone()),
            rules: self.rules.clone(),
            provider: Arc::new(provider.clone()),
            inventory: Arc::new(provider),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            wake: Arc::clone(&self.wake),
            settings,
        });
        let sender = Sender::new(
            &SenderSettings::new(self.webhooks.clone()),
            Arc::new(SystemLookup),
        )
        .map_err(|_| ComposeError::Client)?;
        Ok(worker.with_deliverer(self.deliverer(Arc::new(sender), DeliverySettings::default())))
    }

    /// What delivers webhooks through `sender`.
    pub fn deliverer(&self, sender: Arc<dyn WebhookSender>, settings: DeliverySettings) -> Deliverer {
        Deliverer::new(DelivererParts {
            queue: Arc::new(self.database.clone()),
            vault: Arc::new(self.database.vault()),
            sender,
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            settings,
        })
    }
}

/// How often the chores of a process are done, and what they go by.
#[derive(Debug, Clone)]
pub struct CaretakerSettings {
    /// At least how often silent runs are looked for.
    pub sweep_every: Duration,
    /// What that goes by.
    pub queue: QueueSettings,
    /// At least how often events get their numbers, if nobody in this process says that there are some.
    pub publish_every: Duration,
    /// At least how often schedules are looked at.
    pub schedules_every: Duration,
    /// At least how often credentials are looked after.
    pub upkeep_every: Duration,
    /// What that goes by.
    pub upkeep: UpkeepSettings,
    /// At least how often it is looked whether a workspace's housekeeping is due.
    pub retention_every: Duration,
    /// What that goes by.
    pub retention: RetentionSettings,
}

impl Default for CaretakerSettings {
    fn default() -> Self {
        Self {
            sweep_every: Duration::from_secs(5),
            queue: QueueSettings::default(),
            publish_every: Duration::from_millis(500),
            schedules_every: Duration::from_secs(10),
            upkeep_every: Duration::from_mins(5),
            upkeep: UpkeepSettings::default(),
            retention_every: Duration::from_mins(1),
            retention: RetentionSettings::default(),
        }
    }
}

/// The caretaker's numbers, from the settings.
pub fn caretaker_settings(settings: &Settings) -> CaretakerSettings {
    CaretakerSettings {
        sweep_every: settings.worker.sweep_every(),
        queue: queue_settings(&settings.worker),
        upkeep: settings.connections.upkeep(),
        retention: settings.retention.numbers(),
        ..CaretakerSettings::default()
    }
}

fn queue_settings(section: &WorkerSection) -> QueueSettings {
    QueueSettings {
        lease: section.lease(),
        max_attempts: section.max_attempts.max(1),
        queue_timeout: Duration::from_secs(section.queue_timeout_seconds),
        workspace_limit: section.workspace_limit.max(1),
        check_workspace_limit: section.check_workspace_limit.max(1),
    }
}

/// The worker's numbers, from the settings.
pub fn worker_settings(settings: &Settings) -> WorkerSettings {
    let (section, retention) = (&settings.worker, &settings.retention);
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "worker".to_owned());
    let mut settings = WorkerSettings::named(&format!("{host}/{}", std::process::id()));
    settings.concurrency = section.concurrency.max(1);
    settings.check_slots = section.check_slots.max(1);
    settings.stop_grace = section.worker_grace();
    settings.queue = queue_settings(section);
    settings.poll = Duration::from_millis(section.poll_milliseconds.max(10));
    settings.retention = retention.numbers();
    settings.wait_budget = Duration::from_secs(section.wait_budget_seconds);
    settings
}

/// How long chores that are being done may hold up the end.
const LAST_CHORES: Duration = Duration::from_secs(2);

/// What goes on beside the API: the caretaker always, a worker if this process has one.
pub struct Crew {
    /// Does the chores.
    pub caretaker: Caretaker,
    /// Executes runs.
    pub worker: Option<Worker>,
}

impl Crew {
    /// Works until `shutdown`. The chores go on until the worker has handed back its runs.
    ///
    /// # Errors
    ///
    /// It could not hand back all of them in time.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), LeftBehind> {
        let Self { caretaker, worker } = self;
        let rest = CancellationToken::new();
        let chores = tokio::spawn(caretaker.run(rest.clone()));
        let ended = rest.drop_guard();
        let worked = if let Some(worker) = worker {
            worker.run(shutdown).await
        } else {
            shutdown.cancelled().await;
            Ok(())
        };
        drop(ended);
        match timeout(LAST_CHORES, chores).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(panicked = error.is_panic(), "the caretaker broke"),
            Err(_) => tracing::warn!("a chore was still being done at the end"),
        }
        worked
    }
}

/// Serves the API, with its crew beside it, until `shutdown`.
///
/// # Errors
///
/// It cannot be served, or the crew broke or left something behind.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    threads: usize,
    crew: Crew,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let stop = shutdown.clone();
    // The worker ends first: it hands back its runs while the API still answers.
    let hands_back = CancellationToken::new();
    let ended = hands_back.clone().drop_guard();
    let work = tokio::spawn(async move {
        // Whatever becomes of the worker, a panic included, the API ends after it.
        let _ended = ended;
        crew.run(shutdown).await
    });
    let threads = if threads == 0 {
        std::thread::available_parallelism().map_or(2, usize::from)
    } else {
        threads
    };
    let served = api::serve(listener, Arc::new(state), threads, hands_back.cancelled_owned()).await;
    stop.cancel();
    let worked = work.await.map_err(std::io::Error::other)?;
    served.and(worked.map_err(std::io::Error::other))
}
