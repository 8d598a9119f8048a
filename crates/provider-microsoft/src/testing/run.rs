//! A run as the adapter meets it, for tests: pauses by a virtual clock, signals that are kept, and a
//! sink that keeps what it is given.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use inventory::{ObservationSink, ObservedItem};
use kernel::{Clock as _, ManualClock};
use provider_core::{CallRecord, Interrupt, Pause, Progress, ResumePoint, RunSignals};

use crate::Pauses;

/// Records pauses, and moves the clock by them if it has one. Chance always gives nothing, so that
/// lengths are exact.
#[derive(Default)]
pub(crate) struct RecordedPauses {
    made: Mutex<Vec<Duration>>,
    clock: Option<Arc<ManualClock>>,
}

impl RecordedPauses {
    /// Pauses that begin together end together.
    pub(crate) fn on(clock: &Arc<ManualClock>) -> Self {
        Self {
            made: Mutex::default(),
            clock: Some(Arc::clone(clock)),
        }
    }

    pub(crate) fn total(&self) -> Duration {
        self.made.lock().expect("no holder panics").iter().sum()
    }

    pub(crate) fn longest(&self) -> Duration {
        self.made
            .lock()
            .expect("no holder panics")
            .iter()
            .max()
            .copied()
            .unwrap_or_default()
    }
}

#[async_trait]
impl Pauses for RecordedPauses {
    async fn pause(&self, length: Duration) {
        self.made.lock().expect("no holder panics").push(length);
        let Some(clock) = &self.clock else { return };
        let end = clock.now() + TimeDelta::from_std(length).expect("in range");
        tokio::task::yield_now().await;
        let left = end - clock.now();
        if left > TimeDelta::zero() {
            clock.advance(left);
        }
    }

    fn draw(&self, _ceiling: Duration) -> Duration {
        Duration::ZERO
    }
}

/// A run's signals, and what it keeps between its attempts.
pub(crate) struct Run {
    pub(crate) budget: Duration,
    /// The checkpoint, counted from 1, at which a cancellation is heard.
    pub(crate) cancel_at: usize,
    pub(crate) beats: AtomicUsize,
    pub(crate) progress: Mutex<Vec<Progress>>,
    pub(crate) point: Arc<Mutex<Option<ResumePoint>>>,
    pub(crate) pauses: Vec<Pause>,
    pub(crate) records: Mutex<Vec<CallRecord>>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            budget: Duration::from_mins(1),
            cancel_at: usize::MAX,
            beats: AtomicUsize::new(0),
            progress: Mutex::default(),
            point: Arc::default(),
            pauses: Vec::new(),
            records: Mutex::default(),
        }
    }
}

impl Run {
    pub(crate) fn records(&self) -> Vec<CallRecord> {
        self.records.lock().expect("no holder panics").clone()
    }
}

#[async_trait]
impl RunSignals for Run {
    async fn checkpoint(&self, progress: Option<Progress>) -> Result<(), Interrupt> {
        self.progress.lock().expect("no holder panics").extend(progress);
        let beat = self.beats.fetch_add(1, Ordering::SeqCst) + 1;
        if beat >= self.cancel_at {
            Err(Interrupt::CancelRequested)
        } else {
            Ok(())
        }
    }

    fn wait_budget(&self) -> Duration {
        self.budget
    }

    fn resume_point(&self) -> Option<ResumePoint> {
        self.point.lock().expect("no holder panics").clone()
    }

    async fn save(&self, point: &ResumePoint) -> Result<(), Interrupt> {
        *self.point.lock().expect("no holder panics") = Some(point.clone());
        Ok(())
    }

    fn pauses(&self) -> Vec<Pause> {
        self.pauses.clone()
    }

    fn record(&self, call: CallRecord) {
        self.records.lock().expect("no holder panics").push(call);
    }
}

/// Keeps what was observed, and the point with it.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) items: Vec<ObservedItem>,
    pub(crate) point: Arc<Mutex<Option<ResumePoint>>>,
}

#[async_trait]
impl ObservationSink for Seen {
    async fn accept(
        &mut self,
        page: Vec<ObservedItem>,
        resume: Option<&ResumePoint>,
    ) -> Result<(), Interrupt> {
        self.items.extend(page);
        if let Some(point) = resume {
            *self.point.lock().expect("no holder panics") = Some(point.clone());
        }
        Ok(())
    }
}
