//! Why something cannot be done or went wrong: one closed catalogue of stable codes, each with
//! the words for an operator and the one next step. Append only; a code is never renamed.
//!
//! No text of a provider can enter here: whatever a provider says becomes one of these codes.

use serde::{Deserialize, Serialize};

/// Where the next step leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextStepKind {
    /// Nothing to do.
    None,
    /// Store or replace the credential.
    ReplaceCredential,
    /// Correct or choose the connection.
    ReviewConnection,
    /// Create a connection, or make one the default.
    ChooseConnection,
    /// Start a connection check with the next credential.
    TryCredential,
    /// Promote the next credential.
    PromoteCredential,
    /// Send the consent link to an administrator of the target.
    SendConsentLink,
    /// Enable the connection.
    EnableConnection,
    /// Ask an administrator of the target to agree.
    GrantConsent,
    /// Ask an administrator of the target for the missing permissions.
    ReviewPermissions,
    /// Start the connection check again.
    RunCheck,
    /// Wait, then start the operation again.
    RetryLater,
    /// Ask whoever runs this installation.
    ContactOperator,
    /// Look at the runs of the group.
    ReviewGroup,
    /// Resume the schedule.
    ResumeSchedule,
}

/// A next step as callers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// The machine's word for it.
    pub kind: NextStepKind,
    /// The words for people.
    pub label: &'static str,
}

impl NextStepKind {
    /// The step with its words.
    pub const fn step(self) -> NextStep {
        let label = match self {
            Self::None => "Nothing to do",
            Self::ReplaceCredential => {
                "Store a new credential for the connection, then run the connection check"
            }
            Self::ReviewConnection => "Review the connection and its target",
            Self::ChooseConnection => "Create a connection in the environment, or make one its default",
            Self::TryCredential => {
                "Start the connection check with the input \"credential\": \"next\", then promote the credential"
            }
            Self::PromoteCredential => "Promote the next credential",
            Self::SendConsentLink => "Send the link to an administrator of the target",
            Self::EnableConnection => "Enable the connection",
            Self::GrantConsent => "Ask an administrator of the target to grant consent",
            Self::ReviewPermissions => "Ask an administrator of the target to grant the missing permissions",
            Self::RunCheck => "Run the connection check again",
            Self::RetryLater => "Wait, then start the operation again",
            Self::ContactOperator => "Ask the operator of this installation, naming the run",
            Self::ReviewGroup => "Look at the runs of the group: list runs with its id as parent_run_id",
            Self::ResumeSchedule => "Mend the cause, then resume the schedule: it does not go on by itself",
        };
        NextStep { kind: self, label }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident => $code:literal, $retryable:literal, $step:ident, $message:literal;)*) => {
        /// A reason code. The table in the source is the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReasonCode { $($(#[$doc])* $variant,)* }

        impl ReasonCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable string.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The words for an operator. They hold nothing that came from outside.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// Whether starting the same operation again may work without any change.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }

            /// What to do about it.
            pub const fn next_step(self) -> NextStep {
                match self { $(Self::$variant => NextStepKind::$step.step(),)* }
            }
        }
    };
}

