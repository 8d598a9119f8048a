//! Target scope, next steps and reasons: the neutral words that connections, runs and problems
//! share.

use provider_core::{NextStep, NextStepKind, TargetScope};
use serde::Serialize;
use utoipa::ToSchema;

/// What a connection points at, in six neutral fields that fit every provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TargetScope)]
pub(crate) struct TargetScopeView {
    /// The provider's key.
    provider: String,
    /// What kind of thing it is.
    #[schema(example = "tenant")]
    scope_kind: &'static str,
    /// Its canonical identifier at the provider.
    scope_identifier: String,
    /// For people.
    scope_display_name: String,
    /// How surfaces call this thing.
    shared_label: &'static str,
    /// What surfaces say about it.
    shared_help_text: &'static str,
}

impl From<&TargetScope> for TargetScopeView {
    fn from(scope: &TargetScope) -> Self {
        Self {
            provider: scope.provider().as_str().to_owned(),
            scope_kind: scope.scope_kind().as_str(),
            scope_identifier: scope.scope_identifier().as_str().to_owned(),
            scope_display_name: scope.scope_display_name().as_str().to_owned(),
            shared_label: TargetScope::LABEL,
            shared_help_text: TargetScope::HELP,
        }
    }
}

/// What to do next.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NextStep)]
pub(crate) struct NextStepView {
    /// The machine's word for it; new ones may be added.
    #[schema(value_type = String, example = "replace_credential")]
    kind: NextStepKind,
    /// The words for people.
    label: &'static str,
}

impl From<NextStep> for NextStepView {
    fn from(step: NextStep) -> Self {
        let NextStep { kind, label } = step;
        Self { kind, label }
    }
}

/// Steps for a list. "Nothing to do" is an empty list, not a step.
pub(crate) fn step_views(steps: impl IntoIterator<Item = NextStep>) -> Vec<NextStepView> {
    steps
        .into_iter()
        .filter(|step| step.kind != NextStepKind::None)
        .map(NextStepView::from)
        .collect()
}
