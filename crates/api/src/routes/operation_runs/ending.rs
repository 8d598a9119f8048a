//! What cancel, force-cancel and release share: the run that is to end, and who ends it.

use operations::OperationRun;
use provider_core::RunId;
use storage::UnitOfWork;
use tenancy::{AuditAction, Change, WorkspaceScope};

use crate::{
    auth::{guard::Guard, permission::Permission},
    journal::{Author, target},
    problem::{Code, Problem},
};

/// A run that somebody wants to end.
pub(super) struct Ending {
    pub(super) id: RunId,
    pub(super) scope: WorkspaceScope,
    author: Author,
}

impl Ending {
    /// Of the run in the path.
    pub(super) fn of<P: Permission>(guard: &Guard<P>) -> Result<Self, Problem> {
        Ok(Self {
            id: guard.id("run_id")?,
            scope: guard.scope.clone(),
            author: guard.author(),
        })
    }

    /// The run as it stands now.
    pub(super) async fn find(&self, work: &mut dyn UnitOfWork) -> Result<OperationRun, Problem> {
        let run = work.runs().find(&self.scope, self.id).await?;
        run.ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// The journal's entry about it.
    pub(super) fn entry(&self, action: AuditAction, run: &OperationRun) -> Change {
        let definition = run.operation_type.definition();
        let facts = [("operation_type", definition.code.to_owned())];
        self.author
            .change(action, target("operation_run", &run.id, definition.label), &facts)
            .with("attempt", run.attempt)
    }
}
