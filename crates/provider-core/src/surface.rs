//! The one producer of what lists, details and environments say about a connection.

use chrono::TimeDelta;
use kernel::Timestamp;
use serde::Serialize;

use crate::{
    ConnectionType, CredentialState, IdentityResolution, NextStep, NextStepKind, ProviderConnection,
    ReasonCode, ScopeRules, TargetScope, VerificationState, consent::PROPAGATION, credential::state_until,
};

/// Whether a connection can be worked with, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// Checked and fine.
    Ready,
    /// Works in part.
    Degraded,
    /// Cannot work.
    Blocked,
    /// Never checked, checked without a result, or checked too long ago.
    Unknown,
}

impl Readiness {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Degraded, Self::Blocked, Self::Unknown];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
        }
    }

    /// The value that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == text)
    }
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
    /// What is known of the credential that it signs in with: its own, or the platform's.
    pub credential_state: CredentialState,
}

impl SurfaceSummary {
    /// Sums up `connection` at `now`, from stored facts alone. What was verified longer than
    /// `stale_after` ago counts as unknown.
    pub fn of(
        connection: &ProviderConnection,
        rules: &dyn ScopeRules,
        now: Timestamp,
        stale_after: TimeDelta,
    ) -> Self {
        let identity = IdentityResolution::resolve(connection, rules, now);
        let (readiness, reason_code) = match identity.blocked_reason {
            Some(reason) => (Readiness::Blocked, Some(reason)),
            None => observed(connection, now, stale_after),
        };
        let next_step = match (readiness, reason_code) {
            (Readiness::Ready, _) => None,
            // There is a hint of a consent page already: what is left is to look, which a pending
            // check does by itself.
            (_, Some(ReasonCode::ProviderConsentMissing)) if identity.check_may_look && waits(connection) => {
                Some(look(connection, now).step())
            }
            (_, Some(reason)) => Some(reason.next_step()),
            (_, None) => Some(NextStepKind::RunCheck.step()),
        };
        Self {
            target_scope: identity.target_scope,
            readiness,
            reason_code,
            next_step,
            credential_state: credential_state(connection, rules, now),
        }
    }
}

/// Waiting is enough while a check will look by itself: until its next look, and while the time
/// after an agreement in which it looks again is not over.
fn look(connection: &ProviderConnection, now: Timestamp) -> NextStepKind {
    let due = connection.verification_next_at.is_some_and(|next| now <= next);
    let young = connection
        .consent_hint
        .as_ref()
        .is_some_and(|hint| now - hint.at < PROPAGATION);
    if connection.verification.value == VerificationState::Pending && (due || young) {
        NextStepKind::RetryLater
    } else {
        NextStepKind::RunCheck
    }
}

/// Whether a consent page was left and no run looked since.
fn waits(connection: &ProviderConnection) -> bool {
    connection.consent_hint.as_ref().is_some_and(|hint| {
        connection
            .consent
            .checked_at
            .is_none_or(|checked| checked < hint.at)
    })
}

fn credential_state(
    connection: &ProviderConnection,
    rules: &dyn ScopeRules,
    now: Timestamp,
) -> CredentialState {
    match connection.connection_type {
        ConnectionType::Platform => rules
            .platform_client(&connection.realm)
            .map_or(CredentialState::Missing, |client| {
                state_until(client.expires_at, now)
            }),
        ConnectionType::Dedicated => connection
            .credential
            .as_ref()
            .map_or(CredentialState::Missing, |summary| summary.state(now)),
    }
}

fn observed(
    connection: &ProviderConnection,
    now: Timestamp,
    stale_after: TimeDelta,
) -> (Readiness, Option<ReasonCode>) {
    let verification = &connection.verification;
    let readiness = match verification.value {
        VerificationState::Healthy => Readiness::Ready,
        VerificationState::Degraded => Readiness::Degraded,
        VerificationState::Blocked => Readiness::Blocked,
        // A check that could not be completed knows no more than one that never ran.
        VerificationState::Unknown | VerificationState::Pending | VerificationState::Error => {
            Readiness::Unknown
        }
    };
    let works = matches!(readiness, Readiness::Ready | Readiness::Degraded);
    if works && verification.is_stale(now, stale_after) {
        return (Readiness::Unknown, Some(ReasonCode::ProviderVerificationStale));
    }
    (readiness, verification.reason)
}
