//! Times as both databases keep them: microseconds since 1970-01-01 UTC.

use std::time::Duration;

use kernel::{StoreError, Timestamp};
use sea_orm::DbBackend;

/// The number to store.
pub(crate) const fn to_micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

/// The moment that was stored.
pub(crate) fn from_micros(
    micros: i64,
    table: &'static str,
    column: &'static str,
) -> Result<Timestamp, StoreError> {
    Timestamp::from_timestamp_micros(micros).ok_or(StoreError::Inconsistent { table, column })
}

/// The same for a time that may be missing.
pub(crate) fn from_optional(
    micros: Option<i64>,
    table: &'static str,
    column: &'static str,
) -> Result<Option<Timestamp>, StoreError> {
    micros
        .map(|micros| from_micros(micros, table, column))
        .transpose()
}

/// Whole microseconds of a span.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

/// The span that was stored.
pub(crate) fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

/// SQL for the database's own present moment, in microseconds. Leases live on this clock, so
/// that workers whose clocks differ agree. It moves within a transaction.
pub(crate) const fn now_sql(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "(extract(epoch from clock_timestamp()) * 1000000)::bigint",
        _ => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
    }
}
