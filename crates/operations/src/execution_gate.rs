//! The second gate: before a claimed run does anything, everything that allowed it is looked at
//! again in the present rows. What was true when it was queued may not be true any more.

use kernel::Timestamp;
use provider_core::{IdentityResolution, ProviderConnection, ReasonCode, ScopeRules};
use tenancy::Role;

use crate::{OperationRun, gate, inputs};

/// The reason why `run` may not be executed now; nothing if it may. `connection` and
/// `initiator_role` are read at this moment; runs without a human initiator have no role to lose.
pub fn refuse(
    run: &OperationRun,
    connection: Option<&ProviderConnection>,
    initiator_role: Option<Role>,
    rules: &dyn ScopeRules,
    now: Timestamp,
) -> Option<ReasonCode> {
    let capability = run.operation_type.definition().capability;
    let entitled = match run.initiator.principal_id {
        Some(_) => initiator_role.is_some_and(|role| role.holds(capability)),
        None => true,
    };
    if !entitled {
        return Some(ReasonCode::InitiatorNotEntitled);
    }
    let Some(connection) = connection else {
        return Some(ReasonCode::ProviderConnectionMissing);
    };
    let same_target = run.target().is_some_and(|target| {
        target.connection_id == connection.id && target.scope_key == connection.target_scope.scope_key()
    });
    if !same_target || run.place.environment_id() != Some(connection.environment_id) {
        return Some(ReasonCode::ProviderTargetScopeMismatch);
    }
    let tried = inputs::with_stage(connection, inputs::credential_stage(&run.inputs));
    gate::blocked_by(
        run.operation_type,
        &IdentityResolution::resolve(&tried, rules, now),
    )
}
