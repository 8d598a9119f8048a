//! The end of a run, whoever ends it: its worker, a caller, the sweep. What follows from an end happens
//! here and nowhere else, in the transaction of the end.

use kernel::{Id, StoreError};
use operations::Completion;
use sea_orm::{ConnectionTrait as _, sea_query::UpdateStatement};
use tenancy::{Change, WorkspaceId};
use uuid::Uuid;

use super::{attempts::release, groups, points, rows};
use crate::{
    bounded::Tx, database::Context, entities::run::Column, error::OrStoreError as _, journal, time::now_sql,
};

/// Runs `statement`, an update that meets one run or none, as the end of that run. `false` when it met
/// none: nothing was written.
pub(crate) async fn end_run(
    (db, context): (&Tx, &Context),
    mut statement: UpdateStatement,
    completion: &Completion,
    (workspace, change): (WorkspaceId, &Change),
) -> Result<bool, StoreError> {
    end(&mut statement, completion, now_sql(db.get_database_backend()));
    statement.returning(sea_orm::sea_query::Query::returning().columns([Column::Id, Column::ParentRunId]));
    let Some(row) = db.query_one(&statement).await.or_store_error()? else {
        return Ok(false);
    };
    let run: Uuid = row.try_get("", "id").or_store_error()?;
    let group: Option<Uuid> = row.try_get("", "parent_run_id").or_store_error()?;
    points::forget(db, workspace, Id::from_uuid(run)).await?;
    journal::record(db, workspace, change).await?;
    if let Some(group) = group {
        groups::child_ended(db, context, workspace, Id::from_uuid(group)).await?;
    }
    Ok(true)
}

/// Adds the end of a run to an update.
pub(crate) fn end(statement: &mut UpdateStatement, completion: &Completion, now: &'static str) {
    let (context, counts, failures) = rows::completion_json(completion);
    statement
        .value(Column::Status, "completed")
        .value(Column::Outcome, completion.outcome().as_str())
        .value(Column::CompletedAt, sea_orm::sea_query::Expr::cust(now))
        .value(Column::Context, context)
        .value(Column::Counts, counts)
        .value(Column::Failures, failures)
        .value(Column::NotBefore, None::<i64>)
        .value(Column::WaitingSince, None::<i64>)
        .value(Column::WaitingReason, None::<String>);
    release(statement);
}
