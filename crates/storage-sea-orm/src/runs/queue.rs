//! The queue as a worker sees it: each call a transaction of its own, on the database's clock.

use std::time::Duration;

use async_trait::async_trait;
use kernel::StoreError;
use operations::{
    ClaimedRun, Heartbeat, LaneDepth, OperationRun, PerLane, QueueSettings, RunLease, RunQueue, SweepReport,
    WorkerName,
};
use provider_core::{CallTotals, Progress};
use sea_orm::{ConnectionTrait as _, Statement};
use tenancy::{AuditAction, Change, SystemTask, WorkspaceScope};

use super::{claim::claim, depth::depth, rows, sweep};
use crate::{
    calls,
    database::{Context, Database},
    error::OrStoreError as _,
    journal,
    time::{micros, now_sql},
};

/// The worker's side of runs in one database.
pub struct Queue {
    database: Database,
}

impl Queue {
    pub(crate) const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl RunQueue for Queue {
    async fn claim(
        &self,
        worker: &WorkerName,
        settings: &QueueSettings,
        slots: PerLane<u32>,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        if slots == PerLane::default() {
            return Ok(Vec::new());
        }
        let db = self.database.transaction().await?;
        let (mut claimed, mut changes) = (Vec::new(), Vec::new());
        for row in claim(&db, worker, settings, slots).await? {
            let id = row.id;
            let run = match rows::run(row) {
                Ok(run) => run,
                Err(error) => {
                    // One row that cannot be read must not keep the others from their work.
                    tracing::error!(run_id = %id, %error, "a claimed run cannot be read");
                    continue;
                }
            };
            let scope = system_scope(&run, SystemTask::Worker);
            let change = change(
                self.database.context(),
                &scope,
                &run,
                AuditAction::OperationStarted,
            );
            changes.push((run.workspace_id, change));
            let lease = RunLease {
                workspace_id: run.workspace_id,
                run_id: run.id,
                attempt: run.attempt,
            };
            claimed.push(ClaimedRun { scope, run, lease });
        }
        journal::record_all(&db, &changes).await?;
        db.commit().await.or_store_error()?;
        if !claimed.is_empty() {
            self.database.context().committed.notify_one();
        }
        Ok(claimed)
    }

    async fn heartbeat(
        &self,
        lease: &RunLease,
        duration: Duration,
        progress: Option<Progress>,
    ) -> Result<Heartbeat, StoreError> {
        let db = self.database.writer();
        let backend = db.get_database_backend();
        let now = now_sql(backend);
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let sql = format!(
            "UPDATE operation_runs
            SET lease_until = {now} + $4, heartbeat_at = {now},
                progress_processed = coalesce($5, progress_processed), progress_total = coalesce($6, progress_total)
            WHERE workspace_id = $1 AND id = $2 AND attempt = $3 AND status = 'running'
            RETURNING cancel_requested_at IS NOT NULL AS cancel_requested"
        );
        let values = [
            lease.workspace_id.as_uuid().into(),
            lease.run_id.as_uuid().into(),
            lease.attempt.into(),
            micros(duration).into(),
            progress.map(|progress| number(progress.processed)).into(),
            progress.map(|progress| number(progress.total)).into(),
        ];
        let row = db
            .query_one_raw(Statement::from_sql_and_values(backend, sql, values))
            .await
            .or_store_error()?;
        Ok(match row {
            None => Heartbeat::Lost,
            Some(row) => Heartbeat::Renewed {
                cancel_requested: row.try_get("", "cancel_requested").or_store_error()?,
            },
        })
    }

    async fn sweep(&self, settings: &QueueSettings) -> Result<SweepReport, StoreError> {
        sweep::sweep(&self.database, settings).await
    }

    async fn depth(&self) -> Result<PerLane<LaneDepth>, StoreError> {
        depth(self.database.readers()).await
    }

    async fn call_totals(&self) -> Result<Vec<CallTotals>, StoreError> {
        calls::totals(self.database.readers(), self.database.context().clock.now()).await
    }
}

/// The scope in which the system works for a run that it holds.
#[expect(clippy::disallowed_methods, reason = "where a run is claimed or swept")]
pub(crate) fn system_scope(run: &OperationRun, task: SystemTask) -> WorkspaceScope {
    WorkspaceScope::for_system(run.workspace_id, task)
}

/// The journal's entry for what the system did with a run.
pub(crate) fn change(
    context: &Context,
    scope: &WorkspaceScope,
    run: &OperationRun,
    action: AuditAction,
) -> Change {
    let target = operations::change_target(run);
    Change::new(scope, action, target, context.clock.now(), context.ids.as_ref())
        .with("operation_type", run.operation_type.as_str())
        .with("attempt", run.attempt)
}
