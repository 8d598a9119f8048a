//! What the calls of a connection came to, as callers see it. Names of calls, limits and codes are
//! the provider's own and stand under `provider_context` alone.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kernel::Timestamp;
use provider_core::{ConnectionId, ReasonCode, StoredCallAttempt, ThrottleLedgerRow};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::list_views;

/// What throttling did to a connection, since its first call.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionThrottling)]
pub(crate) struct ThrottlingView {
    /// The connection.
    connection_id: Uuid,
    /// Attempts at calls, all limits together.
    attempts: u64,
    /// Of these, the ones that the provider answered with a pause.
    throttled: u64,
    /// Of these, the ones that failed in any other way.
    failed: u64,
    /// What runs lost by waiting, in milliseconds.
    time_lost_ms: u64,
    /// When the provider last asked for a pause.
    last_throttled_at: Option<DateTime<Utc>>,
    /// When the last of the limits that are closed now opens again; nothing while all are open.
    paused_until: Option<DateTime<Utc>>,
    /// The same for each limit.
    limits: Vec<LimitView>,
}

/// What one limit did to a connection.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionLimit)]
struct LimitView {
    /// Attempts at calls that count against it.
    attempts: u64,
    /// Of these, the ones that the provider answered with a pause.
    throttled: u64,
    /// Of these, the ones that failed in any other way.
    failed: u64,
    /// What runs lost by waiting for it, in milliseconds.
    time_lost_ms: u64,
    /// When the provider last asked for a pause.
    last_throttled_at: Option<DateTime<Utc>>,
    /// When it opens again; nothing while it is open.
    paused_until: Option<DateTime<Utc>>,
    /// The provider's own detail: the name of the limit. Its keys are the provider's and not part of
    /// this contract.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    provider_context: Map<String, Value>,
}

/// An attempt at a call that was not answered as it should be.
#[derive(Serialize, ToSchema)]
#[schema(as = CallAttempt)]
pub(crate) struct CallAttemptView {
    /// Its id.
    id: Uuid,
    /// The run that made it.
    run_id: Uuid,
    /// When it was over.
    at: DateTime<Utc>,
    /// Which attempt at the same call it was, from 1.
    attempt: u32,
    /// `throttled` or `failed`.
    #[schema(example = "throttled")]
    outcome: String,
    /// Why.
    reason_code: Option<&'static str>,
    /// The HTTP status; nothing when no answer came.
    http_status: Option<u16>,
    /// From the request to the end of the answer, in milliseconds.
    took_ms: u64,
    /// What the run lost by it, in milliseconds.
    time_lost_ms: u64,
    /// The provider's own detail: the names of the call and the limit, its code, and the ids to ask
    /// its support with. Its keys are the provider's and not part of this contract.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    provider_context: Map<String, Value>,
}

list_views! {
    /// Attempts that went wrong, newest first.
    CallAttemptList of CallAttemptView;
}

impl ThrottlingView {
    /// The ledger of a connection as it stands at `now`.
    pub(crate) fn of(connection: ConnectionId, ledger: Vec<ThrottleLedgerRow>, now: Timestamp) -> Self {
        let limits: Vec<_> = ledger.into_iter().map(|row| LimitView::of(row, now)).collect();
        let sum = |count: fn(&LimitView) -> u64| limits.iter().map(count).sum();
        Self {
            connection_id: connection.as_uuid(),
            attempts: sum(|limit| limit.attempts),
            throttled: sum(|limit| limit.throttled),
            failed: sum(|limit| limit.failed),
            time_lost_ms: sum(|limit| limit.time_lost_ms),
            last_throttled_at: limits.iter().filter_map(|limit| limit.last_throttled_at).max(),
            paused_until: limits.iter().filter_map(|limit| limit.paused_until).max(),
            limits,
        }
    }
}

impl LimitView {
    fn of(row: ThrottleLedgerRow, now: Timestamp) -> Self {
        let ThrottleLedgerRow {
            limit,
            attempts,
            throttled,
            failed,
            lost,
            last_throttled_at,
            paused_until,
            updated_at: _,
        } = row;
        Self {
            attempts,
            throttled,
            failed,
            time_lost_ms: millis(lost),
            last_throttled_at,
            paused_until: paused_until.filter(|until| *until > now),
            provider_context: Map::from_iter([("limit".to_owned(), Value::String(limit))]),
        }
    }
}

impl From<StoredCallAttempt> for CallAttemptView {
    fn from(attempt: StoredCallAttempt) -> Self {
        let StoredCallAttempt {
            id,
            run_id,
            at,
            call,
            limit,
            attempt,
            outcome,
            reason_code,
            status,
            code,
            request_id,
            trace_id,
            correlation_id,
            took,
            lost,
        } = attempt;
        let id_text = |id: Option<Uuid>| id.map(|id| id.to_string());
        let detail = [
            ("call", Some(call)),
            ("limit", Some(limit)),
            ("code", code),
            ("request_id", id_text(request_id)),
            ("trace_id", id_text(trace_id)),
            ("correlation_id", id_text(correlation_id)),
        ];
        let detail = detail.map(|(key, value)| (key.to_owned(), value.map_or(Value::Null, Value::String)));
        Self {
            id,
            run_id: run_id.as_uuid(),
            at,
            attempt,
            outcome,
            reason_code: reason_code.map(ReasonCode::as_str),
            http_status: status,
            took_ms: millis(took),
            time_lost_ms: millis(lost),
            provider_context: detail.into_iter().collect(),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
