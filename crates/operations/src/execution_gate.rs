//! The second gate: before a claimed run does anything, everything that allowed it is looked at
//! again in the present rows. What was true when it was queued may not be true any more, and what was
//! true for one attempt need not be for the next: every attempt comes through here.
//!
//! Who answers for a run depends on what caused it. A caller's start and a caller's bulk start are his
//! alone: he must still be entitled, and a run that names nobody is refused. A schedule or a consent page
//! acts for whom it names; one that names nobody, and the system's own work, answer for themselves.

use kernel::Timestamp;
use provider_core::{IdentityResolution, ProviderConnection, ReasonCode, RequirementRow, ScopeRules};
use serde::{Deserialize, Serialize};
use tenancy::{Role, WorkspaceId};

use crate::{OperationRun, RunTrigger, gate, inputs};

/// What kind of thing forbids a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialClass {
    /// It would work outside the place that it was made for.
    ScopeDenied,
    /// Whoever started it is here, and may not do this any more.
    CapabilityDenied,
    /// There is nobody here any more who answers for it.
    InitiatorInvalid,
    /// Its connection is gone, switched off or contradicts itself.
    ConnectionNotOperable,
    /// Something that it needs is missing: consent, a credential, a permission.
    PrerequisiteInvalid,
}

impl DenialClass {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::ScopeDenied,
        Self::CapabilityDenied,
        Self::InitiatorInvalid,
        Self::ConnectionNotOperable,
        Self::PrerequisiteInvalid,
    ];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ScopeDenied => "scope_denied",
            Self::CapabilityDenied => "capability_denied",
            Self::InitiatorInvalid => "initiator_invalid",
            Self::ConnectionNotOperable => "connection_not_operable",
            Self::PrerequisiteInvalid => "prerequisite_invalid",
        }
    }

    /// Whether the same operation may be allowed once somebody has mended what it lacks. What a person
    /// may not do is not mended by starting it again.
    pub const fn retryable(self) -> bool {
        match self {
            Self::ScopeDenied | Self::CapabilityDenied | Self::InitiatorInvalid => false,
            Self::ConnectionNotOperable | Self::PrerequisiteInvalid => true,
        }
    }
}

/// Why a run may not be executed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason_code: ReasonCode,
    /// Its kind.
    pub denial_class: DenialClass,
}

impl Refusal {
    const fn new(denial_class: DenialClass, reason_code: ReasonCode) -> Self {
        Self {
            reason_code,
            denial_class,
        }
    }

    /// As the run's context keeps it.
    pub const fn noted(self, checked_at: Timestamp) -> RefusedAt {
        RefusedAt {
            denial_class: self.denial_class,
            reason_code: self.reason_code,
            retryable: self.denial_class.retryable(),
            checked_at,
        }
    }
}

/// A refusal in the context of the run that it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedAt {
    /// Its kind.
    pub denial_class: DenialClass,
    /// The reason.
    pub reason_code: ReasonCode,
    /// Whether the same operation may be allowed once somebody has mended what it lacks.
    pub retryable: bool,
    /// When the gate looked.
    pub checked_at: Timestamp,
}

/// What the gate decides by, read at this moment.
pub struct Present<'a> {
    /// The workspace for which the worker acts.
    pub workspace: WorkspaceId,
    /// Whether the run's environment is there.
    pub environment: bool,
    /// The initiator's role; nothing if he is no member, or if the run names nobody.
    pub initiator_role: Option<Role>,
    /// The run's connection, if it is there.
    pub connection: Option<&'a ProviderConnection>,
    /// What is known of the connection's requirements.
    pub requirements: &'a [RequirementRow],
}

/// Whether `run` may be executed at `now`: the connection that it goes through, or why not.
pub fn decide<'a>(
    run: &OperationRun,
    present: &Present<'a>,
    rules: &dyn ScopeRules,
    now: Timestamp,
) -> Result<&'a ProviderConnection, Refusal> {
    let scope_denied = Refusal::new(DenialClass::ScopeDenied, ReasonCode::ProviderTargetScopeMismatch);
    if run.workspace_id != present.workspace {
        return Err(scope_denied);
    }
    answerable(run, present.initiator_role)?;
    if !present.environment {
        return Err(Refusal::new(
            DenialClass::ScopeDenied,
            ReasonCode::EnvironmentMissing,
        ));
    }
    let Some(connection) = present.connection else {
        return Err(Refusal::new(
            DenialClass::ConnectionNotOperable,
            ReasonCode::ProviderConnectionMissing,
        ));
    };
    let same_target = run.target().is_some_and(|target| {
        target.connection_id == connection.id && target.scope_key == connection.target_scope.scope_key()
    });
    let same_place = connection.workspace_id == run.workspace_id
        && run.place.environment_id() == Some(connection.environment_id);
    if !same_target || !same_place {
        return Err(scope_denied);
    }
    let tried = inputs::with_stage(connection, inputs::credential_stage(&run.inputs));
    let identity = IdentityResolution::resolve(&tried, rules, now);
    let blocked = gate::blocked_by(run.operation_type, &identity)
        .or_else(|| gate::missing_requirement(run.operation_type, present.requirements, rules));
    match blocked {
        Some(reason) => Err(Refusal::new(class_of(reason), reason)),
        None => Ok(connection),
    }
}

/// Whether somebody answers for the run who may do what it does.
fn answerable(run: &OperationRun, role: Option<Role>) -> Result<(), Refusal> {
    let named = run.initiator.principal_id.is_some();
    let needed = match run.trigger {
        RunTrigger::Api { .. } | RunTrigger::Bulk { .. } => true,
        RunTrigger::Schedule(_) | RunTrigger::Consent => named,
        RunTrigger::System => false,
    };
    let capability = run.operation_type.definition().capability;
    match role {
        _ if !needed => Ok(()),
        Some(role) if named && role.holds(capability) => Ok(()),
        Some(_) if named => Err(Refusal::new(
            DenialClass::CapabilityDenied,
            ReasonCode::InitiatorNotEntitled,
        )),
        Some(_) | None => Err(Refusal::new(
            DenialClass::InitiatorInvalid,
            ReasonCode::InitiatorMissing,
        )),
    }
}

/// The kind of a reason that stored facts about a connection give.
fn class_of(reason: ReasonCode) -> DenialClass {
    let broken = [
        ReasonCode::ProviderConnectionMissing,
        ReasonCode::ProviderConnectionInvalid,
        ReasonCode::ProviderConnectionDisabled,
        ReasonCode::ProviderConnectionDeleted,
        ReasonCode::OperationNotSupported,
    ];
    let moved = [
        ReasonCode::ProviderTargetScopeMismatch,
        ReasonCode::ProviderRealmMismatch,
    ];
    if broken.contains(&reason) {
        DenialClass::ConnectionNotOperable
    } else if moved.contains(&reason) {
        DenialClass::ScopeDenied
    } else {
        DenialClass::PrerequisiteInvalid
    }
}

#[cfg(test)]
#[path = "execution_gate/tests.rs"]
mod tests;
