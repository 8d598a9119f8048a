//! The loop: claim what may begin, execute it beside the others, sleep until somebody calls or the next
//! poll is due.

use std::{sync::Arc, time::Duration};

use inventory::InventoryExecutor;
use kernel::{Clock, IdSource, StoreError};
use operations::{
    ClaimedRun, Lane, PerLane, QueueSettings, Retention, RetentionSettings, RunQueue, SweepReport, WorkerName,
};
use provider_core::{CredentialVault, PlatformVault, ProviderExecutor, ScopeRules};
use storage::Storage;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{deliveries::Deliverer, nudge::Nudge, stop::LeftBehind};

/// The numbers that rule a worker.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How it is called in rows and logs.
    pub name: WorkerName,
    /// How many runs it executes at the same time, checks not counted.
    pub concurrency: u32,
    /// How many checks it executes at the same time, besides.
    pub check_slots: u32,
    /// The numbers of the queue.
    pub queue: QueueSettings,
    /// How long it sleeps when nobody calls. Doubled at random, so that processes spread out.
    pub poll: Duration,
    /// How long one wait for a provider may be before the run is handed back.
    pub wait_budget: Duration,
    /// How long the end may take once it was asked for. What is not handed back then waits for the sweep.
    pub stop_grace: Duration,
    /// How long histories are kept.
    pub retention: RetentionSettings,
}

impl WorkerSettings {
    /// The slots of each lane.
    pub const fn slots(&self) -> PerLane<u32> {
        PerLane {
            checks: self.check_slots,
            work: self.concurrency,
        }
    }

