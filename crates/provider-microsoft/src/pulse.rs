//! The adapter's side of the line to a run: repeats the last known progress at each checkpoint,
//! and waits in slices so that a cancellation is heard at least once a second.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use provider_core::{CallRecord, Interrupt, Pause, Progress, ResumePoint, RunSignals};

use crate::pause::Pauses;

/// The longest time without listening while waiting.
const SLICE: Duration = Duration::from_secs(1);

/// A run's signals during one operation.
pub(crate) struct Pulse<'a> {
    signals: &'a dyn RunSignals,
    pauses: &'a dyn Pauses,
    last: Mutex<Option<Progress>>,
}

impl<'a> Pulse<'a> {
    pub(crate) fn new(signals: &'a dyn RunSignals, pauses: &'a dyn Pauses) -> Self {
        Self {
            signals,
            pauses,
            last: Mutex::new(None),
        }
    }

    /// Hears whether to go on.
    pub(crate) async fn beat(&self) -> Result<(), Interrupt> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.signals.checkpoint(last).await
    }

    /// Tells how far the run has come, and hears whether to go on.
    pub(crate) async fn report(&self, progress: Option<Progress>) -> Result<(), Interrupt> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        self.beat().await
    }

    /// Waits, listening.
    pub(crate) async fn wait(&self, length: Duration) -> Result<(), Interrupt> {
        let mut left = length;
        while !left.is_zero() {
            self.beat().await?;
            let slice = left.min(SLICE);
            self.pauses.pause(slice).await;
            left -= slice;
        }
        self.beat().await
    }

    /// Tells about an attempt at a call.
    pub(crate) fn record(&self, call: CallRecord) {
        self.signals.record(call);
    }

    /// Limits that earlier runs left closed.
    pub(crate) fn known_pauses(&self) -> Vec<Pause> {
        self.signals.pauses()
    }

    /// Where the attempt before this one stopped.
    pub(crate) fn resume_point(&self) -> Option<ResumePoint> {
        self.signals.resume_point()
    }

    /// Writes down where another attempt could go on.
    pub(crate) async fn save(&self, point: &ResumePoint) -> Result<(), Interrupt> {
        self.signals.save(point).await
    }

    pub(crate) fn budget(&self) -> Duration {
        self.signals.wait_budget()
    }

    pub(crate) fn draw(&self, ceiling: Duration) -> Duration {
        self.pauses.draw(ceiling)
    }
}
