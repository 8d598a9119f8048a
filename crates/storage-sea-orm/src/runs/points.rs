//! Resume points: where another attempt at a run can go on. One for each run at most, written behind
//! the fence, and gone with the end of the run.

use kernel::StoreError;
use operations::RunLease;
use provider_core::{ResumePoint, RunId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tenancy::{WorkspaceId, WorkspaceScope};

use crate::{
    entities::resume_point::{ActiveModel, Column, Entity},
    error::OrStoreError as _,
    scoped::installation_wide,
    time::{from_micros, to_micros},
};

/// Writes down the point of an attempt that was confirmed in this transaction.
pub(crate) async fn keep(
    db: &DatabaseTransaction,
    lease: &RunLease,
    point: &ResumePoint,
) -> Result<(), StoreError> {
    // PostgreSQL has no NUL in a text.
    if point.text.len() > ResumePoint::LONGEST || point.text.contains('\0') {
        let length = point.text.len();
        tracing::error!(run_id = %lease.run_id, length, "a resume point does not fit and is not kept");
        return Ok(());
    }
    let row = ActiveModel {
        workspace_id: Set(lease.workspace_id.as_uuid()),
        run_id: Set(lease.run_id.as_uuid()),
        attempt: Set(lease.attempt),
        written_at: Set(to_micros(point.written_at)),
        point: Set(point.text.clone()),
    };
    let replace = OnConflict::columns([Column::WorkspaceId, Column::RunId])
        .update_columns([Column::Attempt, Column::WrittenAt, Column::Point])
        .to_owned();
    let upsert = Entity::insert(row).on_conflict(replace).into_query();
    db.execute(&upsert).await.or_store_error()?;
    Ok(())
}

/// The point of a run.
pub(crate) async fn find<C: ConnectionTrait>(
    db: &C,
    scope: &WorkspaceScope,
    run: RunId,
) -> Result<Option<ResumePoint>, StoreError> {
    let row = installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(scope.workspace_id().as_uuid()))
        .filter(Column::RunId.eq(run.as_uuid()))
        .one(db)
        .await
        .or_store_error()?;
    row.map(|row| {
        Ok(ResumePoint {
            text: row.point,
            written_at: from_micros(row.written_at, "run_resume_points", "written_at")?,
        })
    })
    .transpose()
}

/// Deletes the point of a run that ends in this transaction.
pub(crate) async fn forget(
    db: &DatabaseTransaction,
    workspace: WorkspaceId,
    run: RunId,
) -> Result<(), StoreError> {
    let delete = Query::delete()
        .from_table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(workspace.as_uuid()))
        .and_where(Expr::col(Column::RunId).eq(run.as_uuid()))
        .to_owned();
    db.execute(&delete).await.or_store_error()?;
    Ok(())
}
