//! Writes of runs on behalf of callers. [`RunRepository::insert`] is the start gate's one
//! statement: the partial unique index decides, nobody looks first.

use std::time::Duration;

use async_trait::async_trait;
use kernel::StoreError;
use operations::{Completion, InsertedRun, OperationRun, RunRepository};
use provider_core::RunId;
use sea_orm::{
    Condition, ConnectionTrait as _, EntityTrait as _,
    sea_query::{Expr, ExprTrait as _, Func, OnConflict, Query},
};
use tenancy::{Change, WorkspaceScope};

use super::{end::end_run, groups, rows};
use crate::{
    bounded::Tx,
    entities::run::{Column, Entity},
    error::OrStoreError as _,
    journal,
    session::Repo,
    time::{micros, now_sql},
};

#[async_trait]
impl RunRepository for Repo<'_, Tx> {
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

    async fn insert_group(
        &mut self,
        scope: &WorkspaceScope,
        group: &OperationRun,
        change: &Change,
    ) -> Result<(), StoreError> {
        self.insert_blocked(scope, group, change).await
    }

    async fn hold_children(
        &mut self,
        scope: &WorkspaceScope,
        group: RunId,
    ) -> Result<Vec<OperationRun>, StoreError> {
        groups::hold_children(self.db, scope, group).await
    }

    async fn end_queued(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let queued = Condition::all().add(Expr::col(Column::Status).eq("queued"));
        self.end_where(scope, id, queued, completion, change).await
    }

    async fn end_active(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let active = Condition::all().add(Expr::col(Column::Status).is_in(["queued", "running"]));
        self.end_where(scope, id, active, completion, change).await
    }

    async fn request_cancel(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let now = now_sql(self.db.get_database_backend());
        let ask = Query::update()
            .table(Entity)
            .value(Column::CancelRequestedAt, Expr::cust(now))
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

    async fn force_cancel(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        cool_off: Duration,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let asked_long_ago = Expr::col(Column::CancelRequestedAt).lte(self.before(cool_off));
        let forced = Condition::all()
            .add(Expr::col(Column::Status).eq("running"))
            // A group ends with its runs.
            .add(Expr::col(Column::Kind).eq("job"))
            .add(asked_long_ago);
        self.end_where(scope, id, forced, completion, change).await
    }

    async fn release(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        waited: Duration,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let long_ago = |column: Column| {
            let at = Func::coalesce([Expr::col(column), Expr::col(Column::CreatedAt)]);
            Expr::expr(at).lt(self.before(waited))
        };
        // A wait that was asked for is not yet one for a worker.
        let forgotten = Condition::all()
            .add(Expr::col(Column::Status).eq("queued"))
            .add(long_ago(Column::QueuedAt))
            .add(long_ago(Column::WaitingSince))
            .add(long_ago(Column::NotBefore));
        let abandoned = Condition::all()
            .add(Expr::col(Column::Status).eq("running"))
            .add(Expr::col(Column::LeaseUntil).lt(self.before(Duration::ZERO)));
        let stuck = Condition::any().add(forgotten).add(abandoned);
        self.end_where(scope, id, stuck, completion, change).await
    }
}

impl Repo<'_, Tx> {
    /// The moment that lies so far back, on the database's clock.
    fn before(&self, span: Duration) -> Expr {
        Expr::cust(now_sql(self.db.get_database_backend())).sub(micros(span))
    }

    /// Ends a run that is as `condition` says, and takes the lease off it.
    async fn end_where(
        &self,
        scope: &WorkspaceScope,
        id: RunId,
        condition: Condition,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let statement = Query::update()
            .table(Entity)
            .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(Column::Id).eq(id.as_uuid()))
            .cond_where(condition)
            .to_owned();
        let told = (scope.workspace_id(), change);
        end_run((self.db, self.context), statement, completion, told).await
    }
}
