//! The chores that come with the queue, the event stream and the connections. Each struct does its work
//! once when it is told to; [`crate::caretaker`] tells it again and again.

use std::{sync::Arc, time::Duration};

use kernel::StoreError;
use operations::{QueueSettings, RunQueue, SweepReport};
use provider_core::{ConnectionUpkeep, UpkeepReport, UpkeepSettings};
use tenancy::EventPublisher;
use tokio::sync::Notify;

use crate::caretaker::Chore;

/// Looks after runs whose worker fell silent, that waited too long or worked too long.
#[derive(Clone)]
pub struct Sweep {
    /// The queue.
    pub queue: Arc<dyn RunQueue>,
    /// Its numbers.
    pub settings: QueueSettings,
}

impl Sweep {
    /// Does it once.
    pub async fn run_once(&self) -> Result<SweepReport, StoreError> {
        let report = self.queue.sweep(&self.settings).await?;
        if report != SweepReport::default() {
            let SweepReport { requeued, failed } = report;
            tracing::warn!(requeued, failed, "swept silent runs");
        }
        Ok(report)
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
