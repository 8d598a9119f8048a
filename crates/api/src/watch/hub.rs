//! The one task that looks, and what watchers hold of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kernel::StoreError;
use operations::OperationRun;
use provider_core::RunId;
use storage::{RunMark, Watching};
use tenancy::{EventPublisher, Role, WorkspaceId};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    frame::Framed,
    seats::{Seat, Seats},
};
use crate::{metrics::Metrics, state::StreamSettings};

/// Between two looks there is at least this: a storm of changes does not make a storm of looks.
const REST: Duration = Duration::from_millis(20);
/// How often the process looks when nobody watches. It still gives events their numbers.
const IDLE: Duration = Duration::from_secs(1);
/// The longest pause after looks that failed.
const LONGEST: Duration = Duration::from_secs(5);

/// Events of one stream that came together.
pub(crate) type Batch = Arc<Vec<Framed>>;
/// A run of a workspace.
pub(super) type RunKey = (WorkspaceId, RunId);

/// Looks at the store for all watchers of the process.
pub(crate) struct Hub {
    pub(super) store: Arc<dyn Watching>,
    pub(super) publisher: Arc<dyn EventPublisher>,
    pub(super) streams: Mutex<HashMap<WorkspaceId, Stream>>,
    pub(super) runs: Mutex<HashMap<RunKey, Run>>,
    pub(super) seats: Arc<Seats>,
    pub(super) settings: StreamSettings,
    pace: Duration,
    news: Notify,
}

/// A stream that somebody watches.
pub(super) struct Stream {
    /// Up to which number its watchers were told.
    pub(super) position: u64,
    pub(super) watchers: broadcast::Sender<Batch>,
}

/// A run that somebody watches.
pub(super) struct Run {
    pub(super) mark: Option<RunMark>,
    /// Whether a watcher waits for a look that is made after he came.
    pub(super) wanted: bool,
    pub(super) watchers: watch::Sender<Option<Seen>>,
}

/// A run as it was when the store was asked at `at`.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) run: Arc<OperationRun>,
    pub(super) at: Instant,
}

/// Somebody's watch over a run.
pub(crate) struct RunWatch {
    since: Instant,
    news: watch::Receiver<Option<Seen>>,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// A hub that looks every `pace` while somebody watches.
    pub(crate) fn new(
        store: Arc<dyn Watching>,
        publisher: Arc<dyn EventPublisher>,
        settings: &StreamSettings,
        pace: Duration,
        metrics: &Metrics,
    ) -> Self {
        let seats = Seats::new(settings.per_principal, settings.per_process, metrics);
        Self {
            store,
            publisher,
            streams: Mutex::default(),
            runs: Mutex::default(),
            seats: Arc::new(seats),
            settings: settings.clone(),
            pace,
            news: Notify::new(),
        }
    }

    /// The role behind a seat as the store has it now.
    pub(super) async fn stored_role(&self, seat: &Seat) -> Result<Option<Role>, StoreError> {
        seat.stored_role(&*self.store).await
    }

    /// The seats of watchers.
    pub(crate) const fn seats(&self) -> &Arc<Seats> {
        &self.seats
    }

    /// Something has changed in this process: look soon.
    pub(crate) fn nudge(&self) {
        self.news.notify_one();
    }

    /// Watches the stream of a workspace for somebody who has read up to `cursor`. Tells a number, and
    /// gives every event after it; what lies between the two he reads for himself.
    pub(crate) fn watch_stream(
        &self,
        workspace: WorkspaceId,
        cursor: u64,
    ) -> (u64, broadcast::Receiver<Batch>) {
        let mut streams = locked(&self.streams);
        let stream = streams.entry(workspace).or_insert_with(|| Stream {
            position: cursor,
            watchers: broadcast::Sender::new(self.settings.buffer.max(1)),
        });
        let watch = (stream.position, stream.watchers.subscribe());
        drop(streams);
        self.nudge();
        watch
    }

    /// Watches a run. The caller has found it in this workspace.
    pub(crate) fn watch_run(&self, workspace: WorkspaceId, id: RunId) -> RunWatch {
        let mut runs = locked(&self.runs);
        let run = runs.entry((workspace, id)).or_insert_with(|| Run {
            mark: None,
            wanted: true,
            watchers: watch::Sender::new(None),
        });
        run.wanted = true;
        let watch = RunWatch {
            since: Instant::now(),
            news: run.watchers.subscribe(),
        };
        drop(runs);
        self.nudge();
        watch
    }

    /// Looks until `closing`. A look is never cut short: it writes.
    pub(crate) async fn run(self: Arc<Self>, closing: CancellationToken) {
        let mut failures = 0;
        loop {
            failures = if self.look().await { 0 } else { failures + 1 };
            let pause = match failures {
                0 if self.is_watched() => self.pace,
                0 => IDLE.max(self.pace),
                _ => (self.pace * 2_u32.saturating_pow(failures)).min(LONGEST),
            };
            if closing.run_until_cancelled(self.rest(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn rest(&self, pause: Duration) {
        let _ = timeout(REST, std::future::pending::<()>()).await;
        let _ = timeout(pause.saturating_sub(REST), self.news.notified()).await;
    }

    fn is_watched(&self) -> bool {
        !locked(&self.streams).is_empty() || !locked(&self.runs).is_empty()
    }
}

impl RunWatch {
    /// The run as it is after the watch began, and each time that it has changed; nothing once it is gone.
    pub(crate) async fn next(&mut self) -> Option<Arc<OperationRun>> {
        loop {
            self.news.changed().await.ok()?;
            let seen = self.news.borrow_and_update().clone();
            // What others saw before may be older than what this watcher has read.
            if let Some(seen) = seen.filter(|seen| seen.at >= self.since) {
                return Some(seen.run);
            }
        }
    }
}
