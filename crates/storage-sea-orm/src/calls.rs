//! What calls came to: the ledger by connection and limit, and the log of attempts that were not
//! answered as they should be.

mod rows;
mod write;

use async_trait::async_trait;
use kernel::{Page, PageRequest, Position, StoreError, Timestamp};
use provider_core::{CallLookup, CallTotals, ConnectionId, Pause, StoredCallAttempt, ThrottleLedgerRow};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, Order, QueryFilter as _, QueryOrder as _, QueryResult, Statement,
};
use tenancy::WorkspaceScope;

use crate::{
    entities::{call_attempt, throttle_ledger},
    error::OrStoreError as _,
    scoped::{installation_wide, page, scoped},
    session::Repo,
    time::{duration, from_micros, to_micros},
};

#[async_trait]
impl<C: ConnectionTrait> CallLookup for Repo<'_, C> {
    async fn throttle_ledger(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
    ) -> Result<Vec<ThrottleLedgerRow>, StoreError> {
        use throttle_ledger::{Column, Entity};
        let rows = installation_wide::<Entity>()
            .filter(Column::WorkspaceId.eq(scope.workspace_id().as_uuid()))
            .filter(Column::ConnectionId.eq(connection.as_uuid()))
            .order_by_asc(Column::LimitName)
            .all(self.db)
            .await
            .or_store_error()?;
        rows.into_iter().map(rows::ledger).collect()
    }

    async fn call_attempts(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        request: PageRequest,
    ) -> Result<Page<StoredCallAttempt>, StoreError> {
        use call_attempt::{Column, Entity};
        let select = scoped::<Entity>(scope).filter(Column::ConnectionId.eq(connection.as_uuid()));
        let rows = page(select, request, Column::OccurredAt, Order::Desc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = rows
            .into_iter()
            .map(rows::attempt)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |item| Position {
            at: item.at,
            id: item.id,
        }))
    }

    async fn open_pauses(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
    ) -> Result<Vec<Pause>, StoreError> {
        let sql = "SELECT l.limit_name, max(l.paused_until) AS paused_until
            FROM provider_connections mine
            JOIN provider_connections c ON c.workspace_id = mine.workspace_id AND c.provider = mine.provider
                AND c.scope_kind = mine.scope_kind AND c.scope_identifier = mine.scope_identifier
            JOIN throttle_ledger l ON l.workspace_id = c.workspace_id AND l.connection_id = c.id
            WHERE mine.workspace_id = $1 AND mine.id = $2 AND l.paused_until > $3
            GROUP BY l.limit_name ORDER BY l.limit_name";
        let values = [
            scope.workspace_id().as_uuid().into(),
            connection.as_uuid().into(),
            to_micros(self.context.clock.now()).into(),
        ];
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        let rows = self.db.query_all_raw(statement).await.or_store_error()?;
        rows.iter()
            .map(|row| {
                let until = row.try_get("", "paused_until").or_store_error()?;
                Ok(Pause {
                    limit: row.try_get("", "limit_name").or_store_error()?,
                    until: from_micros(until, "throttle_ledger", "paused_until")?,
                })
            })
            .collect()
    }
}

/// What the calls of the whole installation came to at `now`, by limit.
pub(crate) async fn totals<C: ConnectionTrait>(
    db: &C,
    now: Timestamp,
) -> Result<Vec<CallTotals>, StoreError> {
    // PostgreSQL sums 64-bit numbers to numerics.
    let sql = "SELECT limit_name, CAST(sum(attempts) AS BIGINT) AS attempts,
            CAST(sum(throttled) AS BIGINT) AS throttled, CAST(sum(failed) AS BIGINT) AS failed,
            CAST(sum(time_lost) AS BIGINT) AS time_lost,
            CAST(sum(CASE WHEN paused_until > $1 THEN 1 ELSE 0 END) AS BIGINT) AS paused
        FROM throttle_ledger GROUP BY limit_name ORDER BY limit_name";
    let values = [to_micros(now).into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(statement).await.or_store_error()?;
    rows.iter().map(total).collect()
}

fn total(row: &QueryResult) -> Result<CallTotals, StoreError> {
    let number = |column| {
        let value = row.try_get::<i64>("", column).or_store_error()?;
        Ok(u64::try_from(value).unwrap_or_default())
    };
    Ok(CallTotals {
        limit: row.try_get("", "limit_name").or_store_error()?,
        attempts: number("attempts")?,
        throttled: number("throttled")?,
        failed: number("failed")?,
        lost: duration(row.try_get("", "time_lost").or_store_error()?),
        paused_connections: number("paused")?,
    })
}
