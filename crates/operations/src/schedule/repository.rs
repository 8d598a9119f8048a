//! How schedules are kept. A turn belongs to whoever moves the schedule on to the next one: that is one
//! guarded update, in the transaction of what the turn starts.

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use provider_core::{ReasonCode, RunId, Written};
use tenancy::{Change, WorkspaceScope};

use super::{Schedule, Slot, TurnResult};
use crate::ScheduleId;

/// A schedule whose turn has come.
#[derive(Debug, Clone)]
pub struct DueSchedule {
    /// The scope in which the system acts for it.
    pub scope: WorkspaceScope,
    /// The schedule as it was read.
    pub schedule: Schedule,
    /// The turn.
    pub slot: Slot,
    /// The database's own present moment.
    pub now: Timestamp,
}

impl DueSchedule {
    /// Its place among those whose turn has come.
    pub const fn place(&self) -> (Timestamp, ScheduleId) {
        (self.slot.due, self.schedule.id)
    }
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Firing {
    /// What.
    pub result: TurnResult,
    /// The run that it started, or that records why it did not.
    pub run_id: Option<RunId>,
    /// Why the schedule pauses after it, if it does.
    pub pause: Option<ReasonCode>,
}

/// Reads of schedules.
#[async_trait]
pub trait ScheduleLookup: Send + Sync {
    /// The schedule, if it lies in the scope.
    async fn find(&self, scope: &WorkspaceScope, id: ScheduleId) -> Result<Option<Schedule>, StoreError>;

    /// The schedules of the scope, oldest first.
    async fn list(&self, scope: &WorkspaceScope, page: PageRequest) -> Result<Page<Schedule>, StoreError>;
}

/// Writes of schedules.
#[async_trait]
pub trait ScheduleRepository: ScheduleLookup {
    /// Stores a new schedule.
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        schedule: &Schedule,
        change: &Change,
    ) -> Result<(), StoreError>;

    /// Puts `after` in the place of `before`, if that is still how it stands: neither changed by somebody
    /// nor at another turn.
    async fn replace(
        &mut self,
        scope: &WorkspaceScope,
        before: &Schedule,
        after: &Schedule,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Deletes it, if it is still as it was read. Its runs stay.
    async fn delete(
        &mut self,
        scope: &WorkspaceScope,
        schedule: &Schedule,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Takes the turn at `tick` and moves the schedule on to `next`. `false` when somebody else took it, or
    /// the schedule was changed: then it is nobody's to start any more. Until the transaction ends, nobody
    /// else can take it.
    async fn take_turn(
        &mut self,
        scope: &WorkspaceScope,
        schedule: &Schedule,
        tick: Timestamp,
        next: Slot,
    ) -> Result<bool, StoreError>;

    /// Writes down what became of a turn that was taken in this transaction.
    async fn settle_turn(
        &mut self,
        scope: &WorkspaceScope,
        schedule: &Schedule,
        firing: &Firing,
        change: &Change,
    ) -> Result<(), StoreError>;
}

/// Finds schedules whose turn has come, in every workspace.
#[async_trait]
pub trait DueSchedules: Send + Sync {
    /// Up to `limit` of them, the longest overdue first, from the one behind `after` on. One that this version
    /// cannot read is paused, so that it keeps no other from its turn.
    async fn due(
        &self,
        limit: u32,
        after: Option<(Timestamp, ScheduleId)>,
    ) -> Result<Vec<DueSchedule>, StoreError>;
}
