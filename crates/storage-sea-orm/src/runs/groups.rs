//! Groups: runs that hold others together and are over when the last of those is.
//!
//! The order of locks is: a run first, its group after it. Whoever needs several runs of a group takes them
//! all, in the order in which they were made, before the group ([`hold_children`]).

use kernel::{Id, StoreError};
use operations::{ChildOutcomes, OperationRun, RunOutcome};
use provider_core::RunId;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement,
    sea_query::{Expr, ExprTrait as _, LockType, Query, UpdateStatement},
};
use tenancy::{AuditAction, SystemTask, WorkspaceId, WorkspaceScope};
use uuid::Uuid;

use super::{
    end::end,
    filter::active,
    queue::{change, system_scope},
    rows,
};
use crate::{
    bounded::Tx,
    database::{Context, Database},
    entities::run::{Column, Entity, Model},
    error::OrStoreError as _,
    journal,
    scoped::{installation_wide, scoped},
    time::now_sql,
};

const TABLE: &str = "operation_runs";

/// How many groups one look mends.
const BATCH: u64 = 100;

/// A run of `group` has ended in this transaction. The group's row is written before anything is asked
/// about its other runs: of two runs that end at the same time, the later one waits here and then sees the
/// end of the other.
pub(crate) async fn child_ended(
    db: &Tx,
    context: &Context,
    workspace: WorkspaceId,
    group: RunId,
) -> Result<(), StoreError> {
    let mut count = open(workspace, group);
    let so_far = Expr::col(Column::ProgressProcessed).if_null(0_i64);
    count.value(Column::ProgressProcessed, so_far.add(1_i64));
    if db.execute(&count).await.or_store_error()?.rows_affected() == 1 {
        match close_if_over(db, context, workspace, group).await {
            // A group that cannot be read must not keep its runs from their ends.
            Err(error @ StoreError::Inconsistent { .. }) => {
                tracing::error!(run_id = %group, %error, "a group cannot be read");
            }
            closed => drop(closed?),
        }
    }
    Ok(())
}

/// An update that meets the group while it is not over.
fn open(workspace: WorkspaceId, group: RunId) -> UpdateStatement {
    Query::update()
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(workspace.as_uuid()))
        .and_where(Expr::col(Column::Id).eq(group.as_uuid()))
        .and_where(Expr::col(Column::Kind).eq("group"))
        .and_where(Expr::col(Column::Status).eq("running"))
        .to_owned()
}

/// Ends a group whose row this transaction holds, if none of its runs is active. Tells whether it did.
async fn close_if_over(
    db: &Tx,
    context: &Context,
    workspace: WorkspaceId,
    group: RunId,
) -> Result<bool, StoreError> {
    let children = || {
        installation_wide::<Entity>()
            .filter(Column::WorkspaceId.eq(workspace.as_uuid()))
            .filter(Column::ParentRunId.eq(group.as_uuid()))
    };
    let active = children()
        .filter(active())
        .select_only()
        .column(Column::Id)
        .into_tuple::<Uuid>()
        .one(db)
        .await
        .or_store_error()?;
    if active.is_some() {
        return Ok(false);
    }
    let ended: Vec<(String, i64)> = children()
        .select_only()
        .column(Column::Outcome)
        .column_as(Expr::col(Column::Id).count(), "runs")
        .group_by(Column::Outcome)
        .into_tuple()
        .all(db)
        .await
        .or_store_error()?;
    let row = installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(Column::Id.eq(group.as_uuid()))
        .one(db)
        .await
        .or_store_error()?
        .ok_or(StoreError::Conflict)?;
    let run = rows::run(row)?;
    finish(db, context, &run, outcomes(&ended)?).await
}

fn outcomes(ended: &[(String, i64)]) -> Result<ChildOutcomes, StoreError> {
    let mut children = ChildOutcomes::default();
    for (outcome, runs) in ended {
        let outcome = RunOutcome::parse(outcome).ok_or(StoreError::Inconsistent {
            table: TABLE,
            column: "outcome",
        })?;
        children.add(outcome, u32::try_from(*runs).unwrap_or(u32::MAX));
    }
    Ok(children)
}

async fn finish(
    db: &Tx,
    context: &Context,
    run: &OperationRun,
    children: ChildOutcomes,
) -> Result<bool, StoreError> {
    let Ok(completion) = run.gathered(children) else {
        return Ok(false);
    };
    let mut statement = open(run.workspace_id, run.id);
    end(&mut statement, &completion, now_sql(db.get_database_backend()));
    // However often it was counted: all are over.
    statement.value(Column::ProgressProcessed, Expr::col(Column::ProgressTotal));
    if db.execute(&statement).await.or_store_error()?.rows_affected() == 0 {
        return Ok(false);
    }
    let scope = system_scope(run, SystemTask::Worker);
    let mut change = change(context, &scope, run, AuditAction::OperationCompleted)
        .with("outcome", completion.outcome().as_str());
    if let Some(reason) = completion.context.reason_code {
        change = change.with("reason_code", reason.as_str());
    }
    change.outcome = operations::audit_outcome(completion.outcome());
    journal::record(db, run.workspace_id, &change).await?;
    Ok(true)
}

/// The runs of `group` that are not over, held until the transaction ends.
pub(crate) async fn hold_children(
    db: &Tx,
    scope: &WorkspaceScope,
    group: RunId,
) -> Result<Vec<OperationRun>, StoreError> {
    // SQLite has one writer, and this transaction is it; sea-query leaves the lock out there.
    let rows = scoped::<Entity>(scope)
        .filter(Column::ParentRunId.eq(group.as_uuid()))
        .filter(active())
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .lock(LockType::Update)
        .all(db)
        .await
        .or_store_error()?;
    rows.into_iter().map(rows::run).collect()
}

/// Ends the groups that nobody ended though all their runs are over: a row that was changed by hand, or
/// a defect. Returns how many.
pub(crate) async fn reconcile(database: &Database) -> Result<u64, StoreError> {
    let readers = database.readers();
    let idle = format!(
        "SELECT g.* FROM operation_runs g
        WHERE g.status = 'running' AND g.kind = 'group' AND NOT EXISTS (
            SELECT 1 FROM operation_runs c
            WHERE c.workspace_id = g.workspace_id AND c.parent_run_id = g.id AND c.status IN ('queued', 'running'))
        ORDER BY g.created_at LIMIT {BATCH}"
    );
    let statement = Statement::from_string(readers.get_database_backend(), idle);
    let candidates: Vec<Model> = installation_wide::<Entity>()
        .from_raw_sql(statement)
        .all(readers)
        .await
        .or_store_error()?;
    let mut ended = 0;
    for row in candidates {
        let (workspace, group) = (Id::from_uuid(row.workspace_id), Id::from_uuid(row.id));
        match mend(database, workspace, group).await {
            Ok(done) => ended += u64::from(done),
            // One group that cannot be mended must not keep the others from it.
            Err(error) => tracing::error!(run_id = %row.id, %error, "a group cannot be ended"),
        }
    }
    Ok(ended)
}

async fn mend(database: &Database, workspace: WorkspaceId, group: RunId) -> Result<bool, StoreError> {
    let db = database.transaction().await?;
    let mut hold = open(workspace, group);
    hold.value(Column::ProgressTotal, Expr::col(Column::ProgressTotal));
    if db.execute(&hold).await.or_store_error()?.rows_affected() == 0 {
        return Ok(false);
    }
    let ended = close_if_over(&db, database.context(), workspace, group).await?;
    db.commit().await.or_store_error()?;
    database.context().committed.notify_one();
    Ok(ended)
}