    /// Sensible numbers for a worker of this name.
    pub fn named(name: &str) -> Self {
        Self {
            name: WorkerName::new(name),
            concurrency: 8,
            check_slots: 4,
            queue: QueueSettings::default(),
            poll: Duration::from_millis(500),
            wait_budget: Duration::from_secs(30),
            stop_grace: Duration::from_secs(25),
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
    pub(crate) parts: Arc<WorkerParts>,
    deliverer: Option<Deliverer>,
}

/// The least time between two claims for slots that became free: those that become free meanwhile are filled by
/// one. (A run that is accepted here wakes the worker at once, and so does its poll, which may come
/// sooner.) Without it a queue of runs that end at once keeps the database busy without a pause, and
/// whoever comes then shares it with them. A slot whose run took longer than this is filled at once.
const GATHER: Duration = Duration::from_millis(200);

/// The slots of a worker, lane by lane.
#[derive(Clone)]
struct Slots {
    free: PerLane<Arc<Semaphore>>,
    /// Notified when one becomes free.
    freed: Arc<Notify>,
}

impl Worker {
    /// A worker of these parts.
    pub fn new(parts: WorkerParts) -> Self {
        Self {
            parts: Arc::new(parts),
            deliverer: None,
        }
    }

    /// The same with webhooks delivered beside the runs.
    #[must_use]
    pub fn with_deliverer(mut self, deliverer: Deliverer) -> Self {
        self.deliverer = Some(deliverer);
        self
    }

    /// What delivers webhooks, if anything does.
    pub const fn deliverer(&self) -> Option<&Deliverer> {
        self.deliverer.as_ref()
    }

    /// Works until `shutdown`, then hands back what it was working on and returns: at the latest after
    /// the grace, whatever the work does, once a claim that was on its way has been answered.
    ///
    /// # Errors
    ///
    /// Something could not be handed back in that time.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), LeftBehind> {
        let _nudge = Nudge::begin();
        let (runs, deliveries) = (TaskTracker::new(), TaskTracker::new());
        if let Some(deliverer) = self.deliverer.clone() {
            let shutdown = shutdown.clone();
            deliveries.spawn(async move { deliverer.run(shutdown).await });
        }
        let hand_back = CancellationToken::new();
        // However this ends, nothing goes on afterwards.
        let _told = hand_back.clone().drop_guard();
        let taking = async {
            self.take_until(&shutdown, &hand_back, &runs).await;
            // Only now: a claim that was on its way would take again what was handed back meanwhile.
            hand_back.cancel();
        };
        let ((), asked_at) = futures::join!(taking, self.told(&shutdown, &hand_back));
        runs.close();
        deliveries.close();
        let ended = async { futures::join!(runs.wait(), deliveries.wait()) };
        if timeout_at(asked_at + self.parts.settings.stop_grace, ended)
            .await
            .is_ok()
        {
            return Ok(());
        }
        let left = LeftBehind {
            runs: runs.len(),
            delivering: !deliveries.is_empty(),
        };
        tracing::error!(%left, "the time for the end is over");
        Err(left)
    }

    /// Claims until `shutdown`, and executes in `tasks` until `hand_back`. Returns when no claim is on its
    /// way any more.
    async fn take_until(
        &self,
        shutdown: &CancellationToken,
        hand_back: &CancellationToken,
        tasks: &TaskTracker,
    ) {
        let settings = &self.parts.settings;
        let slots = Slots {
            free: PerLane::from_fn(|lane| Arc::new(Semaphore::new(*settings.slots().of(lane) as usize))),
            freed: Arc::default(),
        };
        let mut failing = false;
        while !shutdown.is_cancelled() {
            let more = match self.claim_into(&slots, tasks, hand_back).await {
                Ok(more) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("claiming works again");
                    }
                    more
                }
                Err(error) => {
                    // Once for each series: a store that is away is no news twice a second.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "claiming failed");
                    }
                    false
                }
            };
            let claimed_at = Instant::now();
            let room = async {
                if !more {
                    slots.freed.notified().await;
                }
                sleep_until(claimed_at + GATHER).await;
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.parts.wake.notified() => {}
                () = room => {}
                () = sleep_until(claimed_at + self.pause()) => {}
            }
        }
    }

    /// Claims and executes until nothing may begin any more. Returns how many runs it took. For
    /// tests and one-shot use.
    pub async fn drain(&self) -> Result<usize, StoreError> {
        let shutdown = CancellationToken::new();
        let mut taken = 0;
        loop {
            let (asked_at, claimed) = self.claim(self.parts.settings.slots()).await?;
            if claimed.is_empty() {
                return Ok(taken);
            }
            taken += claimed.len();
            let contained = claimed
                .into_iter()
                .map(|claimed| self.contain(claimed, asked_at, shutdown.clone()));
            futures::future::join_all(contained).await;
        }
    }

    /// Looks once after runs whose worker fell silent, as the caretaker does. For tests and one-shot use.
    pub async fn sweep(&self) -> Result<SweepReport, StoreError> {
        self.parts.queue.sweep(&self.parts.settings.queue).await
    }

    /// Takes runs, and the moment before they were asked for.
    async fn claim(&self, slots: PerLane<u32>) -> Result<(Instant, Vec<ClaimedRun>), StoreError> {
        let settings = &self.parts.settings;
        let asked_at = Instant::now();
        let claimed = self
            .parts
            .queue
            .claim(&settings.name, &settings.queue, slots)
            .await?;
        Ok((asked_at, claimed))
    }

    /// Claims for the free slots. Tells whether there may be more to claim.
    async fn claim_into(
        &self,
        slots: &Slots,
        tasks: &TaskTracker,
        hand_back: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let free = |lane| u32::try_from(slots.free.of(lane).available_permits()).unwrap_or(u32::MAX);
        let free = PerLane::from_fn(free);
        if Lane::ALL.into_iter().all(|lane| *free.of(lane) == 0) {
            return Ok(false);
        }
        let (asked_at, claimed) = self.claim(free).await?;
        let some = !claimed.is_empty();
        for claimed in claimed {
            let lane = claimed.run.operation_type.lane();
            let slot = lane.and_then(|lane| Arc::clone(slots.free.of(lane)).try_acquire_owned().ok());
            // Only what is in a lane is claimed, and for free slots only.
            let Some(slot) = slot else { continue };
            let (worker, hand_back, freed) = (self.clone(), hand_back.clone(), Arc::clone(&slots.freed));
            tasks.spawn(async move {
                worker.occupy((claimed, asked_at), hand_back, (slot, freed)).await;
            });
        }
        Ok(some)
    }

    async fn occupy(
        &self,
        (claimed, asked_at): (ClaimedRun, Instant),
        hand_back: CancellationToken,
        (slot, freed): (OwnedSemaphorePermit, Arc<Notify>),
    ) {
        let free = move || {
            drop(slot);
            // Whoever waits for a slot need not wait for the next poll.
            freed.notify_one();
        };
        match self.contain(claimed, asked_at, hand_back).await {
            None => free(),
            // What cannot be stopped holds its slot, and nothing else.
            Some(stuck) => drop(tokio::spawn(async move {
                let _ = stuck.await;
                free();
            })),
        }
    }

    /// The poll interval, stretched by up to its double: the bytes of a new id are random enough.
    fn pause(&self) -> Duration {
        let byte = self.parts.ids.next_uuid().as_bytes()[15];
        self.parts.settings.poll.mul_f64(1.0 + f64::from(byte) / 255.0)
    }
}
