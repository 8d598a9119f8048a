//! The line between an executor and its run: progress goes out with the next sign of life, and
//! what that brings back is heard at the next checkpoint.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use operations::{Heartbeat, RunLease, RunQueue};
use provider_core::{CallRecord, Interrupt, Pause, Progress, ResumePoint, RunSignals};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How often progress may be written: a run is watched by people, and each write costs one.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// What an attempt and its heartbeat share.
pub(crate) struct Signals {
    progress: Mutex<Option<Progress>>,
    cancel_requested: AtomicBool,
    lost: CancellationToken,
    wait_budget: Duration,
}

impl Signals {
    pub(crate) fn new(wait_budget: Duration) -> Self {
        Self {
            progress: Mutex::new(None),
            cancel_requested: AtomicBool::new(false),
            lost: CancellationToken::new(),
            wait_budget,
        }
    }

    /// Ends when another attempt owns the run.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Gives signs of life until `done`, or until the run is lost. A heartbeat that fails is
    /// tried again with the next one: the lease outlasts two of them.
    pub(crate) async fn beat(
        &self,
        queue: &dyn RunQueue,
        lease: &RunLease,
        duration: Duration,
        done: &CancellationToken,
    ) {
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
                continue;
            }
            (renewed_at, sent) = (Instant::now(), progress);
            match queue.heartbeat(lease, duration, progress).await {
                Ok(Heartbeat::Renewed {
                    cancel_requested: true,
                }) => {
                    self.cancel_requested.store(true, Ordering::Relaxed);
                }
                Ok(Heartbeat::Renewed {
                    cancel_requested: false,
                }) => {}
                Ok(Heartbeat::Lost) => {
                    self.lost.cancel();
                    return;
                }
                Err(error) => tracing::warn!(run_id = %lease.run_id, %error, "a sign of life did not arrive"),
            }
        }
    }
}

#[async_trait]
impl RunSignals for Signals {
    async fn checkpoint(&self, progress: Option<Progress>) -> Result<(), Interrupt> {
        if progress.is_some() {
            *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        }
        if self.lost.is_cancelled() {
            Err(Interrupt::Lost)
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
        None
    }

    async fn save(&self, _point: &ResumePoint) -> Result<(), Interrupt> {
        Ok(())
    }

    fn pauses(&self) -> Vec<Pause> {
        Vec::new()
    }

    fn record(&self, _call: CallRecord) {}
}
