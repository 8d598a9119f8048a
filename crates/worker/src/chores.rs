//! The chores that come with the queue, the event stream and the connections. Each struct does its work
//! once when it is told to; [`crate::caretaker`] tells it again and again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kernel::StoreError;
use operations::{QueueSettings, RunQueue, SweepReport};
use provider_core::{ConnectionUpkeep, UpkeepReport, UpkeepSettings};
use tenancy::EventPublisher;
use tokio::{sync::Notify, time::Instant};

use crate::caretaker::Chore;

/// Looks after runs whose worker fell silent, that waited too long or worked too long.
///
/// A lease that ran out while nobody could reach the store is no sign that its worker died. So this
/// sweeps only after it has been in touch with the store for half a lease without a break: until then
/// every worker that lives has given its runs back or renewed its leases. A break is a call that failed,
/// or half a lease without one; a process that has just begun does not know what was before.
#[derive(Clone)]
pub struct Sweep {
    queue: Arc<dyn RunQueue>,
    settings: QueueSettings,
    /// Called when runs wait again.
    wake: Arc<Notify>,
    contact: Arc<Mutex<Contact>>,
}

/// The last unbroken time in touch with the store.
#[derive(Debug, Default, Clone, Copy)]
struct Contact(Option<(Instant, Instant)>);

impl Contact {
    /// Whether it has lasted for `enough` at the end of a call that began at `asked_at` and arrived.
    fn arrived(&mut self, asked_at: Instant, enough: Duration) -> bool {
        let now = Instant::now();
        if now.duration_since(asked_at) >= enough {
            // The answer was so long on its way that it says nothing of the time before.
            self.0 = Some((now, now));
            return false;
        }
        let since = match self.0 {
            Some((since, last)) if now.duration_since(last) < enough => since,
            Some(_) | None => asked_at,
        };
        self.0 = Some((since, now));
        now.duration_since(since) >= enough
    }
}

impl Sweep {
    /// The sweep of this queue.
    pub fn new(queue: Arc<dyn RunQueue>, settings: QueueSettings, wake: Arc<Notify>) -> Self {
        Self {
            queue,
            settings,
            wake,
            contact: Arc::default(),
        }
    }

    /// Does it once, if it is time for it.
    pub async fn run_once(&self) -> Result<SweepReport, StoreError> {
        let asked_at = Instant::now();
        if let Err(error) = self.queue.depth().await {
            *self.contact() = Contact::default();
            return Err(error);
        }
        let enough = self.settings.lease / 2;
        if !self.contact().arrived(asked_at, enough) {
            return Ok(SweepReport::default());
        }
        let swept = self.queue.sweep(&self.settings).await;
        let report = swept.inspect_err(|_| *self.contact() = Contact::default())?;
        let SweepReport { requeued, failed } = report;
        if report != SweepReport::default() {
            tracing::warn!(requeued, failed, "swept silent runs");
        }
        if requeued > 0 {
            self.wake.notify_one();
        }
        Ok(report)
    }

    fn contact(&self) -> MutexGuard<'_, Contact> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As a chore.
    pub fn chore(self, every: Duration) -> Chore {
        Chore::new("sweep", every, move || {
            let sweep = self.clone();
            async move { sweep.run_once().await.map(drop) }
        })
    }
}

/// Gives committed events their numbers, and writes what follows from them.
#[derive(Clone)]
pub struct Publish(pub Arc<dyn EventPublisher>);

impl Publish {
    /// Does it once. Returns how many events it numbered.
    pub async fn run_once(&self) -> Result<u64, StoreError> {
        self.0.publish().await
    }

    /// As a chore, which `committed` wakes: somebody in this process may have written an event.
    pub fn chore(self, every: Duration, committed: Arc<Notify>) -> Chore {
        let work = move || {
            let publish = self.clone();
            async move { publish.run_once().await.map(drop) }
        };
        Chore::new("events", every, work).woken_by(committed)
    }
}

/// Looks after credentials whose time comes.
#[derive(Clone)]
pub struct Upkeep {
    /// Who does it.
    pub connections: Arc<dyn ConnectionUpkeep>,
    /// What it goes by.
    pub settings: UpkeepSettings,
}

impl Upkeep {
    /// Does it once.
    pub async fn run_once(&self) -> Result<UpkeepReport, StoreError> {
        let report = self.connections.upkeep(&self.settings).await?;
        if report != UpkeepReport::default() {
            let UpkeepReport { removed, announced } = report;
            tracing::info!(removed, announced, "looked after credentials");
        }
        Ok(report)
    }

    /// As a chore.
    pub fn chore(self, every: Duration) -> Chore {
        Chore::new("credentials", every, move || {
            let upkeep = self.clone();
            async move { upkeep.run_once().await.map(drop) }
        })
    }
}

#[cfg(test)]
#[path = "chores/tests.rs"]
mod tests;
