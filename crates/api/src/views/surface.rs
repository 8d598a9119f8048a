//! The surface summary as callers see it: the one producer's words, and the same for each type of
//! operation.

use kernel::Timestamp;
use operations::OperationReadiness;
use provider_core::{ProviderConnection, Readiness, ReasonCode, SurfaceSummary};
use serde::Serialize;
use utoipa::ToSchema;

use super::scope::{NextStepView, TargetScopeView};
use crate::ApiState;

/// What every surface says about a connection.
#[derive(Serialize, ToSchema)]
#[schema(as = SurfaceSummary)]
pub(crate) struct SurfaceSummaryView {
    /// What it points at.
    target_scope: TargetScopeView,
    /// `ready`, `degraded`, `blocked` or `unknown`.
    #[schema(value_type = String, example = "blocked")]
    readiness: Readiness,
    /// Why not, if not.
    reason_code: Option<&'static str>,
    /// The same for people.
    message: Option<&'static str>,
    /// The one thing to do next, if there is one.
    next_step: Option<NextStepView>,
    /// What is known of the credential that runs sign in with: `missing`, `valid`, `expiring`,
    /// `expired` or `undecryptable`.
    credential_state: &'static str,
    /// `unknown`, `required`, `granted`, `failed` or `revoked`.
    consent_state: &'static str,
    /// `unknown`, `pending`, `healthy`, `degraded`, `blocked` or `error`.
    verification_state: &'static str,
    /// Each type of operation, in the order of the catalogue.
    operations: Vec<OperationReadinessView>,
}

/// Whether one type of operation can be started on the connection.
#[derive(Serialize, ToSchema)]
#[schema(as = OperationReadiness)]
struct OperationReadinessView {
    /// The type.
    #[schema(example = "inventory.sync")]
    operation_type: &'static str,
    /// The same for people.
    label: &'static str,
    /// `ready`, `degraded`, `blocked` or `unknown`.
    #[schema(value_type = String)]
    readiness: Readiness,
    /// Why not, if not.
    reason_code: Option<&'static str>,
    /// The one thing to do next, if there is one.
    next_step: Option<NextStepView>,
}

impl SurfaceSummaryView {
    /// The summary of `connection` at `now`.
    pub(crate) fn of(
        state: &ApiState,
        connection: &ProviderConnection,
        operations: Vec<OperationReadiness>,
        now: Timestamp,
    ) -> Self {
        let SurfaceSummary {
            target_scope,
            readiness,
            reason_code,
            next_step,
            credential_state,
        } = SurfaceSummary::of(connection, &*state.rules, now, state.settings.stale_after);
        Self {
            target_scope: TargetScopeView::from(&target_scope),
            readiness,
            reason_code: reason_code.map(ReasonCode::as_str),
            message: reason_code.map(ReasonCode::message),
            next_step: next_step.map(NextStepView::from),
            credential_state: credential_state.as_str(),
            consent_state: connection.consent.value.as_str(),
            verification_state: connection.verification.value.as_str(),
            operations: operations.into_iter().map(OperationReadinessView::from).collect(),
        }
    }
}

impl From<OperationReadiness> for OperationReadinessView {
    fn from(operation: OperationReadiness) -> Self {
        let OperationReadiness {
            operation_type,
            readiness,
            reason_code,
            next_step,
        } = operation;
        let definition = operation_type.definition();
        Self {
            operation_type: definition.code,
            label: definition.label,
            readiness,
            reason_code: reason_code.map(ReasonCode::as_str),
            next_step: next_step.map(NextStepView::from),
        }
    }
}
