//! Rows of the ledger and the log, turned into the domain's types.

use kernel::{Id, StoreError};
use provider_core::{ReasonCode, StoredCallAttempt, ThrottleLedgerRow};

use crate::{
    entities::{call_attempt, throttle_ledger},
    time::{duration, from_micros, from_optional},
};

/// A count that was stored.
fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

/// The ledger's line of a row.
pub(super) fn ledger(row: throttle_ledger::Model) -> Result<ThrottleLedgerRow, StoreError> {
    const TABLE: &str = "throttle_ledger";
    Ok(ThrottleLedgerRow {
        limit: row.limit_name,
        attempts: count(row.attempts),
        throttled: count(row.throttled),
        failed: count(row.failed),
        lost: duration(row.time_lost),
        last_throttled_at: from_optional(row.last_throttled_at, TABLE, "last_throttled_at")?,
        paused_until: from_optional(row.paused_until, TABLE, "paused_until")?,
        updated_at: from_micros(row.updated_at, TABLE, "updated_at")?,
    })
}

/// The attempt of a row.
pub(super) fn attempt(row: call_attempt::Model) -> Result<StoredCallAttempt, StoreError> {
    Ok(StoredCallAttempt {
        id: row.id,
        run_id: Id::from_uuid(row.run_id),
        at: from_micros(row.occurred_at, "call_attempts", "occurred_at")?,
        call: row.call_name,
        limit: row.limit_name,
        attempt: u32::try_from(row.attempt).unwrap_or_default(),
        outcome: row.outcome,
        reason_code: row.reason_code.as_deref().map(ReasonCode::parse),
        status: row.http_status.and_then(|status| u16::try_from(status).ok()),
        code: row.provider_code,
        request_id: row.request_id,
        trace_id: row.trace_id,
        correlation_id: row.correlation_id,
        took: duration(row.took),
        lost: duration(row.time_lost),
    })
}
