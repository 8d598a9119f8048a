//! What others decided about a run: the execution gate that refused it, the sweep that ended it.

use chrono::{DateTime, Utc};
use operations::{Reconciliation, SweepCause, execution_gate::RefusedAt};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a run was refused when a worker looked at it again, before any call to the provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExecutionGate)]
pub(crate) struct ExecutionGateView {
    /// `scope_denied`, `capability_denied`, `initiator_invalid`, `connection_not_operable` or
    /// `prerequisite_invalid`.
    #[schema(example = "capability_denied")]
    denial_class: &'static str,
    /// A code of `GET /api/v1/reason-codes`.
    #[schema(example = "initiator_not_entitled")]
    reason_code: &'static str,
    /// Whether the same operation may be allowed once somebody has mended what it lacks.
    retryable: bool,
    /// When it was looked at.
    checked_at: DateTime<Utc>,
}

impl From<RefusedAt> for ExecutionGateView {
    fn from(refused: RefusedAt) -> Self {
        let RefusedAt {
            denial_class,
            reason_code,
            retryable,
            checked_at,
        } = refused;
        Self {
            denial_class: denial_class.as_str(),
            reason_code: reason_code.as_str(),
            retryable,
            checked_at,
        }
    }
}

/// How a run whose worker was gone, or that took too long, came to its end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reconciliation)]
pub(crate) struct ReconciliationView {
    /// Why it was ended.
    reason_code: &'static str,
    /// What was found: `lease_lost`, `queue_timeout`, `run_timeout` or `unreadable`. Not known of runs
    /// that an older version ended, like `at`.
    #[schema(example = "lease_lost")]
    cause: Option<&'static str>,
    /// When.
    at: Option<DateTime<Utc>>,
    /// How many attempts there had been.
    attempts: i32,
    /// How many of them lost their worker.
    lost_leases: i32,
}

impl From<Reconciliation> for ReconciliationView {
    fn from(reconciliation: Reconciliation) -> Self {
        let Reconciliation {
            reason_code,
            cause,
            at,
            // A name inside the installation.
            lease_owner: _,
            attempts,
            lost_leases,
        } = reconciliation;
        Self {
            reason_code: reason_code.as_str(),
            cause: cause.map(SweepCause::as_str),
            at,
            attempts,
            lost_leases,
        }
    }
}
