//! What handlers work with: the ports that were handed over, and nothing that can call a
//! provider.

use std::{future::Future, sync::Arc, time::Duration};

use chrono::TimeDelta;
use kernel::{Clock, IdSource, SecretBytes};
use operations::{ActionTimes, RunQueue};
use provider_core::{ConsentUrls, ScopeRules};
use storage::{Storage, Watching};
use tenancy::EventPublisher;
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;
use webhooks::DestinationPolicy;

use crate::{auth::TokenVerifier, edge::Edge, metrics::Metrics, problem::Problem, watch::hub::Hub};

/// Everything that the API is made of.
pub struct ApiParts {
    /// Where the data is.
    pub storage: Arc<dyn Storage>,
    /// The provider's rules about names. Pure: it cannot go out.
    pub rules: Arc<dyn ScopeRules>,
    /// Makes addresses of consent pages and reads what comes back. Pure too.
    pub consent: Arc<dyn ConsentUrls>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub ids: Arc<dyn IdSource>,
    /// Checks bearer tokens.
    pub verifier: TokenVerifier,
    /// Seals cursors; 32 bytes.
    pub cursor_key: SecretBytes,
    /// Answers the questions of those who watch.
    pub watching: Arc<dyn Watching>,
    /// Gives committed events their numbers.
    pub publisher: Arc<dyn EventPublisher>,
    /// Called after an accepted run is committed.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Where webhooks may lead.
    pub webhook_destinations: DestinationPolicy,
    /// Tells `/metrics` how many runs wait and work, and what calls came to.
    pub queue_depth: Option<Arc<dyn RunQueue>>,
    /// The numbers.
    pub settings: ApiSettings,
}

/// The numbers of the HTTP surface.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// The largest sum of header names and values, in bytes.
    pub header_limit: usize,
    /// The longest address, in bytes.
    pub uri_limit: usize,
    /// Origins whose pages may call the API, such as `https://console.example.com`, and to which a
    /// consent page may lead back. None by default.
    pub cors_origins: Vec<String>,
    /// Where browsers reach this installation, such as `https://atlas.example.com/`. Consent links
    /// need it; none can be made without.
    pub public_url: Option<Url>,
    /// How long what a check verified counts.
    pub stale_after: TimeDelta,
    /// How long a credential is kept after another one was promoted.
    pub keep_previous: TimeDelta,
    /// How long the head of a request may take to arrive.
    pub head_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long an idle connection stays open.
    pub keep_alive: Duration,
    /// How long requests in flight may take once the server shuts down.
    pub shutdown_timeout: Duration,
    /// How often the process looks at the store for those who wait and watch.
    pub wait_poll: Duration,
    /// When people may step in where a run does not end by itself.
    pub run_actions: ActionTimes,
    /// Streams of events.
    pub streams: StreamSettings,
}

/// The numbers of event streams.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// How many one principal may have open.
    pub per_principal: usize,
    /// How many the process has.
    pub per_process: usize,
    /// After how long a silent stream gives a sign of life.
    pub heartbeat: Duration,
    /// How often memberships are read again. A minute at the most.
    pub recheck: Duration,
    /// How long a stream lasts; then its reader proves anew who he is.
    pub longest: Duration,
    /// How many batches of events wait for a slow reader before he is cut off.
    pub buffer: usize,
    /// How long a reader may take nothing of what was sent before the connection is closed. For every
    /// connection, and on Linux alone.
    pub stall: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            per_principal: 20,
            per_process: 2000,
            heartbeat: Duration::from_secs(15),
            recheck: Duration::from_secs(15),
            longest: Duration::from_hours(1),
            buffer: 64,
            stall: Duration::from_secs(30),
        }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            body_limit: 64 * 1024,
            header_limit: 32 * 1024,
            uri_limit: 8 * 1024,
            cors_origins: Vec::new(),
            public_url: None,
            stale_after: TimeDelta::days(30),
            keep_previous: TimeDelta::days(7),
            head_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(15),
            keep_alive: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(30),
            wait_poll: Duration::from_millis(300),
            run_actions: ActionTimes::default(),
            streams: StreamSettings::default(),
        }
    }
}

