//! The loop: claim what may begin, execute it beside the others, sweep now and then, sleep until
//! somebody calls or the next poll is due.

use std::{sync::Arc, time::Duration};

use inventory::InventoryExecutor;
use kernel::{Clock, IdSource, StoreError};
use operations::{
    ClaimedRun, QueueSettings, Retention, RetentionSettings, RunOutcome, RunQueue, SweepReport, WorkerName,
};
use provider_core::{
    ConnectionUpkeep, CredentialVault, PlatformVault, ProviderExecutor, ReasonCode, ScopeRules, UpkeepReport,
    UpkeepSettings,
};
use storage::Storage;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{calls::CallBook, execution::execute, finish::Work, outcome::Ending};

/// The numbers that rule a worker.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How it is called in rows and logs.
    pub name: WorkerName,
    /// How many runs it executes at the same time.
    pub concurrency: u32,
    /// The numbers of the queue.
    pub queue: QueueSettings,
    /// How long it sleeps when nobody calls. Doubled at random, so that processes spread out.
    pub poll: Duration,
    /// How often it sweeps.
    pub sweep_every: Duration,
    /// How long one wait for a provider may be before the run is handed back.
    pub wait_budget: Duration,
    /// How often it looks after credentials whose time comes.
    pub upkeep_every: Duration,
    /// What that goes by.
    pub upkeep: UpkeepSettings,
    /// How long histories are kept.
    pub retention: RetentionSettings,
}

impl WorkerSettings {
    /// Sensible numbers for a worker of this name.
    pub fn named(name: &str) -> Self {
        Self {
            name: WorkerName::new(name),
            concurrency: 8,
            queue: QueueSettings::default(),
            poll: Duration::from_millis(500),
            sweep_every: Duration::from_secs(5),
            wait_budget: Duration::from_secs(30),
            upkeep_every: Duration::from_mins(5),
            upkeep: UpkeepSettings::default(),
            retention: RetentionSettings::default(),
        }
    }
}

/// What a worker is made of.
pub struct WorkerParts {
    /// Where it reads and writes.
    pub storage: Arc<dyn Storage>,
    /// The queue.
    pub queue: Arc<dyn RunQueue>,
    /// Opens credentials.
    pub vault: Arc<dyn CredentialVault>,
    /// Removes what is older than it is kept.
    pub retention: Arc<dyn Retention>,
    /// Opens the platform's own.
    pub platform: Arc<dyn PlatformVault>,
    /// Looks after credentials whose time comes.
    pub upkeep: Arc<dyn ConnectionUpkeep>,
    /// The provider's rules.
    pub rules: Arc<dyn ScopeRules>,
    /// Goes out for connection checks.
    pub provider: Arc<dyn ProviderExecutor>,
    /// Goes out for inventory and compliance.
    pub inventory: Arc<dyn InventoryExecutor>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Called when a run was accepted in this process.
    pub wake: Arc<Notify>,
    /// The numbers.
    pub settings: WorkerSettings,
}

/// A worker. Cheap to clone.
#[derive(Clone)]
pub struct Worker {
    parts: Arc<WorkerParts>,
}

