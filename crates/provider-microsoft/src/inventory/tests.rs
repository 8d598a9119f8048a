//! What ends a run and what only one part of it.

use std::time::Duration;

use provider_core::Interrupt;

use super::*;

#[test]
fn licences_and_grants_are_never_a_failure() {
    for reason in [
        ReasonCode::ProviderPermissionMissing,
        ReasonCode::ProviderNotProvisioned,
    ] {
        assert_eq!(
            outcome(ProviderFailure::ended(reason)),
            Ok(SectionOutcome::NotAssessed(reason))
        );
    }
    for reason in [
        ReasonCode::ProviderResponseInvalid,
        ReasonCode::ProviderUnavailable,
    ] {
        assert_eq!(
            outcome(ProviderFailure::ended(reason)),
            Ok(SectionOutcome::Failed(reason))
        );
    }
}

#[test]
fn what_concerns_the_whole_connection_ends_the_run() {
    let throttled = ReasonCode::ProviderThrottled;
    let failures = [
        ProviderFailure::ended(ReasonCode::ProviderCredentialInvalid),
        ProviderFailure::ended(ReasonCode::ProviderConsentMissing),
        ProviderFailure::ended(ReasonCode::ProviderUnreachable),
        ProviderFailure::Provider {
            reason: throttled,
            retry: Retry::After(Duration::from_secs(1)),
        },
        ProviderFailure::Interrupted(Interrupt::Lost),
    ];
    for failure in failures {
        assert_eq!(outcome(failure), Err(failure));
    }
}
