//! The caretaker: chores that every process does again and again, with a worker or without one.
//!
//! A chore is safe to run in all processes at the same time: its own statements see to that, there is
//! no leader. Each has a loop of its own, so one that is slow or panics keeps no other from its turn.
//! Knows no chore by name but those of [`crate::chores`], and needs no provider.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use kernel::{Clock, IdSource, StoreError, Timestamp};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// The least time between two passes of a chore that is woken: what is written meanwhile is done in
/// one pass.
const GATHER: Duration = Duration::from_millis(25);

/// Who is told how a chore has been going, after each time.
type Told = dyn Fn(&'static str, ChoreRecord) + Send + Sync;

type Work = dyn Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync;

/// Something that is to be done again and again.
pub struct Chore {
    name: &'static str,
    every: Duration,
    wake: Option<Arc<Notify>>,
    work: Box<Work>,
}

impl Chore {
    /// A chore of this name, done at least every `every`. Processes spread out: a pause is between half
    /// of that and all of it.
    pub fn new<W, F>(name: &'static str, every: Duration, work: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        Self {
            name,
            every,
            wake: None,
            work: Box::new(move || Box::pin(work())),
        }
    }

    /// The same, done at once as well when `wake` is notified. One chore for each notify: a call wakes
    /// one sleeper.
    #[must_use]
    pub fn woken_by(mut self, wake: Arc<Notify>) -> Self {
        self.wake = Some(wake);
        self
    }
}

/// How a chore has been going.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChoreRecord {
    /// When it last came to its end as it should.
    pub last_success: Option<Timestamp>,
    /// How often it did.
    pub done: u64,
    /// How often it failed or panicked.
    pub failed: u64,
    /// How often since it last worked.
    in_series: u64,
}

/// How the chores of this process have been going. Clones show the same.
#[derive(Debug, Clone, Default)]
pub struct ChoreRecords(Arc<Mutex<BTreeMap<&'static str, ChoreRecord>>>);

impl ChoreRecords {
    /// Every chore, by name. One that never came to its end is there with nothing but zeros.
    pub fn all(&self) -> BTreeMap<&'static str, ChoreRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change<T>(&self, name: &'static str, act: impl FnOnce(&mut ChoreRecord) -> T) -> T {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(records.entry(name).or_default())
    }
}

/// Does the chores of a process.
pub struct Caretaker {
    chores: Vec<Chore>,
    records: ChoreRecords,
    told: Arc<Told>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

impl Caretaker {
    /// A caretaker without chores.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self {
            chores: Vec::new(),
            records: ChoreRecords::default(),
            told: Arc::new(|_, _| ()),
            clock,
            ids,
        }
    }

    /// The same with one chore more.
    #[must_use]
    pub fn with(mut self, chore: Chore) -> Self {
        self.records.change(chore.name, |_| ());
        self.chores.push(chore);
        self
    }

    /// The same, telling `told` after each time how the chore has been going: for metrics.
    #[must_use]
    pub fn telling(mut self, told: impl Fn(&'static str, ChoreRecord) + Send + Sync + 'static) -> Self {
        self.told = Arc::new(told);
        self
    }

    /// How the chores have been going.
    pub fn records(&self) -> ChoreRecords {
        self.records.clone()
    }

    /// Does the chores until `shutdown`, each for the first time at once. Returns when those that were
    /// being done then are over: they are short, and each is cut into transactions.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self {
            chores,
            records,
            told,
            clock,
            ids,
        } = self;
        let mut loops = JoinSet::new();
        for chore in chores {
            let (records, clock, ids) = (records.clone(), Arc::clone(&clock), Arc::clone(&ids));
            let told = Arc::clone(&told);
            let shutdown = shutdown.clone();
            loops.spawn(async move {
                chore
                    .repeat((&records, told.as_ref()), (clock, ids), &shutdown)
                    .await
            });
        }
        while let Some(ended) = loops.join_next().await {
            if let Err(error) = ended {
                tracing::error!(panicked = error.is_panic(), "the loop of a chore broke");
            }
        }
    }
}

impl Chore {
    async fn repeat(
        self,
        (records, told): (&ChoreRecords, &Told),
        (clock, ids): (Arc<dyn Clock>, Arc<dyn IdSource>),
        shutdown: &CancellationToken,
    ) {
        while !shutdown.is_cancelled() {
            // Who called until now is served by this pass.
            let _ = self.called().now_or_never();
            self.pass(records, clock.as_ref()).await;
            told(self.name, records.change(self.name, |record| *record));
            let ended = Instant::now();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.called() => {}
                () = sleep_until(ended + spread(self.every, ids.as_ref())) => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep_until(ended + GATHER.min(self.every)) => {}
            }
        }
    }

    /// Does it once, in a task of its own, so that a panic ends the pass and nothing else. Failures are
    /// told once for each series: a database that is away is no news twice a second.
    async fn pass(&self, records: &ChoreRecords, clock: &dyn Clock) {
        let name = self.name;
        let problem = match tokio::spawn((self.work)()).await {
            Ok(Ok(())) => {
                let at = clock.now();
                let before = records.change(name, |record| {
                    let failed = std::mem::take(&mut record.in_series);
                    record.last_success = Some(at);
                    record.done += 1;
                    failed
                });
                if before > 0 {
                    tracing::info!(chore = name, failures = before, "a chore works again");
                }
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) if error.is_panic() => "it panicked".to_owned(),
            Err(_) => "it was cut off".to_owned(),
        };
        let first = records.change(name, |record| {
            record.failed += 1;
            record.in_series += 1;
            record.in_series == 1
        });
        if first {
            tracing::error!(chore = name, problem, "a chore failed");
        } else {
            tracing::debug!(chore = name, problem, "a chore failed again");
        }
    }

    async fn called(&self) {
        match &self.wake {
            Some(wake) => wake.notified().await,
            None => std::future::pending().await,
        }
    }
}

/// Between half of `every` and all of it: the last byte of a new id is random enough.
fn spread(every: Duration, ids: &dyn IdSource) -> Duration {
    let byte = ids.next_uuid().as_bytes()[15];
    every.mul_f64(0.5 + f64::from(byte) / 510.0)
}

#[cfg(test)]
#[path = "caretaker/tests.rs"]
mod tests;
