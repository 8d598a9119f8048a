//! Whether an operation could be started on a connection, and the one thing to do if not: the
//! gate's own judgement, asked without starting anything.

use chrono::TimeDelta;
use kernel::Timestamp;
use provider_core::{
    NextStep, NextStepKind, ProviderConnection, Readiness, ReasonCode, RequirementRow, RequirementState,
    ScopeRules, SurfaceSummary,
};

use crate::{OperationType, gate};

/// The readiness of a connection for one type of operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationReadiness {
    /// The type.
    pub operation_type: OperationType,
    /// Whether it can be started, and what may be expected of it.
    pub readiness: Readiness,
    /// Why not, if not.
    pub reason_code: Option<ReasonCode>,
    /// The one thing to do next, if there is one.
    pub next_step: Option<NextStep>,
}

/// The readiness of `connection` for every type of operation through connections at `now`, from stored facts alone.
pub fn of_connection(
    connection: &ProviderConnection,
    requirements: &[RequirementRow],
    rules: &dyn ScopeRules,
    now: Timestamp,
    stale_after: TimeDelta,
) -> Vec<OperationReadiness> {
    let summary = SurfaceSummary::of(connection, rules, now, stale_after);
    OperationType::STARTABLE
        .into_iter()
        .map(|operation| {
            let blocked = gate::refusal(operation, connection, requirements, rules, now);
            let (readiness, reason_code) = match blocked {
                Some(reason) => (Readiness::Blocked, Some(reason)),
                // Looking is always possible once nothing forbids it.
                None if operation == OperationType::ConnectionCheck => (Readiness::Ready, None),
                None => lacking(operation, requirements, rules)
                    .unwrap_or((summary.readiness, summary.reason_code)),
            };
            let next_step = match (readiness, reason_code) {
                (Readiness::Ready, _) => None,
                // One reason, one next step, on every surface.
                (_, reason) if reason == summary.reason_code => summary.next_step,
                (_, Some(reason)) => Some(reason.next_step()),
                (_, None) => Some(NextStepKind::RunCheck.step()),
            };
            OperationReadiness {
                operation_type: operation,
                readiness,
                reason_code,
                next_step,
            }
        })
        .collect()
}

/// An operation that needs what is not granted works in part.
fn lacking(
    operation: OperationType,
    rows: &[RequirementRow],
    rules: &dyn ScopeRules,
) -> Option<(Readiness, Option<ReasonCode>)> {
    let needed = rules.requirements(operation.as_str());
    let missing = needed.iter().any(|key| {
        rows.iter()
            .any(|row| row.key == *key && row.state == RequirementState::Missing)
    });
    missing.then_some((Readiness::Degraded, Some(ReasonCode::ProviderPermissionMissing)))
}
