//! How runs are kept: what the API needs of them. The worker's side is in [`crate::queue`].

use std::time::Duration;

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use provider_core::{ConnectionId, RunId};
use tenancy::{Change, EnvironmentId, PrincipalId, WorkspaceScope};

use crate::{
    Completion, Freshness, OperationRun, OperationType, RunOutcome, RunStatus, ScheduleId, StatusGroup,
};

/// What became of a new run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertedRun {
    /// It is there and holds its scope.
    Inserted,
    /// Another run held the scope at that moment.
    ScopeTaken,
}

/// Which runs to list. Each part narrows further.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunFilter {
    /// Of this environment.
    pub environment_id: Option<EnvironmentId>,
    /// Of this connection.
    pub connection_id: Option<ConnectionId>,
    /// Of this type.
    pub operation_type: Option<OperationType>,
    /// In this status.
    pub status: Option<RunStatus>,
    /// In a status of this group.
    pub group: Option<StatusGroup>,
    /// That ended like this.
    pub outcome: Option<RunOutcome>,
    /// Started by this principal.
    pub initiator: Option<PrincipalId>,
    /// Caused by this: one of [`RunTrigger::ALL`](crate::RunTrigger::ALL).
    pub trigger: Option<&'static str>,
    /// That are this fresh at that moment.
    pub freshness: Option<(Freshness, Timestamp)>,
    /// Of this group.
    pub parent_run_id: Option<RunId>,
    /// Of this schedule.
    pub schedule_id: Option<ScheduleId>,
    /// Made later than this.
    pub created_after: Option<Timestamp>,
    /// Made before this.
    pub created_before: Option<Timestamp>,
}

/// Reads of runs.
#[async_trait]
pub trait RunLookup: Send + Sync {
    /// The run, if it lies in the scope.
    async fn find(&self, scope: &WorkspaceScope, id: RunId) -> Result<Option<OperationRun>, StoreError>;

    /// The runs of the scope, newest first.
    async fn list(
        &self,
        scope: &WorkspaceScope,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<OperationRun>, StoreError>;

    /// The run that is active on `scope_key` at this moment.
    async fn active_on(
        &self,
        scope: &WorkspaceScope,
        scope_key: &str,
    ) -> Result<Option<OperationRun>, StoreError>;

    /// The run that is active through `connection` at this moment.
    async fn active_of(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
    ) -> Result<Option<OperationRun>, StoreError>;
}

/// Writes of runs on behalf of callers.
#[async_trait]
pub trait RunRepository: RunLookup {
    /// Stores a queued run, unless another one is active on its scope: the partial unique index
    /// decides, in this one statement. A refusal leaves the transaction usable.
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        run: &OperationRun,
        change: &Change,
    ) -> Result<InsertedRun, StoreError>;

    /// Stores a run that was blocked. It is over already and holds nothing.
    async fn insert_blocked(
        &mut self,
        scope: &WorkspaceScope,
        run: &OperationRun,
        change: &Change,
    ) -> Result<(), StoreError>;

    /// Stores a group, whose runs are stored in the same transaction before it. It holds no scope that
    /// anybody else could want.
    async fn insert_group(
        &mut self,
        scope: &WorkspaceScope,
        group: &OperationRun,
        change: &Change,
    ) -> Result<(), StoreError>;

    /// Ends a run that is still queued. `false` when a worker was faster.
    async fn end_queued(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Ends a run that is still active, whoever holds it: its worker's next write is refused.
    /// `false` when it is over already.
    async fn end_active(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// The runs of a group that are not over, held until the transaction ends: no other transaction
    /// changes them meanwhile. To be called before anything is written about the group itself, because
    /// whoever ends a run takes the run first and its group after it.
    async fn hold_children(
        &mut self,
        scope: &WorkspaceScope,
        group: RunId,
    ) -> Result<Vec<OperationRun>, StoreError>;

    /// Asks the worker of a running run to end it, on the database's clock. `false` when the run is
    /// not running, or was asked before.
    async fn request_cancel(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Ends a running run whose worker was asked to end it `cool_off` ago or longer, on the database's
    /// clock. The worker's next write is refused. `false` when it is not such a run.
    async fn force_cancel(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        cool_off: Duration,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Ends a run that nobody seems to work at: its lease is over, or it could have begun longer ago
    /// than `waited`, on the database's clock. `false` when it is not such a run.
    async fn release(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        waited: Duration,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError>;
}
