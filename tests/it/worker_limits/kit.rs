//! A worker that works beside the test, and a site that does not yield.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use inventory::{Collection, InventoryExecutor, Measurement, ObservationSink};
use provider_core::{ConnectionAccess, ProviderFailure, ReasonCode, RunSignals};
use serde_json::Value;
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use worker::{LeftBehind, Worker, WorkerSettings};

use crate::{
    access::cases::Place,
    fake_provider::core::{self, Core},
    throttling::kit::run,
};

/// A worker at work.
pub(super) struct AtWork {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), LeftBehind>>,
}

impl AtWork {
    pub(super) fn new(worker: &Worker) -> Self {
        let (worker, shutdown) = (worker.clone(), CancellationToken::new());
        let stop = shutdown.clone();
        Self {
            shutdown,
            task: tokio::spawn(async move { worker.run(stop).await }),
        }
    }

    /// Asks it to end, and tells how long that took.
    pub(super) async fn stop(self) -> Duration {
        let begin = Instant::now();
        self.shutdown.cancel();
        self.task.await.expect("joins").expect("leaves nothing behind");
        begin.elapsed()
    }
}

/// Numbers for a worker that is quick to look.
pub(super) fn quick(name: &str, lease: Duration) -> WorkerSettings {
    let mut settings = WorkerSettings::named(name);
    settings.poll = Duration::from_millis(20);
    settings.queue.lease = lease;
    settings
}

/// Another worker on the same database.
pub(super) fn another(core: &Core, site: Arc<dyn InventoryExecutor>, settings: WorkerSettings) -> Worker {
    core::worker(&core.product, &Arc::new(Notify::new()), site, settings)
}

/// So often a test looks whether it is so, to leave the machine to what it waits for.
const LOOK: Duration = Duration::from_millis(10);

/// Reads the run of `place` until it is as wanted.
pub(super) async fn until_run(core: &Core, place: &Place, wanted: impl Fn(&Value) -> bool) -> Value {
    let begin = Instant::now();
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let now = run(core, place).await;
        if wanted(&now) {
            return now;
        }
        assert!(begin.elapsed() < Duration::from_mins(1), "{now}");
    }
}

/// What the columns of the run of `place` hold, as one number.
pub(super) async fn column(core: &Core, place: &Place, column: &str) -> i64 {
    let id = place.run.replace('-', "");
    let hex = match core.database.engine {
        integration_tests::Engine::Sqlite => format!("x'{id}'"),
        integration_tests::Engine::Postgres => format!("'{id}'::uuid"),
    };
    let sql = format!("SELECT CAST({column} AS BIGINT) FROM operation_runs WHERE id = {hex}");
    core.database.number(&sql).await
}

/// A site whose inventory holds its thread until it is let go, and then reads nothing.
#[derive(Default)]
pub(super) struct StubbornSite {
    pub(super) begun: AtomicBool,
    pub(super) over: AtomicBool,
    free: Mutex<bool>,
    freed: Condvar,
}

impl StubbornSite {
    pub(super) fn let_go(&self) {
        *self.free.lock().expect("not poisoned") = true;
        self.freed.notify_all();
    }
}

#[async_trait]
impl InventoryExecutor for StubbornSite {
    async fn collect(
        &self,
        _: &ConnectionAccess,
        _: &dyn RunSignals,
        _: &mut dyn ObservationSink,
    ) -> Result<Collection, ProviderFailure> {
        self.begun.store(true, Ordering::SeqCst);
        let mut free = self.free.lock().expect("not poisoned");
        while !*free {
            free = self.freed.wait(free).expect("not poisoned");
        }
        self.over.store(true, Ordering::SeqCst);
        Ok(Collection { sections: Vec::new() })
    }

    async fn measure(
        &self,
        _: &ConnectionAccess,
        _: &dyn RunSignals,
    ) -> Result<Measurement, ProviderFailure> {
        Err(ProviderFailure::ended(ReasonCode::ProviderUnavailable))
    }
}
