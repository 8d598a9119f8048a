//! The worker's side of runs: claim, sign of life, end, and the sweep after those who fell
//! silent. Every write carries the attempt that makes it; zero rows mean that another attempt
//! owns the run, and the writer stops.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use kernel::StoreError;
use provider_core::{CallTotals, Progress, ReasonCode, ResumePoint, RunId};
use tenancy::{Change, WorkspaceId, WorkspaceScope};

use crate::{Completion, Lane, OperationRun, PerLane};

/// How a worker process is called in rows and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerName(String);

impl WorkerName {
    /// Any short text; longer ones are cut at 100 characters.
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(100).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The right to write to a run: its id and the attempt that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLease {
    /// The workspace of the run.
    pub workspace_id: WorkspaceId,
    /// The run.
    pub run_id: RunId,
    /// The attempt.
    pub attempt: i32,
}

/// A run in a worker's hands.
#[derive(Debug, Clone)]
pub struct ClaimedRun {
    /// The scope in which the worker acts for it.
    pub scope: WorkspaceScope,
    /// The run as it stands.
    pub run: OperationRun,
    /// The right to write to it.
    pub lease: RunLease,
}

/// Whether the lease still held when a write arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Fence {
    /// It held; the write is done.
    Held,
    /// Another attempt owns the run, or it is over; nothing was written.
    Lost,
}

/// What became of a run that its worker wanted to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum HandBack {
    /// It waits again.
    Done,
    /// Somebody asked for its end meanwhile: end it instead.
    CancelRequested,
    /// Another attempt owns the run, or it is over; nothing was written.
    Lost,
}

/// What a sign of life brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    /// The lease was renewed.
    Renewed {
        /// Whether somebody asked for the end of the run.
        cancel_requested: bool,
    },
    /// Another attempt owns the run, or it is over.
    Lost,
}

/// The numbers that rule the queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueSettings {
    /// How long a claim holds without a sign of life.
    pub lease: Duration,
    /// How many attempts a run gets.
    pub max_attempts: i32,
    /// How long a run may wait for a worker.
    pub queue_timeout: Duration,
    /// How many runs of one workspace may run at the same time, checks not counted.
    pub workspace_limit: u32,
    /// How many checks of one workspace may run at the same time.
    pub check_workspace_limit: u32,
}

impl QueueSettings {
    /// How many runs of one workspace may run in a lane at the same time, in all processes together.
    pub const fn workspace_limit_in(&self, lane: Lane) -> u32 {
        match lane {
            Lane::Checks => self.check_workspace_limit,
            Lane::Work => self.workspace_limit,
        }
    }
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            max_attempts: 3,
            queue_timeout: Duration::from_hours(24),
            workspace_limit: 6,
            check_workspace_limit: 3,
        }
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Runs that wait again, their worker being gone.
    pub requeued: u64,
    /// Runs that were ended.
    pub failed: u64,
}

/// What waits and what runs in a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneDepth {
    /// Runs that wait for a worker, or for their time.
    pub queued: u64,
    /// Runs that a worker has.
    pub running: u64,
    /// For how long the run that could begin for the longest time has been waiting; zero if there is none.
    pub oldest: Duration,
}

/// The queue as a worker sees it. Each method is a transaction of its own, on the database's
/// clock: workers whose clocks differ agree on who holds what.
#[async_trait]
pub trait RunQueue: Send + Sync {
    /// Takes up to `slots` runs of each lane that may begin now: of the workspaces with the fewest
    /// running ones in the lane first, then the oldest.
    async fn claim(
        &self,
        worker: &WorkerName,
        settings: &QueueSettings,
        slots: PerLane<u32>,
    ) -> Result<Vec<ClaimedRun>, StoreError>;

    /// Renews the lease, writes progress, and hears whether to go on: one call for three things.
    async fn heartbeat(
        &self,
        lease: &RunLease,
        duration: Duration,
        progress: Option<Progress>,
    ) -> Result<Heartbeat, StoreError>;

    /// Ends or requeues the runs whose lease is over, and ends those that waited or worked too
    /// long. Running it twice changes nothing more.
    async fn sweep(&self, settings: &QueueSettings) -> Result<SweepReport, StoreError>;

    /// What waits and runs in the whole installation, for metrics.
    async fn depth(&self) -> Result<PerLane<LaneDepth>, StoreError>;

    /// What the calls of the whole installation came to, by limit, for metrics.
    async fn call_totals(&self) -> Result<Vec<CallTotals>, StoreError>;
}

/// The fenced writes that join a worker's other writes in one transaction.
#[async_trait]
pub trait RunAttempts: Send {
    /// Confirms that the lease holds, and keeps others from taking the run until the transaction
    /// ends. To be called before writing what an attempt found.
    async fn confirm(&mut self, lease: &RunLease) -> Result<Fence, StoreError>;

    /// Confirms that the lease holds, as [`RunAttempts::confirm`] does, and writes down where another
    /// attempt could go on. It replaces the one before; one that is longer than
    /// [`ResumePoint::LONGEST`] does not. Gone with the end of the run.
    async fn save_point(&mut self, lease: &RunLease, point: &ResumePoint) -> Result<Fence, StoreError>;

    /// Ends the run.
    async fn finish(
        &mut self,
        scope: &WorkspaceScope,
        lease: &RunLease,
        completion: &Completion,
        change: &Change,
    ) -> Result<Fence, StoreError>;

    /// Gives the run back, to be taken again no earlier than after `delay`, unless somebody asked
    /// for its end. No lease counts as lost, and a wait that the provider asked for
    /// ([`Waiting::is_pause`](crate::Waiting::is_pause)) is not counted as work: waiting is not
    /// failing. The run shows `reason` while it waits.
    async fn hand_back(
        &mut self,
        scope: &WorkspaceScope,
        lease: &RunLease,
        (delay, reason): (Duration, Option<ReasonCode>),
        change: &Change,
    ) -> Result<HandBack, StoreError>;
}
