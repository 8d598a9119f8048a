//! A claim is on its way while its process is asked to end: what the process hands back is for others, and it
//! does not take it again itself; but it does not wait for such a claim for ever.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::StoreError;
use operations::{
    ClaimedRun, Heartbeat, LaneDepth, PerLane, QueueSettings, RunLease, RunQueue, SweepReport, WorkerName,
};
use provider_core::{CallTotals, Progress, testing::FakeProvider};
use serde_json::Value;
use storage_sea_orm::Queue;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use worker::Worker;

use super::kit::{another, column, quick, until_run};
use crate::{
    fake_provider::core::{self, Core},
    throttling::kit::{PagedSite, Step, start},
};

on_both_engines!(
    what_is_handed_back_at_the_end_is_not_taken_again,
    a_claim_that_hangs_holds_up_no_hand_back,
);

const LEASE: Duration = Duration::from_mins(10);

/// So long a claim that is a little late asks what waits before it goes on: a hand-back takes a part of it.
const A_LITTLE: Duration = Duration::from_millis(300);
/// One that is very late goes on when something was handed back, and does not wait for it longer than this.
const VERY: Duration = Duration::from_secs(20);

/// The real queue. One claim asks the process to end before it reaches the database.
struct LateClaim {
    queue: Queue,
    shutdown: CancellationToken,
    /// The next claim is the late one.
    armed: AtomicBool,
    /// How long it looks what waits, unless something does.
    looks: Duration,
    /// How many runs waited before the late claim went on, at the last look.
    waited: Mutex<Option<u64>>,
}

#[async_trait]
impl RunQueue for LateClaim {
    async fn claim(
        &self,
        worker: &WorkerName,
        settings: &QueueSettings,
        slots: PerLane<u32>,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.shutdown.cancel();
            let begin = Instant::now();
            loop {
                let queued = self.queue.depth().await?.work.queued;
                *self.waited.lock().expect("not poisoned") = Some(queued);
                if queued > 0 || begin.elapsed() > self.looks {
                    break;
                }
            }
        }
        self.queue.claim(worker, settings, slots).await
    }

    async fn heartbeat(
        &self,
        lease: &RunLease,
        duration: Duration,
        progress: Option<Progress>,
    ) -> Result<Heartbeat, StoreError> {
        self.queue.heartbeat(lease, duration, progress).await
    }

    async fn sweep(&self, settings: &QueueSettings) -> Result<SweepReport, StoreError> {
        self.queue.sweep(settings).await
    }

    async fn depth(&self) -> Result<PerLane<LaneDepth>, StoreError> {
        self.queue.depth().await
    }

    async fn call_totals(&self) -> Result<Vec<CallTotals>, StoreError> {
        self.queue.call_totals().await
    }
}

/// One run, whose worker is asked to end while a claim is on its way that looks so long before it goes on. Tells
/// how many runs waited then, and how often the run has been taken.
async fn ended_with(database: TestDatabase, looks: Duration) -> (Option<u64>, Value) {
    let site = PagedSite::with(&[Step::Hold]);
    let core = Core::start_on(database, site.clone(), quick("unused", LEASE)).await;
    let mut place = core.connect("site-1", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let shutdown = CancellationToken::new();
    let late = Arc::new(LateClaim {
        queue: core.product.queue(),
        shutdown: shutdown.clone(),
        armed: AtomicBool::new(false),
        looks,
        waited: Mutex::default(),
    });
    let mut parts = core::parts(
        &core.product,
        &Arc::new(Notify::new()),
        site.clone(),
        quick("late", LEASE),
    );
    parts.queue = late.clone();
    let worker = Worker::new(parts);
    let working = tokio::spawn(async move { worker.run(shutdown).await });
    site.reached().await;
    late.armed.store(true, Ordering::SeqCst);
    working.await.expect("joins").expect("leaves nothing behind");
    let run = until_run(&core, &place, |_| true).await;
    assert_eq!(run["status"], "queued", "{run}");
    assert_eq!(column(&core, &place, "lost_leases").await, 0);
    let other = another(&core, PagedSite::with(&[]), quick("second", LEASE));
    assert_eq!(other.drain().await.expect("answers"), 1, "it waits for others");
    core.stop().await;
    let waited = *late.waited.lock().expect("not poisoned");
    (waited, run["attempt"].clone())
}

async fn what_is_handed_back_at_the_end_is_not_taken_again(database: TestDatabase) {
    let (waited, attempts) = ended_with(database, A_LITTLE).await;
    assert_eq!(waited, Some(0), "it is handed back when no claim is on its way");
    assert_eq!(attempts, 1);
}

async fn a_claim_that_hangs_holds_up_no_hand_back(database: TestDatabase) {
    let (waited, attempts) = ended_with(database, VERY).await;
    assert_eq!(waited, Some(1), "it is handed back beside the claim");
    assert_eq!(attempts, 2, "what the claim brings is handed back as well");
}
