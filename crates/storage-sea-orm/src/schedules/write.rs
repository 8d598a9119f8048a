//! Reads of schedules and the changes that people make.

use async_trait::async_trait;
use kernel::{Page, PageRequest, Position, StoreError, Timestamp};
use operations::{Firing, Schedule, ScheduleId, ScheduleLookup, ScheduleRepository, Slot};
use provider_core::Written;
use sea_orm::{
    ConnectionTrait, EntityTrait as _, Order, StatementBuilder,
    sea_query::{Expr, ExprTrait as _, Query},
};
use tenancy::{Change, WorkspaceScope};

use super::{rows, turns};
use crate::{
    bounded::Tx,
    entities::schedule::{Column, Entity},
    error::OrStoreError as _,
    journal,
    scoped::{page, scoped, scoped_by_id},
    session::Repo,
    time::to_micros,
};

#[async_trait]
impl<C: ConnectionTrait> ScheduleLookup for Repo<'_, C> {
    async fn find(&self, scope: &WorkspaceScope, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let row = scoped_by_id::<Entity>(scope, id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(rows::schedule).transpose()
    }

    async fn list(&self, scope: &WorkspaceScope, request: PageRequest) -> Result<Page<Schedule>, StoreError> {
        let rows = page(scoped::<Entity>(scope), request, Column::CreatedAt, Order::Asc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = rows
            .into_iter()
            .map(rows::schedule)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |schedule| Position {
            at: schedule.created_at,
            id: schedule.id.as_uuid(),
        }))
    }
}

impl Repo<'_, Tx> {
    /// Runs a statement that meets the schedule as it was read, and writes the journal if it did.
    async fn written(
        &self,
        statement: &impl StatementBuilder,
        scope: &WorkspaceScope,
        change: &Change,
    ) -> Result<Written, StoreError> {
        if self.db.execute(statement).await.or_store_error()?.rows_affected() == 0 {
            return Ok(Written::VersionMismatch);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }
}

#[async_trait]
impl ScheduleRepository for Repo<'_, Tx> {
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        schedule: &Schedule,
        change: &Change,
    ) -> Result<(), StoreError> {
        Entity::insert(rows::new_row(scope, schedule))
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        journal::record(self.db, scope.workspace_id(), change).await
    }

    async fn replace(
        &mut self,
        scope: &WorkspaceScope,
        before: &Schedule,
        after: &Schedule,
        change: &Change,
    ) -> Result<Written, StoreError> {
        let (state, reason, tick, due) = rows::state_columns(after.state);
        let mut statement = Query::update();
        statement
            .table(Entity)
            .value(Column::DisplayName, after.display_name.as_str())
            .value(Column::Cron, after.rhythm.cron())
            .value(Column::TimeZone, after.rhythm.zone())
            .value(Column::JitterSeconds, i64::from(after.jitter.seconds()))
            .value(Column::State, state)
            .value(Column::PausedReason, reason)
            .value(Column::NextTickAt, tick)
            .value(Column::NextDueAt, due)
            .value(
                Column::ResponsiblePrincipalId,
                after.responsible.principal_id.as_uuid(),
            )
            .value(Column::ResponsibleLabel, after.responsible.label.as_str())
            .value(Column::ConsecutiveSkips, i64::from(after.consecutive_skips))
            .value(Column::UpdatedAt, to_micros(after.updated_at))
            .value(Column::Version, Expr::col(Column::Version).add(1_i64));
        for condition in as_read(scope, before) {
            statement.and_where(condition);
        }
        self.written(&statement, scope, change).await
    }

    async fn delete(
        &mut self,
        scope: &WorkspaceScope,
        schedule: &Schedule,
        change: &Change,
    ) -> Result<Written, StoreError> {
        let mut statement = Query::delete();
        statement.from_table(Entity);
        for condition in as_read(scope, schedule) {
            statement.and_where(condition);
        }
        self.written(&statement, scope, change).await
    }

    async fn take_turn(
        &mut self,
        scope: &WorkspaceScope,
        schedule: &Schedule,
        tick: Timestamp,
        next: Slot,
    ) -> Result<bool, StoreError> {
        turns::take(self.db, scope, schedule, tick, next).await
    }

    async fn settle_turn(
        &mut self,
        scope: &WorkspaceScope,
        schedule: &Schedule,
        firing: &Firing,
        change: &Change,
    ) -> Result<(), StoreError> {
        turns::settle(self.db, scope, schedule.id, firing).await?;
        journal::record(self.db, scope.workspace_id(), change).await
    }
}

/// That a schedule is neither changed by somebody nor at another turn.
fn as_read(scope: &WorkspaceScope, schedule: &Schedule) -> [Expr; 4] {
    let turn = match schedule.slot() {
        Some(slot) => Expr::col(Column::NextTickAt).eq(to_micros(slot.tick)),
        None => Expr::col(Column::NextTickAt).is_null(),
    };
    [
        Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()),
        Expr::col(Column::Id).eq(schedule.id.as_uuid()),
        Expr::col(Column::Version).eq(schedule.version),
        turn,
    ]
}
