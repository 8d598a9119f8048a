//! Adds to the ledger and the log. The connection is kept first, as everywhere, and limits come in
//! the order of their names, so that two who write at the same time wait for each other and never
//! in a circle.

use async_trait::async_trait;
use kernel::StoreError;
use provider_core::{
    CallBatch, CallOutcome, CallRecord, CallRepository, ConnectionId, LimitCounts, ReasonCode, RunId,
};
use sea_orm::{ActiveValue::Set, ConnectionTrait as _, DbBackend, EntityTrait as _, Statement};
use tenancy::WorkspaceScope;

use crate::{
    bounded::Tx,
    entities::call_attempt::{ActiveModel, Entity},
    error::OrStoreError as _,
    session::Repo,
    time::{micros, to_micros},
};

/// Counts as both databases keep them.
fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX / 4)
}

#[async_trait]
impl CallRepository for Repo<'_, Tx> {
    async fn add_calls(
        &mut self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
        calls: &CallBatch,
    ) -> Result<(), StoreError> {
        // Whoever adds them may go on without them.
        let savepoint = self.db.savepoint().await.or_store_error()?;
        let within = Repo {
            db: &savepoint,
            context: self.context,
        };
        within.add_all(scope, connection, run, calls).await?;
        savepoint.commit().await.or_store_error()
    }
}

impl Repo<'_, Tx> {
    async fn add_all(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
        calls: &CallBatch,
    ) -> Result<(), StoreError> {
        let current = self.is_current(scope, connection, run).await?;
        for (limit, mut counts) in calls.counts() {
            counts.paused_until = counts.paused_until.filter(|_| current);
            self.add_counts(scope, connection, limit, counts).await?;
        }
        if calls.details().len() == 0 || !current {
            return Ok(());
        }
        let rows = calls
            .details()
            .map(|call| self.log_row(scope, connection, run, call));
        // As many rows as a batch keeps, with 17 values each: below what either engine takes.
        Entity::insert_many(rows)
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        self.prune_log(scope, connection).await
    }

    /// Whether the connection is there and still points where the run went; it stays so until the
    /// transaction ends. What was learned elsewhere holds nobody up here, and the log of a
    /// connection that was deleted is gone: a late worker brings neither back.
    async fn is_current(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
    ) -> Result<bool, StoreError> {
        let backend = self.db.get_database_backend();
        // What the rows below refer to takes the same lock, only later than those who delete do.
        let lock = match backend {
            DbBackend::Postgres => "FOR KEY SHARE OF c",
            _ => "",
        };
        let sql = format!(
            "SELECT 1 AS found FROM provider_connections c
            JOIN operation_runs r ON r.workspace_id = c.workspace_id AND r.id = $3
            WHERE c.workspace_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
                AND r.scope_key = c.provider || '/' || c.scope_kind || '/' || c.scope_identifier {lock}"
        );
        let values = [
            scope.workspace_id().as_uuid().into(),
            connection.as_uuid().into(),
            run.as_uuid().into(),
        ];
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let row = self.db.query_one_raw(statement).await.or_store_error()?;
        Ok(row.is_some())
    }

    async fn add_counts(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        limit: &str,
        counts: LimitCounts,
    ) -> Result<(), StoreError> {
        // `max` of two is called differently by the engines, and treats NULL differently.
        let later = |column: &str| {
            format!(
                "{column} = CASE WHEN throttle_ledger.{column} IS NULL OR excluded.{column} > throttle_ledger.{column}
                    THEN excluded.{column} ELSE throttle_ledger.{column} END"
            )
        };
        let sql = format!(
            "INSERT INTO throttle_ledger (workspace_id, connection_id, limit_name, attempts, throttled, failed,
                time_lost, last_throttled_at, paused_until, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (workspace_id, connection_id, limit_name) DO UPDATE SET
                attempts = throttle_ledger.attempts + excluded.attempts,
                throttled = throttle_ledger.throttled + excluded.throttled,
                failed = throttle_ledger.failed + excluded.failed,
                time_lost = throttle_ledger.time_lost + excluded.time_lost,
                {}, {}, {}",
            later("last_throttled_at"),
            later("paused_until"),
            later("updated_at"),
        );
        let values = [
            scope.workspace_id().as_uuid().into(),
            connection.as_uuid().into(),
            limit.into(),
            number(counts.attempts).into(),
            number(counts.throttled).into(),
            number(counts.failed).into(),
            micros(counts.lost).into(),
            counts.last_throttled_at.map(to_micros).into(),
            counts.paused_until.map(to_micros).into(),
            to_micros(counts.updated_at).into(),
        ];
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        self.db.execute_raw(statement).await.or_store_error()?;
        Ok(())
    }

    fn log_row(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
        call: &CallRecord,
    ) -> ActiveModel {
        let reason = match call.outcome {
            CallOutcome::Failed(reason) => Some(reason),
            CallOutcome::Throttled => Some(ReasonCode::ProviderThrottled),
            CallOutcome::Answered => None,
        };
        ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(self.context.ids.next_uuid()),
            connection_id: Set(connection.as_uuid()),
            run_id: Set(run.as_uuid()),
            occurred_at: Set(to_micros(call.at)),
            call_name: Set(call.call.to_owned()),
            limit_name: Set(call.limit.to_owned()),
            attempt: Set(i32::try_from(call.attempt).unwrap_or(i32::MAX)),
            outcome: Set(call.outcome.as_str().to_owned()),
            reason_code: Set(reason.map(|reason| reason.as_str().to_owned())),
            http_status: Set(call.status.map(i32::from)),
            provider_code: Set(call.code.map(|code| code.to_string())),
            request_id: Set(call.request_id),
            trace_id: Set(call.trace_id),
            correlation_id: Set(call.correlation_id),
            took: Set(micros(call.took)),
            time_lost: Set(micros(call.lost)),
        }
    }

    /// Keeps the newest of the log.
    async fn prune_log(&self, scope: &WorkspaceScope, connection: ConnectionId) -> Result<(), StoreError> {
        let sql = "DELETE FROM call_attempts WHERE workspace_id = $1 AND connection_id = $2 AND id NOT IN (
                SELECT id FROM call_attempts WHERE workspace_id = $1 AND connection_id = $2
                ORDER BY occurred_at DESC, id DESC LIMIT $3
            )";
        let values = [
            scope.workspace_id().as_uuid().into(),
            connection.as_uuid().into(),
            number(CallBatch::DETAILS as u64).into(),
        ];
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        self.db.execute_raw(statement).await.or_store_error()?;
        Ok(())
    }
}
