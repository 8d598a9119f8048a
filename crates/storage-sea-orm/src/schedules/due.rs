//! Which schedules have their turn, on the database's clock, whatever the clocks of the processes say.

use async_trait::async_trait;
use kernel::{Id, StoreError, Timestamp};
use operations::{DueSchedule, DueSchedules, OperationType, PauseCause, ScheduleId, ScheduleState};
use provider_core::ReasonCode;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, QueryFilter, QueryOrder as _, QuerySelect as _, QueryTrait as _,
    Statement,
    sea_query::{Expr, ExprTrait as _, Query},
};
use tenancy::{AuditAction, Change, ChangeTarget, SystemTask, WorkspaceScope};
use uuid::Uuid;

use super::rows;
use crate::{
    database::Database,
    entities::schedule::{Column, Entity, Model},
    error::OrStoreError as _,
    journal,
    scoped::installation_wide,
    time::{from_micros, now_sql, to_micros},
};

#[async_trait]
impl DueSchedules for Database {
    async fn due(
        &self,
        limit: u32,
        after: Option<(Timestamp, ScheduleId)>,
    ) -> Result<Vec<DueSchedule>, StoreError> {
        let mut after = after.map(|(due, id)| (to_micros(due), id.as_uuid()));
        loop {
            let (rows, now) = self.rows_due(limit, after).await?;
            let last = rows.last().and_then(|row| Some((row.next_due_at?, row.id)));
            let mut due = Vec::with_capacity(rows.len());
            for row in rows {
                let (workspace, id) = (row.workspace_id, row.id);
                match rows::schedule(row.clone()) {
                    Ok(schedule) => due.extend(schedule.slot().map(|slot| DueSchedule {
                        scope: system_scope(workspace),
                        slot,
                        schedule,
                        now,
                    })),
                    Err(error) => {
                        tracing::error!(schedule_id = %id, %error, "a schedule cannot be read and is paused");
                        self.pause_unreadable(&row).await?;
                    }
                }
            }
            // Behind those that nobody can read there may be others.
            if !due.is_empty() || last.is_none() {
                return Ok(due);
            }
            after = last;
        }
    }
}

impl Database {
    /// Rows whose turn has come, from the one behind `after` on, and the database's present moment.
    async fn rows_due(
        &self,
        limit: u32,
        after: Option<(i64, Uuid)>,
    ) -> Result<(Vec<Model>, Timestamp), StoreError> {
        let db = self.readers();
        let backend = db.get_database_backend();
        // What a later version made is left to that version's processes.
        let known = OperationType::STARTABLE.map(OperationType::as_str);
        let behind = after.map(|(due, id)| {
            let same = Expr::col(Column::NextDueAt).eq(due);
            let same = same.and(Expr::col(Column::Id).gt(id));
            let from = Expr::col(Column::NextDueAt).gte(due);
            from.and(Expr::col(Column::NextDueAt).gt(due).or(same))
        });
        let rows = installation_wide::<Entity>()
            .filter(Column::State.eq("active"))
            .filter(Column::OperationType.is_in(known))
            .filter(Expr::col(Column::NextDueAt).lte(Expr::cust(now_sql(backend))))
            .apply_if(behind, QueryFilter::filter)
            .order_by_asc(Column::NextDueAt)
            .order_by_asc(Column::Id)
            .limit(u64::from(limit))
            .all(db)
            .await
            .or_store_error()?;
        let now = Statement::from_string(backend, format!("SELECT {} AS now", now_sql(backend)));
        let now = db.query_one_raw(now).await.or_store_error()?;
        let now = now
            .ok_or(StoreError::Conflict)?
            .try_get("", "now")
            .or_store_error()?;
        Ok((rows, from_micros(now, "schedules", "next_due_at")?))
    }

    async fn pause_unreadable(&self, row: &Model) -> Result<(), StoreError> {
        let cause = PauseCause::System(ReasonCode::InternalError);
        let (state, reason, tick, due) = rows::state_columns(ScheduleState::Paused(cause));
        let statement = Query::update()
            .table(Entity)
            .value(Column::State, state)
            .value(Column::PausedReason, reason)
            .value(Column::NextTickAt, tick)
            .value(Column::NextDueAt, due)
            .and_where(Expr::col(Column::WorkspaceId).eq(row.workspace_id))
            .and_where(Expr::col(Column::Id).eq(row.id))
            .and_where(Expr::col(Column::Version).eq(row.version))
            .to_owned();
        let db = self.transaction().await?;
        if db.execute(&statement).await.or_store_error()?.rows_affected() == 0 {
            return Ok(());
        }
        let scope = system_scope(row.workspace_id);
        let target = ChangeTarget {
            kind: "schedule",
            id: row.id.to_string(),
            label: row.display_name.clone(),
        };
        let context = self.context();
        let (now, ids) = (context.clock.now(), context.ids.as_ref());
        let change = Change::new(&scope, AuditAction::SchedulePaused, target, now, ids)
            .with("reason_code", ReasonCode::InternalError.as_str())
            .failed();
        journal::record(&db, scope.workspace_id(), &change).await?;
        db.commit().await.or_store_error()
    }
}

#[expect(clippy::disallowed_methods, reason = "where a schedule's turn is found")]
fn system_scope(workspace: Uuid) -> WorkspaceScope {
    WorkspaceScope::for_system(Id::from_uuid(workspace), SystemTask::Scheduler)
}
