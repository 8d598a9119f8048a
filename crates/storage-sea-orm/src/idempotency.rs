//! Reservations and kept answers. Each decision is one statement with its condition inside, on the
//! database's clock: processes whose clocks differ agree on who is at a request.

use async_trait::async_trait;
use kernel::StoreError;
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use tenancy::{IdempotencyRepository, KeptAnswer, Reservation, ReservationTimes, Reserved, WorkspaceScope};

use crate::{
    bounded::Tx,
    error::OrStoreError as _,
    session::Repo,
    time::{micros, now_sql},
};

const TABLE: &str = "idempotency_records";

#[async_trait]
impl IdempotencyRepository for Repo<'_, Tx> {
    async fn reserve(
        &mut self,
        scope: &WorkspaceScope,
        reservation: &Reservation,
        times: ReservationTimes,
    ) -> Result<Reserved, StoreError> {
        let now = now_sql(self.db.get_database_backend());
        let sql = format!(
            "INSERT INTO {TABLE} (workspace_id, principal_id, request_key, fingerprint, fence, locked_until, expires_at)
            VALUES ($1, $2, $3, $4, $5, {now} + $6, {now} + $7)
            ON CONFLICT (workspace_id, principal_id, request_key) DO UPDATE
            SET fingerprint = excluded.fingerprint, fence = excluded.fence, locked_until = excluded.locked_until,
                expires_at = excluded.expires_at, status = NULL, headers = NULL, body = NULL
            WHERE {TABLE}.expires_at <= {now} OR ({TABLE}.status IS NULL AND {TABLE}.locked_until <= {now})"
        );
        let mut values = name(scope, reservation).to_vec();
        values.extend([
            reservation.fingerprint.as_str().into(),
            reservation.fence.as_uuid().into(),
            micros(times.lock).into(),
            micros(times.keep).into(),
        ]);
        if self.run_once(&sql, values).await? == 1 {
            return Ok(Reserved::Mine);
        }
        let sql = format!(
            "SELECT fingerprint, status, headers, body FROM {TABLE}
            WHERE workspace_id = $1 AND principal_id = $2 AND request_key = $3"
        );
        let backend = self.db.get_database_backend();
        let found = Statement::from_sql_and_values(backend, sql, name(scope, reservation));
        match self.db.query_one_raw(found).await.or_store_error()? {
            Some(row) => found_as(&row, &reservation.fingerprint),
            // It was given back between the two statements.
            None => Ok(Reserved::InFlight),
        }
    }

    async fn keep(
        &mut self,
        scope: &WorkspaceScope,
        reservation: &Reservation,
        answer: &KeptAnswer,
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE {TABLE} SET status = $5, headers = $6, body = $7
            WHERE workspace_id = $1 AND principal_id = $2 AND request_key = $3 AND fence = $4 AND status IS NULL"
        );
        let headers = serde_json::to_value(&answer.headers).expect("texts serialize");
        let mut values = name(scope, reservation).to_vec();
        values.extend([
            reservation.fence.as_uuid().into(),
            i32::from(answer.status).into(),
            headers.into(),
            answer.body.clone().into(),
        ]);
        Ok(self.run_once(&sql, values).await? == 1)
    }

    async fn release(&mut self, scope: &WorkspaceScope, reservation: &Reservation) -> Result<(), StoreError> {
        let sql = format!(
            "DELETE FROM {TABLE}
            WHERE workspace_id = $1 AND principal_id = $2 AND request_key = $3 AND fence = $4 AND status IS NULL"
        );
        let mut values = name(scope, reservation).to_vec();
        values.push(reservation.fence.as_uuid().into());
        self.run_once(&sql, values).await?;
        Ok(())
    }
}

impl Repo<'_, Tx> {
    /// Runs a statement and tells how many rows it touched.
    async fn run_once(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        let done = self.db.execute_raw(statement).await.or_store_error()?;
        Ok(done.rows_affected())
    }
}

/// The key of a row.
fn name(scope: &WorkspaceScope, reservation: &Reservation) -> [Value; 3] {
    [
        scope.workspace_id().as_uuid().into(),
        reservation.principal_id.as_uuid().into(),
        reservation.request_key.as_str().into(),
    ]
}

/// What a row that was there means for whoever comes with `fingerprint`.
fn found_as(row: &QueryResult, fingerprint: &str) -> Result<Reserved, StoreError> {
    let stored: String = row.try_get("", "fingerprint").or_store_error()?;
    if stored != fingerprint {
        return Ok(Reserved::AnotherBody);
    }
    let status: Option<i32> = row.try_get("", "status").or_store_error()?;
    let Some(status) = status else {
        return Ok(Reserved::InFlight);
    };
    let broken = |column| StoreError::Inconsistent { table: TABLE, column };
    let headers: serde_json::Value = row.try_get("", "headers").or_store_error()?;
    Ok(Reserved::Answered(KeptAnswer {
        status: u16::try_from(status).map_err(|_| broken("status"))?,
        headers: serde_json::from_value(headers).map_err(|_| broken("headers"))?,
        body: row.try_get("", "body").or_store_error()?,
    }))
}
