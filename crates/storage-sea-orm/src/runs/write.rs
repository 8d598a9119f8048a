//! Writes of runs on behalf of callers. [`RunRepository::insert`] is the start gate's one
//! statement: the partial unique index decides, nobody looks first.

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use operations::{Completion, InsertedRun, OperationRun, RunRepository};
use provider_core::RunId;
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, EntityTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tenancy::{Change, WorkspaceScope};

use super::{attempts::end, points, rows};
use crate::{
    entities::run::{Column, Entity},
    error::OrStoreError as _,
    journal,
    session::Repo,
    time::{now_sql, to_micros},
};

#[async_trait]
impl RunRepository for Repo<'_, DatabaseTransaction> {
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        run: &OperationRun,
        change: &Change,
    ) -> Result<InsertedRun, StoreError> {
        let taken = OnConflict::columns([Column::WorkspaceId, Column::ScopeKey])
            // Literals, not parameters: the engine must see that this is the index's predicate.
            .target_and_where(Expr::cust("status IN ('queued', 'running')"))
            .do_nothing()
            .to_owned();
        let now = now_sql(self.db.get_database_backend());
        let insert = rows::queued_now(&rows::new_row(scope, run), now)
            .on_conflict(taken)
            .to_owned();
        if self.db.execute(&insert).await.or_store_error()?.rows_affected() == 0 {
            return Ok(InsertedRun::ScopeTaken);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(InsertedRun::Inserted)
    }

    async fn insert_blocked(
        &mut self,
        scope: &WorkspaceScope,
        run: &OperationRun,
        change: &Change,
    ) -> Result<(), StoreError> {
        Entity::insert(rows::new_row(scope, run))
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        journal::record(self.db, scope.workspace_id(), change).await
    }

    async fn end_queued(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.end_in(scope, id, &["queued"], completion, change).await
    }

    async fn end_active(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let active = ["queued", "running"];
        self.end_in(scope, id, &active, completion, change).await
    }

    async fn request_cancel(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        at: Timestamp,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let ask = Query::update()
            .table(Entity)
            .value(Column::CancelRequestedAt, to_micros(at))
            .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(Column::Id).eq(id.as_uuid()))
            .and_where(Expr::col(Column::Status).eq("running"))
            .and_where(Expr::col(Column::CancelRequestedAt).is_null())
            .to_owned();
        if self.db.execute(&ask).await.or_store_error()?.rows_affected() == 0 {
            return Ok(false);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(true)
    }
}

impl Repo<'_, DatabaseTransaction> {
    /// Ends a run that is in one of `statuses`, and takes the lease off it.
    async fn end_in(
        &self,
        scope: &WorkspaceScope,
        id: RunId,
        statuses: &[&str],
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let mut statement = Query::update()
            .table(Entity)
            .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(Column::Id).eq(id.as_uuid()))
            .and_where(Expr::col(Column::Status).is_in(statuses.iter().copied()))
            .to_owned();
        end(
            &mut statement,
            completion,
            now_sql(self.db.get_database_backend()),
        );
        let result = self.db.execute(&statement).await.or_store_error()?;
        if result.rows_affected() == 0 {
            return Ok(false);
        }
        points::forget(self.db, scope.workspace_id(), id).await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(true)
    }
}