impl Worker {
    /// A worker of these parts.
    pub fn new(parts: WorkerParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Works until `shutdown`, then hands back what it was working on and returns.
    pub async fn run(&self, shutdown: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.parts.settings.concurrency as usize));
        let tasks = TaskTracker::new();
        let mut next_sweep = Instant::now();
        let mut next_upkeep = Instant::now();
        while !shutdown.is_cancelled() {
            if Instant::now() >= next_upkeep {
                // Beside the loop: it may look at many rows, and runs must not wait for that.
                let worker = self.clone();
                tasks.spawn(async move { worker.upkeep_and_log().await });
                next_upkeep = Instant::now() + self.parts.settings.upkeep_every;
            }
            if Instant::now() >= next_sweep {
                self.sweep_and_log().await;
                next_sweep = Instant::now() + self.parts.settings.sweep_every;
            }
            let full_batch = self.claim_into(&slots, &tasks, &shutdown).await;
            if full_batch {
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.parts.wake.notified() => {}
                () = tokio::time::sleep_until(Instant::now() + self.pause()) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Claims and executes until nothing may begin any more. Returns how many runs it took. For
    /// tests and one-shot use.
    pub async fn drain(&self) -> Result<usize, StoreError> {
        let shutdown = CancellationToken::new();
        let mut taken = 0;
        loop {
            let settings = &self.parts.settings;
            let claimed = self
                .parts
                .queue
                .claim(&settings.name, &settings.queue, settings.concurrency)
                .await?;
            if claimed.is_empty() {
                return Ok(taken);
            }
            taken += claimed.len();
            let contained = claimed
                .into_iter()
                .map(|claimed| self.contain(claimed, shutdown.clone()));
            futures::future::join_all(contained).await;
        }
    }

    /// Looks once after runs whose worker fell silent.
    pub async fn sweep(&self) -> Result<SweepReport, StoreError> {
        self.parts.queue.sweep(&self.parts.settings.queue).await
    }

    /// Looks once after credentials whose time comes.
    pub async fn upkeep(&self) -> Result<UpkeepReport, StoreError> {
        self.parts.upkeep.upkeep(&self.parts.settings.upkeep).await
    }

    async fn upkeep_and_log(&self) {
        match self.upkeep().await {
            Ok(UpkeepReport {
                removed: 0,
                announced: 0,
            }) => {}
            Ok(report) => tracing::info!(
                removed = report.removed,
                announced = report.announced,
                "looked after credentials"
            ),
            Err(error) => tracing::error!(%error, "the upkeep of credentials failed"),
        }
    }

    async fn sweep_and_log(&self) {
        match self.sweep().await {
            Ok(SweepReport {
                requeued: 0,
                failed: 0,
            }) => {}
            Ok(report) => tracing::warn!(
                requeued = report.requeued,
                failed = report.failed,
                "swept silent runs"
            ),
            Err(error) => tracing::error!(%error, "the sweep failed"),
        }
    }

    /// Claims for the free slots. Tells whether there may be more to claim at once.
    async fn claim_into(
        &self,
        slots: &Arc<Semaphore>,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> bool {
        let settings = &self.parts.settings;
        let free = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
        if free == 0 {
            return false;
        }
        let claimed = match self
            .parts
            .queue
            .claim(&settings.name, &settings.queue, free)
            .await
        {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "claiming failed");
                return false;
            }
        };
        let some = !claimed.is_empty();
        for claimed in claimed {
            let Ok(slot) = Arc::clone(slots).try_acquire_owned() else {
                continue;
            };
            let (worker, shutdown) = (self.clone(), shutdown.clone());
            tasks.spawn(async move { worker.occupy(claimed, shutdown, slot).await });
        }
        some
    }

    async fn occupy(&self, claimed: ClaimedRun, shutdown: CancellationToken, slot: OwnedSemaphorePermit) {
        self.contain(claimed, shutdown).await;
        drop(slot);
        // A slot is free: whoever waits for one need not wait for the next poll.
        self.parts.wake.notify_one();
    }

    /// Executes a run in a task of its own, so that a panic ends the run and nothing else.
    async fn contain(&self, claimed: ClaimedRun, shutdown: CancellationToken) {
        let calls = Arc::new(CallBook::default());
        let (parts, copy, told) = (Arc::clone(&self.parts), claimed.clone(), Arc::clone(&calls));
        let task = tokio::spawn(async move {
            let work = Work {
                parts: &parts,
                claimed: &copy,
                calls: &told,
            };
            execute(work, &shutdown).await;
        });
        let Err(error) = task.await else { return };
        tracing::error!(run_id = %claimed.run.id, panicked = error.is_panic(), "a run broke its task");
        let context = claimed.run.context.clone();
        let ending = Ending::because(RunOutcome::Failed, context, ReasonCode::InternalError);
        let work = Work {
            parts: &self.parts,
            claimed: &claimed,
            calls: &calls,
        };
        if let Err(error) = work.finish(ending).await {
            tracing::error!(run_id = %claimed.run.id, %error, "the end of a run could not be written");
        }
    }

    /// The poll interval, stretched by up to its double: the bytes of a new id are random enough.
    fn pause(&self) -> Duration {
        let byte = self.parts.ids.next_uuid().as_bytes()[15];
        self.parts.settings.poll.mul_f64(1.0 + f64::from(byte) / 255.0)
    }
}