reasons! {
    /// No connection was named and the environment has no default one.
    ProviderConnectionMissing => "provider_connection_missing", false, ChooseConnection,
        "The environment has no default connection for this provider.";
    /// The connection's row contradicts itself, or there are two defaults.
    ProviderConnectionInvalid => "provider_connection_invalid", false, ReviewConnection,
        "The connection is not in a usable state.";
    /// Switched off by an operator.
    ProviderConnectionDisabled => "provider_connection_disabled", false, EnableConnection,
        "The connection is disabled.";
    /// A dedicated connection without a credential.
    ProviderCredentialMissing => "provider_credential_missing", false, ReplaceCredential,
        "The connection has no credential.";
    /// The provider refused the credential.
    ProviderCredentialInvalid => "provider_credential_invalid", false, ReplaceCredential,
        "The provider refused the credential.";
    /// The credential's end has passed.
    ProviderCredentialExpired => "provider_credential_expired", false, ReplaceCredential,
        "The credential has expired.";
    /// Stored, but it cannot be decrypted with the keys that are present.
    ProviderCredentialUndecryptable => "provider_credential_undecryptable", false, ReplaceCredential,
        "The stored credential cannot be decrypted.";
    /// The platform's own identity is not configured.
    PlatformIdentityMissing => "platform_identity_missing", false, ContactOperator,
        "This installation has no platform identity for the provider.";
    /// The platform's own credential has ended.
    PlatformIdentityExpired => "platform_identity_expired", false, ContactOperator,
        "The credential of this installation's own client has expired.";
    /// Consent is missing.
    ProviderConsentMissing => "provider_consent_missing", false, GrantConsent,
        "An administrator of the target has not granted consent.";
    /// An administrator of the target declined.
    ProviderConsentDeclined => "provider_consent_declined", false, GrantConsent,
        "An administrator of the target declined the request for consent.";
    /// Somebody agreed a moment ago, and the provider does not act on it everywhere yet.
    ProviderConsentPending => "provider_consent_pending", true, RetryLater,
        "Consent was given a moment ago and is not effective everywhere yet. The check looks again by itself.";
    /// The client is switched off in the target.
    ProviderClientDisabled => "provider_client_disabled", false, GrantConsent,
        "The client is disabled in the target.";
    /// The connection was deleted while the run was active.
    ProviderConnectionDeleted => "provider_connection_deleted", false, ReviewConnection,
        "The connection was deleted.";
    /// Nobody checked for longer than what was found is worth.
    ProviderVerificationStale => "provider_verification_stale", true, RunCheck,
        "The last connection check is too long ago to rely on.";
    /// The provider does not know the target.
    ProviderTargetNotFound => "provider_target_not_found", false, ReviewConnection,
        "The provider does not know this target.";
    /// The provider answered for another target than the connection's.
    ProviderTargetScopeMismatch => "provider_target_scope_mismatch", false, ReviewConnection,
        "The provider answered for another target than the connection's.";
    /// The target lives in another of the provider's separate installations.
    ProviderRealmMismatch => "provider_realm_mismatch", false, ReviewConnection,
        "The target belongs to another installation of the provider than the connection names.";
    /// The provider's rules forbid the sign-in.
    ProviderPolicyDenied => "provider_policy_denied", false, ReviewPermissions,
        "A policy of the target forbids the sign-in.";
    /// Sign-in failed for a reason that has no code of its own.
    ProviderAuthFailed => "provider_auth_failed", false, ReplaceCredential,
        "Signing in to the provider failed.";
    /// A permission is not granted.
    ProviderPermissionMissing => "provider_permission_missing", false, ReviewPermissions,
        "A permission that the operation needs is not granted.";
    /// The target lacks the licence or the service.
    ProviderNotProvisioned => "provider_not_provisioned", false, None,
        "The target does not have the service that this part reads.";
    /// The provider asked for a pause that outlasts the run's budget.
    ProviderThrottled => "provider_throttled", true, RetryLater,
        "The provider limits how fast it may be asked.";
    /// The provider answers with errors of its own.
    ProviderUnavailable => "provider_unavailable", true, RetryLater,
        "The provider is not available at the moment.";
    /// No connection to the provider came about.
    ProviderUnreachable => "provider_unreachable", true, RetryLater,
        "The provider could not be reached.";
    /// The provider's certificate was not accepted.
    ProviderTlsFailed => "provider_tls_failed", false, ContactOperator,
        "The provider's certificate was not accepted.";
    /// An answer that does not fit the contract, or leads away from the provider.
    ProviderResponseInvalid => "provider_response_invalid", false, ContactOperator,
        "The provider gave an answer that does not fit its contract.";
    /// The clocks of this machine and the provider differ too much.
    ProviderClockSkew => "provider_clock_skew", false, ContactOperator,
        "The clock of this machine differs too much from the provider's.";
    /// The initiator may no longer start this operation.
    InitiatorNotEntitled => "initiator_not_entitled", false, ContactOperator,
        "The initiator no longer holds the capability that the operation needs.";
    /// No executor for this operation and provider.
    OperationNotSupported => "operation_not_supported", false, ReviewConnection,
        "The provider does not support this operation.";
    /// The worker of the run stopped answering, more often than is allowed.
    WorkerLost => "worker_lost", true, RetryLater,
        "The worker that executed the run stopped answering.";
    /// The run waited longer than is allowed.
    RunQueueTimeout => "run_queue_timeout", true, RetryLater,
        "The run waited too long for a worker.";
    /// The run worked longer than is allowed.
    RunTimeout => "run_timeout", true, RetryLater,
        "The run took longer than is allowed.";
    /// Canceled on request.
    RunCanceled => "run_canceled", false, None,
        "The run was canceled.";
    /// Somebody ended the run, because no worker seemed to work at it.
    RunReleased => "run_released", true, RetryLater,
        "The run was released, because no worker seemed to work at it.";
    /// A group of runs did not come to a full success.
    GroupIncomplete => "group_incomplete", false, ReviewGroup,
        "Not every start of the group came to a full success.";
    /// More environments than one start takes.
    TooManyEnvironments => "too_many_environments", false, None,
        "The workspace has more environments than one start takes. Name them in several starts.";
    /// A defect of this product.
    InternalError => "internal_error", true, ContactOperator,
        "The run failed for a reason inside this installation.";
    /// A stored code that this version does not know.
    UnknownError => "unknown_error", false, ContactOperator,
        "The reason is not known to this version.";
    /// The environment of the run is gone.
    EnvironmentMissing => "environment_missing", false, None,
        "The environment that the run belongs to is not there any more.";
    /// Nobody answers for the run: it names nobody, or whoever it names is no member any more.
    InitiatorMissing => "initiator_missing", false, ContactOperator,
        "Whoever started the operation is not a member of the workspace any more.";
}

impl ReasonCode {
    /// The code that `text` names; [`ReasonCode::UnknownError`] for any other text.
    pub fn parse(text: &str) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .unwrap_or(Self::UnknownError)
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_in_snake_case() {
        let codes: BTreeSet<_> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), ReasonCode::ALL.len());
        for code in codes {
            assert!(
                code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{code}"
            );
            assert_eq!(ReasonCode::parse(code).as_str(), code);
        }
        assert_eq!(ReasonCode::parse("from the future"), ReasonCode::UnknownError);
    }
}
