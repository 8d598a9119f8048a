//! The catalogues as callers see them: operation types, problems, reason codes.

use operations::{CountKey, OperationDefinition};
use provider_core::ReasonCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{list_views, scope::NextStepView};
use crate::problem::Code;

/// A type of operation.
#[derive(Serialize, ToSchema)]
#[schema(as = OperationType)]
pub(crate) struct OperationTypeView {
    /// The dotted code.
    #[schema(example = "inventory.sync")]
    operation_type: &'static str,
    /// For people.
    label: &'static str,
    /// Which part of the product it belongs to.
    module: &'static str,
    /// Whether a start may ask for it. What may not comes from a call of its own, or from the system.
    startable: bool,
    /// What it takes to start it.
    #[schema(example = "operations.start")]
    capability: &'static str,
    /// How long it usually takes.
    expected_duration_seconds: u32,
    /// After how much work a run is ended. The time for which the provider made it
    /// wait does not count.
    run_timeout_seconds: u32,
    /// The keys of its counts.
    #[schema(value_type = Vec<String>)]
    count_keys: &'static [CountKey],
}

/// A problem that answers can carry.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemType)]
pub(crate) struct ProblemTypeView {
    /// The stable code.
    code: &'static str,
    /// The problem type (RFC 9457).
    #[serde(rename = "type")]
    type_uri: String,
    /// The HTTP status.
    status: u16,
    /// Whether the same request may work later without any change.
    retryable: bool,
    /// What it is, in a few words.
    title: &'static str,
    /// What it means for the caller.
    detail: &'static str,
}

/// A reason why something cannot be done or went wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = ReasonCode)]
pub(crate) struct ReasonCodeView {
    /// The stable code.
    code: &'static str,
    /// The words for an operator.
    message: &'static str,
    /// Whether starting the same operation again may work without any change.
    retryable: bool,
    /// What to do about it.
    next_step: NextStepView,
}

list_views! {
    /// Every operation type.
    OperationTypeList of OperationTypeView;
    /// Every problem.
    ProblemTypeList of ProblemTypeView;
    /// Every reason code.
    ReasonCodeList of ReasonCodeView;
}

impl From<OperationDefinition> for OperationTypeView {
    fn from(definition: OperationDefinition) -> Self {
        let OperationDefinition {
            code,
            label,
            module,
            startable,
            capability,
            expected_duration_seconds,
            run_timeout_seconds,
            count_keys,
        } = definition;
        Self {
            operation_type: code,
            label,
            module,
            startable,
            capability: capability.as_str(),
            expected_duration_seconds,
            run_timeout_seconds,
            count_keys,
        }
    }
}

impl From<Code> for ProblemTypeView {
    fn from(code: Code) -> Self {
        Self {
            code: code.as_str(),
            type_uri: code.type_uri(),
            status: code.status().as_u16(),
            retryable: code.retryable(),
            title: code.title(),
            detail: code.detail(),
        }
    }
}

impl From<ReasonCode> for ReasonCodeView {
    fn from(code: ReasonCode) -> Self {
        Self {
            code: code.as_str(),
            message: code.message(),
            retryable: code.retryable(),
            next_step: code.next_step().into(),
        }
    }
}