/// The state behind all routes. One for the whole process.
pub struct ApiState {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) rules: Arc<dyn ScopeRules>,
    pub(crate) consent: Arc<dyn ConsentUrls>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) verifier: TokenVerifier,
    pub(crate) cursor_key: SecretBytes,
    pub(crate) wake: Arc<dyn Fn() + Send + Sync>,
    pub(crate) metrics: Metrics,
    pub(crate) webhook_destinations: DestinationPolicy,
    pub(crate) queue_depth: Option<Arc<dyn RunQueue>>,
    pub(crate) settings: ApiSettings,
    pub(crate) edge: Arc<Edge>,
    /// Looks at the store for those who watch.
    pub(crate) hub: Arc<Hub>,
    /// Canceled when the server begins to shut down: waiting readers answer at once.
    pub(crate) closing: CancellationToken,
    units: Units,
}

impl ApiState {
    /// Puts the parts together. Units of work run on the runtime that is current here, if there
    /// is one, so that they outlive the connection and the HTTP worker that asked for them.
    pub fn new(parts: ApiParts) -> Self {
        let edge = Edge::new(parts.ids.clone(), parts.metrics.clone(), &parts.settings);
        let hub = Hub::new(
            parts.watching,
            parts.publisher,
            &parts.settings.streams,
            parts.settings.wait_poll,
            &parts.metrics,
        );
        Self {
            storage: parts.storage,
            rules: parts.rules,
            consent: parts.consent,
            clock: parts.clock,
            ids: parts.ids,
            verifier: parts.verifier,
            cursor_key: parts.cursor_key,
            wake: parts.wake,
            metrics: parts.metrics,
            webhook_destinations: parts.webhook_destinations,
            queue_depth: parts.queue_depth,
            settings: parts.settings,
            edge: Arc::new(edge),
            hub: Arc::new(hub),
            closing: CancellationToken::new(),
            units: Units {
                tracker: TaskTracker::new(),
                runtime: Handle::try_current().ok(),
            },
        }
    }

    /// Runs a unit of work to its end, whatever becomes of the caller: the future of a handler is
    /// dropped when the client disconnects, and a dropped unit would leave begin without commit.
    pub(crate) async fn transact<T, F>(&self, unit: F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>> + Send + 'static,
        T: Send + 'static,
    {
        let task = match &self.units.runtime {
            Some(runtime) => self.units.tracker.spawn_on(unit, runtime),
            None => self.units.tracker.spawn(unit),
        };
        let done = task
            .await
            .unwrap_or_else(|_| Err(Problem::internal("a unit of work panicked or was canceled")));
        self.hub.nudge();
        done
    }

    /// Begins to look for those who watch, until the server closes. A look that is under way then is waited
    /// for like a unit of work.
    pub(crate) fn look_for_watchers(&self) {
        let looks = Arc::clone(&self.hub).run(self.closing.clone());
        match &self.units.runtime {
            Some(runtime) => self.units.tracker.spawn_on(looks, runtime),
            None => self.units.tracker.spawn(looks),
        };
    }

    /// Runs a unit of work for which nobody waits.
    pub(crate) fn detach<F>(&self, unit: F)
    where
        F: Future<Output = Result<(), Problem>> + Send + 'static,
    {
        let unit = async {
            if let Err(problem) = unit.await {
                tracing::warn!(%problem, "what nobody waited for did not work");
            }
        };
        let here = || Handle::try_current().ok();
        if let Some(runtime) = self.units.runtime.clone().or_else(here) {
            self.units.tracker.spawn_on(unit, &runtime);
        }
    }

    /// Waits until every unit of work has come to its end.
    pub(crate) async fn drain(&self) {
        self.units.tracker.close();
        self.units.tracker.wait().await;
    }
}

/// The units of work in flight.
struct Units {
    tracker: TaskTracker,
    runtime: Option<Handle>,
}
