//! A target in a body: from what a caller sends to a scope, and what is said when it is none.
//! Creating, retargeting and the preview share it.

use provider_core::{ProviderContext, ProviderKey, ScopeKind, ScopeProblem, TargetScope};
use serde_json::{Map, Value};
use tenancy::DisplayName;

use crate::{
    ApiState,
    problem::{Code, Problem},
};

/// The longest identifier, in bytes.
const MAX_IDENTIFIER: usize = 255;

/// What describes a target.
pub(super) struct TargetInput<'a> {
    /// The provider's key.
    pub(super) provider: &'a str,
    /// What kind of target; the only one there is if it is left out.
    pub(super) scope_kind: Option<&'a str>,
    /// Its identifier, in any form.
    pub(super) scope_identifier: &'a str,
    /// How people call it.
    pub(super) scope_display_name: DisplayName,
    /// The provider's own detail.
    pub(super) provider_context: Option<Map<String, Value>>,
}

/// The scope and the realm that `input` describes.
pub(super) fn normalize(state: &ApiState, input: TargetInput<'_>) -> Result<(TargetScope, String), Problem> {
    let provider = ProviderKey::new(input.provider).map_err(refusal)?;
    let kind = match input.scope_kind {
        None => ScopeKind::Tenant,
        Some(text) => ScopeKind::parse(text).ok_or_else(|| {
            let problem = ScopeProblem::UnsupportedCombination;
            Problem::at(Code::TargetScopeInvalid, "/scope_kind", problem.code())
        })?,
    };
    if input.scope_identifier.len() > MAX_IDENTIFIER {
        return Err(refusal(ScopeProblem::InvalidIdentifier));
    }
    let target_scope = TargetScope::normalize(
        &*state.rules,
        &provider,
        kind,
        input.scope_identifier,
        input.scope_display_name,
    )
    .map_err(refusal)?;
    let context = input.provider_context.unwrap_or_default();
    let place = context_place(&context);
    let realm = state
        .rules
        .realm(&ProviderContext(context))
        .map_err(|problem| match (problem, place) {
            (ScopeProblem::InvalidProviderContext, Some(place)) => {
                Problem::at(Code::TargetScopeInvalid, &place, problem.code())
            }
            (problem, _) => refusal(problem),
        })?;
    Ok((target_scope, realm))
}

/// Where to look in a provider context that is not understood: at its one member, if there is one
/// and its name is a plain word.
fn context_place(context: &Map<String, Value>) -> Option<String> {
    let mut keys = context.keys();
    let plain =
        |key: &&String| key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let only = keys.next().filter(plain)?;
    keys.next().is_none().then(|| format!("/provider_context/{only}"))
}

fn refusal(problem: ScopeProblem) -> Problem {
    let pointer = match problem {
        ScopeProblem::UnsupportedCombination => "/provider",
        ScopeProblem::InvalidIdentifier => "/scope_identifier",
        ScopeProblem::MissingProviderContext | ScopeProblem::InvalidProviderContext => "/provider_context",
    };
    Problem::at(Code::TargetScopeInvalid, pointer, problem.code())
}
