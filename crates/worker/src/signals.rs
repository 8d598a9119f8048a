//! The line between an executor and its run: progress goes out with the next sign of life, and
//! what that brings back is heard at the next checkpoint.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use kernel::StoreError;
use operations::{ClaimedRun, Fence, Heartbeat, RunQueue};
use provider_core::{CallRecord, Interrupt, Pause, Progress, ResumePoint, RunSignals};
use storage::Storage;
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use crate::{calls::CallBook, lease::OwnLease};

/// How often progress may be written: a run is watched by people, and each write costs one.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// What earlier attempts and other runs left for this one.
pub(crate) struct Known {
    /// Where the attempt before this one stopped.
    pub(crate) resume_point: Option<ResumePoint>,
    /// Limits that are closed.
    pub(crate) pauses: Vec<Pause>,
}

/// What an attempt and its heartbeat share.
pub(crate) struct Signals<'a> {
    storage: &'a dyn Storage,
    claimed: &'a ClaimedRun,
    calls: &'a CallBook,
    known: OnceLock<Known>,
    progress: Mutex<Option<Progress>>,
    cancel_requested: AtomicBool,
    lost: CancellationToken,
    own: OwnLease,
    wait_budget: Duration,
}

impl<'a> Signals<'a> {
    pub(crate) fn new(
        storage: &'a dyn Storage,
        claimed: &'a ClaimedRun,
        calls: &'a CallBook,
        own: OwnLease,
        wait_budget: Duration,
    ) -> Self {
        Self {
            storage,
            claimed,
            calls,
            known: OnceLock::new(),
            progress: Mutex::new(None),
            cancel_requested: AtomicBool::new(false),
            lost: CancellationToken::new(),
            own,
            wait_budget,
        }
    }

    /// Sets what the attempt begins with. Counts once.
    pub(crate) fn begin(&self, known: Known) {
        let _ = self.known.set(known);
    }

    /// Ends when another attempt owns the run.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Ends when the lease is over on this process's own clock: from then on another attempt may own the
    /// run, and nobody can be asked.
    pub(crate) async fn lease_over(&self) {
        self.own.over().await;
    }

    /// Gives signs of life until `done`, or until the run is lost. One that fails is tried again with
    /// the next tick, as long as the lease lasts.
    pub(crate) async fn beat(&self, queue: &dyn RunQueue, duration: Duration, done: &CancellationToken) {
        let lease = &self.claimed.lease;
        let renew_every = duration / 3;
        let mut ticks = tokio::time::interval(renew_every.min(PROGRESS_EVERY));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let (mut renewed_at, mut sent) = (Instant::now(), None);
        loop {
            tokio::select! {
                () = done.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let progress = *self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            // Half a tick of slack: a renewal is rather a little early than a whole tick late.
            let due = renewed_at.elapsed() + PROGRESS_EVERY.min(renew_every) / 2 >= renew_every;
            if !due && progress == sent {
                // A pause is worth a write of its own: others can read it while this run waits.
                if self.calls.tells_of_a_pause() {
                    let _ = timeout(renew_every, self.flush()).await;
                }
                continue;
            }
            let asked_at = Instant::now();
            // One that is not answered in time makes room for the next: another connection may work.
            let answer = timeout(renew_every, queue.heartbeat(lease, duration, progress)).await;
            let Ok(answer) = answer else {
                tracing::warn!(run_id = %lease.run_id, "a sign of life was not answered");
                continue;
            };
            match answer {
                Ok(Heartbeat::Renewed { cancel_requested }) => {
                    (renewed_at, sent) = (asked_at, progress);
                    self.own.renewed(asked_at);
                    self.cancel_requested
                        .fetch_or(cancel_requested, Ordering::Relaxed);
                }
                Ok(Heartbeat::Lost) => {
                    self.lost.cancel();
                    return;
                }
                Err(error) => tracing::warn!(run_id = %lease.run_id, %error, "a sign of life did not arrive"),
            }
            let _ = timeout(renew_every, self.flush()).await;
        }
    }

    /// Writes down what calls came to so far. What cannot be written waits for the next time.
    async fn flush(&self) {
        if let Err(error) = self.calls.flush(self.storage, self.claimed).await {
            tracing::warn!(run_id = %self.claimed.run.id, %error, "calls could not be counted yet");
        }
    }

    async fn store(&self, point: &ResumePoint) -> Result<Fence, StoreError> {
        let mut unit = self.storage.begin().await?;
        let fence = unit.attempts().save_point(&self.claimed.lease, point).await?;
        if fence == Fence::Held {
            unit.commit().await?;
        }
        Ok(fence)
    }
}

/// What the writer of `what` hears when it tried to write behind the fence.
pub(crate) fn heard(
    claimed: &ClaimedRun,
    what: &'static str,
    written: Result<Fence, StoreError>,
) -> Result<(), Interrupt> {
    match written {
        Ok(Fence::Held) => Ok(()),
        Ok(Fence::Lost) => Err(Interrupt::Lost),
        Err(error) => {
            tracing::warn!(run_id = %claimed.run.id, %error, what, "it could not be stored");
            Err(Interrupt::StoreFailed {
                retryable: error.retryable(),
            })
        }
    }
}

#[async_trait]
impl RunSignals for Signals<'_> {
    async fn checkpoint(&self, progress: Option<Progress>) -> Result<(), Interrupt> {
        if progress.is_some() {
            *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        }
        if self.lost.is_cancelled() {
            Err(Interrupt::Lost)
        } else if self.own.is_over() {
            // Nobody else has the run yet, as far as is known: it is given back.
            Err(Interrupt::StoreFailed { retryable: true })
        } else if self.cancel_requested.load(Ordering::Relaxed) {
            Err(Interrupt::CancelRequested)
        } else {
            Ok(())
        }
    }

    fn wait_budget(&self) -> Duration {
        self.wait_budget
    }

    fn resume_point(&self) -> Option<ResumePoint> {
        self.known.get().and_then(|known| known.resume_point.clone())
    }

    async fn save(&self, point: &ResumePoint) -> Result<(), Interrupt> {
        heard(self.claimed, "a resume point", self.store(point).await)
    }

    fn pauses(&self) -> Vec<Pause> {
        self.known
            .get()
            .map(|known| known.pauses.clone())
            .unwrap_or_default()
    }

    fn record(&self, call: CallRecord) {
        self.calls.record(call);
    }
}
