//! The start gate: at most one active run on a target, decided by the database.
//!
//! [`prepare`] is pure: it turns a request and stored facts into a run that waits or a run that
//! is blocked. [`start`] tries to insert it. There is no look before the insert; the insert's
//! refusal is followed by one look at who holds the scope, and that row decides between
//! "already running" and "busy". A holder that ended in between is normal: the insert is tried
//! again, a bounded number of times.

use kernel::{Id, IdSource, StoreError, Timestamp};
use provider_core::{
    IdentityResolution, ProviderConnection, ReasonCode, RequirementRow, RequirementState, ScopeRules,
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tenancy::{Change, EnvironmentId, WorkspaceScope};

use crate::run::NewRun;
use crate::{
    Initiator, InsertedRun, OperationRun, OperationType, RunContext, RunPlace, RunRepository, RunTarget,
    RunTrigger, inputs,
};

/// How often the insert is tried when the holder vanishes between insert and look.
pub const MAX_ROUNDS: u32 = 8;

/// What a caller wants to start.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// What.
    pub operation_type: OperationType,
    /// Where.
    pub environment_id: EnvironmentId,
    /// With which parameters.
    pub inputs: Map<String, Value>,
    /// What caused it.
    pub trigger: RunTrigger,
}

/// The connection that a start uses, resolved from the caller's choice or the default.
#[derive(Debug, Clone)]
pub enum ConnectionChoice {
    /// This one, with what is known of its requirements.
    Use(Box<ProviderConnection>, Vec<RequirementRow>),
    /// None, for a reason that is recorded.
    Unusable(ReasonCode),
}

impl ConnectionChoice {
    /// What the default connections of an environment mean: none is missing, two are corrupt.
    pub fn from_defaults(mut defaults: Vec<ProviderConnection>) -> Result<ProviderConnection, ReasonCode> {
        match (defaults.pop(), defaults.is_empty()) {
            (None, _) => Err(ReasonCode::ProviderConnectionMissing),
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(ReasonCode::ProviderConnectionInvalid),
        }
    }
}

/// What became of a start.
#[derive(Debug, Clone, PartialEq)]
pub enum StartOutcome {
    /// A new run waits for a worker.
    Accepted(OperationRun),
    /// The same operation is active already: this is its run.
    Deduplicated(OperationRun),
    /// Another operation holds the target.
    ScopeBusy {
        /// The run that holds it.
        holder: OperationRun,
    },
    /// Stored facts forbid it; the refusal is recorded.
    Blocked(OperationRun),
}

/// Why a start has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The holder kept changing between insert and look. The same start may work at once.
    #[error("the scope kept changing hands")]
    Unsettled,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the run that a start will try to insert: waiting, or blocked by stored facts.
pub fn prepare(
    scope: &WorkspaceScope,
    request: StartRequest,
    choice: &ConnectionChoice,
    rules: &dyn ScopeRules,
    ids: &dyn IdSource,
    now: Timestamp,
) -> OperationRun {
    let connection = match choice {
        ConnectionChoice::Use(connection, _) => Some(connection.as_ref()),
        ConnectionChoice::Unusable(_) => None,
    };
    let identity = connection.map(|connection| IdentityResolution::resolve(connection, rules, now));
    let context = identity.map_or_else(RunContext::default, |identity| {
        RunContext::of(&identity.target_scope, identity.provider_context)
    });
    let blocked = match choice {
        ConnectionChoice::Unusable(reason) => Some(*reason),
        ConnectionChoice::Use(connection, requirements) => {
            let tried = inputs::with_stage(connection, inputs::credential_stage(&request.inputs));
            refusal(request.operation_type, &tried, requirements, rules, now)
        }
    };
    let new = NewRun {
        workspace_id: scope.workspace_id(),
        place: RunPlace::Environment {
            environment_id: request.environment_id,
            target: connection.map(|connection| RunTarget {
                connection_id: connection.id,
                scope_key: connection.target_scope.scope_key(),
            }),
        },
        trigger: request.trigger,
        id: Id::next(ids),
        operation_type: request.operation_type,
        identity_hash: identity_hash(request.operation_type, connection, &request.inputs),
        inputs: request.inputs,
        initiator: Initiator::from(scope.actor()),
        context,
        created_at: now,
    };
    match blocked {
        Some(reason) => OperationRun::blocked(new, reason),
        None => OperationRun::queued(new),
    }
}

