//! The one producer of what lists, details and environments say about a connection.

use kernel::Timestamp;
use serde::Serialize;

use crate::{
    CredentialState, IdentityResolution, NextStep, ProviderConnection, ReasonCode, ScopeRules, TargetScope,
    VerificationState,
};

/// Whether a connection can be worked with, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// Checked and fine.
    Ready,
    /// Works in part.
    Degraded,
    /// Cannot work.
    Blocked,
    /// Never checked, or checked without a result.
    Unknown,
}

/// What every surface says about a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SurfaceSummary {
    /// What it points at.
    pub target_scope: TargetScope,
    /// Whether it can be worked with.
    pub readiness: Readiness,
    /// Why not, if not.
    pub reason_code: Option<ReasonCode>,
    /// The one thing to do next, if there is one.
    pub next_step: Option<NextStep>,
    /// What is known of the credential.
    pub credential_state: CredentialState,
}

impl SurfaceSummary {
    /// Sums up `connection` at `now`, from stored facts alone.
    pub fn of(connection: &ProviderConnection, rules: &dyn ScopeRules, now: Timestamp) -> Self {
        let identity = IdentityResolution::resolve(connection, rules, now);
        let (readiness, reason_code) = match identity.blocked_reason {
            Some(reason) => (Readiness::Blocked, Some(reason)),
            None => observed(connection),
        };
        let next_step = match (readiness, reason_code) {
            (Readiness::Ready, _) => None,
            (_, Some(reason)) => Some(reason.next_step()),
            (_, None) => Some(crate::NextStepKind::RunCheck.step()),
        };
        let credential_state = connection
            .credential
            .as_ref()
            .map_or(CredentialState::Missing, |summary| summary.state(now));
        Self {
            target_scope: identity.target_scope,
            readiness,
            reason_code,
            next_step,
            credential_state,
        }
    }
}

fn observed(connection: &ProviderConnection) -> (Readiness, Option<ReasonCode>) {
    let readiness = match connection.verification.value {
        VerificationState::Healthy => Readiness::Ready,
        VerificationState::Degraded => Readiness::Degraded,
        VerificationState::Blocked => Readiness::Blocked,
        // A check that could not be completed knows no more than one that never ran.
        VerificationState::Unknown | VerificationState::Pending | VerificationState::Error => {
            Readiness::Unknown
        }
    };
    (readiness, connection.verification.reason)
}
