//! A claim is on its way while its process is asked to end: what the process hands back is for others,
//! and it does not take it again itself.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::StoreError;
use operations::{
    ClaimedRun, Heartbeat, LaneDepth, PerLane, QueueSettings, RunLease, RunQueue, SweepReport, WorkerName,
};
use provider_core::{CallTotals, Progress, testing::FakeProvider};
use storage_sea_orm::Queue;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use worker::Worker;

use super::kit::{another, column, quick, until_run};
use crate::{
    fake_provider::core::{self, Core},
    throttling::kit::{PagedSite, Step, start},
};

on_both_engines!(what_is_handed_back_at_the_end_is_not_taken_again);

const LEASE: Duration = Duration::from_mins(10);

/// So often a claim that is late asks what waits before it goes on. One hand-back takes a few of them.
const LOOKS: usize = 100;

/// The real queue. One claim asks the process to end before it reaches the database.
struct LateClaim {
    queue: Queue,
    shutdown: CancellationToken,
    /// The next claim is the late one.
    armed: AtomicBool,
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
            for _ in 0..LOOKS {
                let queued = self.queue.depth().await?.work.queued;
                *self.waited.lock().expect("not poisoned") = Some(queued);
                if queued > 0 {
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

async fn what_is_handed_back_at_the_end_is_not_taken_again(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Hold]);
    let core = Core::start_on(database, site.clone(), quick("unused", LEASE)).await;
    let mut place = core.connect("site-1", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let shutdown = CancellationToken::new();
    let late = Arc::new(LateClaim {
        queue: core.product.queue(),
        shutdown: shutdown.clone(),
        armed: AtomicBool::new(false),
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
    working.await.expect("ends");

    let waited = *late.waited.lock().expect("not poisoned");
    assert_eq!(waited, Some(0), "it is handed back when no claim is on its way");
    let run = until_run(&core, &place, |_| true).await;
    assert_eq!(
        (&run["status"], &run["attempt"]),
        (&"queued".into(), &1.into()),
        "{run}"
    );
    assert_eq!(column(&core, &place, "lost_leases").await, 0);
    let other = another(&core, PagedSite::with(&[]), quick("second", LEASE));
    assert_eq!(other.drain().await.expect("answers"), 1, "it waits for others");
    core.stop().await;
}