/// Puts a prepared run through the gate. `change` makes the journal entry for the run.
pub async fn start(
    runs: &mut dyn RunRepository,
    scope: &WorkspaceScope,
    run: OperationRun,
    change: &Change,
) -> Result<StartOutcome, GateError> {
    let scope_key = match run.place.scope_key() {
        Some(scope_key) if run.status().is_active() => scope_key.to_owned(),
        Some(_) | None => {
            runs.insert_blocked(scope, &run, change).await?;
            return Ok(StartOutcome::Blocked(run));
        }
    };
    for _ in 0..MAX_ROUNDS {
        match runs.insert(scope, &run, change).await? {
            InsertedRun::Inserted => return Ok(StartOutcome::Accepted(run)),
            InsertedRun::ScopeTaken => {}
        }
        if let Some(holder) = runs.active_on(scope, &scope_key).await? {
            return Ok(classify(&run.identity_hash, holder));
        }
    }
    Err(GateError::Unsettled)
}

/// What the holder of the scope means for somebody who wanted to start `identity_hash`.
pub fn classify(identity_hash: &str, holder: OperationRun) -> StartOutcome {
    if holder.identity_hash == identity_hash {
        StartOutcome::Deduplicated(holder)
    } else {
        StartOutcome::ScopeBusy { holder }
    }
}

/// The reason why stored facts forbid `operation_type` on `connection`; nothing if they do not.
pub fn refusal(
    operation_type: OperationType,
    connection: &ProviderConnection,
    requirements: &[RequirementRow],
    rules: &dyn ScopeRules,
    now: Timestamp,
) -> Option<ReasonCode> {
    let identity = IdentityResolution::resolve(connection, rules, now);
    blocked_by(operation_type, &identity).or_else(|| missing_requirement(operation_type, requirements, rules))
}

/// The stored fact that forbids `operation_type`. A connection check is how missing consent is
/// found to have been granted, and a credential to be readable again, so neither keeps it from
/// looking.
pub(crate) fn blocked_by(operation_type: OperationType, identity: &IdentityResolution) -> Option<ReasonCode> {
    let looks = operation_type == OperationType::ConnectionCheck && identity.check_may_look;
    identity.blocked_reason.filter(|_| !looks)
}

/// A requirement that is known to be missing. Unknown is not missing: the run will find out.
pub(crate) fn missing_requirement(
    operation_type: OperationType,
    rows: &[RequirementRow],
    rules: &dyn ScopeRules,
) -> Option<ReasonCode> {
    let needed = rules.requirements(operation_type.as_str());
    // Whoever checks the connection wants to learn what is missing.
    let checks = operation_type == OperationType::ConnectionCheck;
    let all_missing = !needed.is_empty()
        && needed.iter().all(|key| {
            rows.iter()
                .any(|row| row.key == *key && row.state == RequirementState::Missing)
        });
    (!checks && all_missing).then_some(ReasonCode::ProviderPermissionMissing)
}

/// sha256 over the operation type, the connection and the inputs in canonical form. `serde_json`
/// keeps the keys of a map sorted, so equal inputs have one spelling.
pub(crate) fn identity_hash(
    operation_type: OperationType,
    connection: Option<&ProviderConnection>,
    inputs: &Map<String, Value>,
) -> String {
    let connection = connection.map_or_else(String::new, |connection| connection.id.to_string());
    let mut hasher = Sha256::new();
    for part in [
        operation_type.as_str(),
        &connection,
        &Value::Object(inputs.clone()).to_string(),
    ] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    kernel::hex(&hasher.finalize())
}

#[cfg(test)]
#[path = "gate/tests.rs"]
pub(crate) mod tests;
