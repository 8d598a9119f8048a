//! Resume points: where another attempt at a run can go on. One for each run at most, written behind
//! the fence, and gone with the end of the run. A link to a page may hold the names of things, so
//! a point is sealed with the workspace's key; [`crate::vault`] alone opens it.

use kernel::StoreError;
use operations::RunLease;
use provider_core::{ResumePoint, RunId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tenancy::{WorkspaceId, WorkspaceScope};

use crate::{
    bounded::Tx,
    cipher::{binding::PointBinding, envelope, workspace_keys},
    database::Context,
    entities::resume_point::{ActiveModel, Column, Entity, Model},
    error::OrStoreError as _,
    scoped::installation_wide,
    time::to_micros,
};

/// Writes down the point of an attempt that was confirmed in this transaction.
pub(crate) async fn keep(
    db: &Tx,
    context: &Context,
    lease: &RunLease,
    point: &ResumePoint,
) -> Result<(), StoreError> {
    if point.text.len() > ResumePoint::LONGEST {
        let length = point.text.len();
        tracing::error!(run_id = %lease.run_id, length, "a resume point does not fit and is not kept");
        return Ok(());
    }
    let (ring, clock) = (&context.ring, context.clock.as_ref());
    let (name, key) = match workspace_keys::newest(db, ring, clock, lease.workspace_id).await? {
        Ok(found) => found,
        Err(error) => {
            // The run goes on without it: another attempt would begin anew.
            tracing::error!(run_id = %lease.run_id, %error, "a resume point cannot be sealed and is not kept");
            return Ok(());
        }
    };
    let binding = PointBinding {
        workspace_id: lease.workspace_id,
        run_id: lease.run_id,
    };
    let row = ActiveModel {
        workspace_id: Set(lease.workspace_id.as_uuid()),
        run_id: Set(lease.run_id.as_uuid()),
        attempt: Set(lease.attempt),
        written_at: Set(to_micros(point.written_at)),
        sealed: Set(envelope::seal(&key, &name, &binding, point.text.as_bytes())),
    };
    let replace = OnConflict::columns([Column::WorkspaceId, Column::RunId])
        .update_columns([Column::Attempt, Column::WrittenAt, Column::Sealed])
        .to_owned();
    let upsert = Entity::insert(row).on_conflict(replace).into_query();
    db.execute(&upsert).await.or_store_error()?;
    Ok(())
}

/// The sealed point of a run.
pub(crate) async fn find<C: ConnectionTrait>(
    db: &C,
    scope: &WorkspaceScope,
    run: RunId,
) -> Result<Option<Model>, StoreError> {
    installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(scope.workspace_id().as_uuid()))
        .filter(Column::RunId.eq(run.as_uuid()))
        .one(db)
        .await
        .or_store_error()
}

/// Deletes the point of a run that ends in this transaction.
pub(crate) async fn forget(db: &Tx, workspace: WorkspaceId, run: RunId) -> Result<(), StoreError> {
    let delete = Query::delete()
        .from_table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(workspace.as_uuid()))
        .and_where(Expr::col(Column::RunId).eq(run.as_uuid()))
        .to_owned();
    db.execute(&delete).await.or_store_error()?;
    Ok(())
}
