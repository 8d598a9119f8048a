//! What one process asks on behalf of everybody who watches: few questions, each about many things at once.
//! It crosses workspaces, so it takes no scope; whoever passes answers on has checked who may see them.

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use operations::OperationRun;
use provider_core::RunId;
use tenancy::{PrincipalId, Role, StreamEvent, WorkspaceId};

/// Where a stream ends at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEnd {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The last number that was given.
    pub last_sequence: u64,
}

/// Everything about a run that changes while it lives, in little: two of them differ if the run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMark {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The run.
    pub id: RunId,
    /// Where it stands and how it ended.
    pub state: (String, String),
    /// How many attempts there have been.
    pub attempt: i32,
    /// How far it is.
    pub progress: (Option<i64>, Option<i64>),
    /// Signs of life, waits and wishes, each with its time.
    pub times: [Option<Timestamp>; 4],
}

/// The questions.
#[async_trait]
pub trait Watching: Send + Sync {
    /// The ends of these streams, those that have begun. One statement.
    async fn stream_ends(&self, of: &[WorkspaceId]) -> Result<Vec<StreamEnd>, StoreError>;

    /// Up to `limit` events of one stream after number `after`, in order. One statement.
    async fn events_after(
        &self,
        workspace: WorkspaceId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StreamEvent>, StoreError>;

    /// The marks of these runs. One statement.
    async fn run_marks(&self, of: &[(WorkspaceId, RunId)]) -> Result<Vec<RunMark>, StoreError>;

    /// These runs. One statement.
    async fn runs(&self, of: &[(WorkspaceId, RunId)]) -> Result<Vec<OperationRun>, StoreError>;

    /// The roles that these principals have at present, each in this workspace. One statement.
    async fn roles(
        &self,
        of: &[(WorkspaceId, PrincipalId)],
    ) -> Result<Vec<(WorkspaceId, PrincipalId, Role)>, StoreError>;
}
