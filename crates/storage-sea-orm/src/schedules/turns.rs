//! Taking a turn, and writing down what became of it. Both in one transaction: a turn whose run was not
//! stored was not taken.

use kernel::{StoreError, Timestamp};
use operations::{Firing, PauseCause, Schedule, ScheduleId, ScheduleState, Slot};
use sea_orm::{
    ConnectionTrait as _,
    sea_query::{Expr, ExprTrait as _, Query},
};
use tenancy::WorkspaceScope;

use super::rows::state_columns;
use crate::{
    bounded::Tx,
    entities::schedule::{Column, Entity},
    error::OrStoreError as _,
    time::{now_sql, to_micros},
};

/// Moves the schedule on from `tick` to `next`. Of all that try at the same time, one meets the row.
pub(super) async fn take(
    db: &Tx,
    scope: &WorkspaceScope,
    schedule: &Schedule,
    tick: Timestamp,
    next: Slot,
) -> Result<bool, StoreError> {
    let statement = Query::update()
        .table(Entity)
        .value(Column::NextTickAt, to_micros(next.tick))
        .value(Column::NextDueAt, to_micros(next.due))
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::Id).eq(schedule.id.as_uuid()))
        .and_where(Expr::col(Column::Version).eq(schedule.version))
        .and_where(Expr::col(Column::State).eq("active"))
        .and_where(Expr::col(Column::NextTickAt).eq(to_micros(tick)))
        .to_owned();
    Ok(db.execute(&statement).await.or_store_error()?.rows_affected() == 1)
}

/// Writes down what became of the turn that this transaction took.
pub(super) async fn settle(
    db: &Tx,
    scope: &WorkspaceScope,
    id: ScheduleId,
    firing: &Firing,
) -> Result<(), StoreError> {
    let mut statement = Query::update();
    statement
        .table(Entity)
        .value(Column::LastResult, firing.result.as_str())
        .value(Column::LastTurnAt, Expr::cust(now_sql(db.get_database_backend())))
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::Id).eq(id.as_uuid()));
    if let Some(run) = firing.run_id {
        statement.value(Column::LastRunId, run.as_uuid());
    }
    if firing.result.is_skip() {
        let skips = Expr::col(Column::ConsecutiveSkips).add(1_i64);
        statement.value(Column::ConsecutiveSkips, skips);
    } else {
        statement.value(Column::ConsecutiveSkips, 0_i64);
    }
    if let Some(reason) = firing.pause {
        let (state, reason, tick, due) = state_columns(ScheduleState::Paused(PauseCause::System(reason)));
        statement
            .value(Column::State, state)
            .value(Column::PausedReason, reason)
            .value(Column::NextTickAt, tick)
            .value(Column::NextDueAt, due);
    }
    if db.execute(&statement).await.or_store_error()?.rows_affected() == 0 {
        return Err(StoreError::Conflict);
    }
    Ok(())
}
