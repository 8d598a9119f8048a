//! Ends of runs, as tables.

use inventory::{ControlResult, ItemKind, Section};
use kernel::{IdSource as _, SequentialIds};
use provider_core::{Check, Severity};

use super::*;

fn section(kind: ItemKind, outcome: SectionOutcome) -> Section {
    Section {
        kind,
        outcome,
        items: 0,
    }
}

fn collected(sections: &[Section]) -> Ending {
    let stored = UpsertCounts {
        created: 3,
        updated: 2,
        unchanged: 1,
    };
    Ending::of_collection(
        RunContext::default(),
        &Collection {
            sections: sections.to_vec(),
        },
        stored,
    )
}

#[test]
fn an_inventory_is_whole_partial_or_nothing() {
    use SectionOutcome::{Complete, Failed, NotAssessed};
    let whole = section(ItemKind::User, Complete);
    let unlicensed = section(ItemKind::Device, NotAssessed(ReasonCode::ProviderNotProvisioned));
    let forbidden = section(
        ItemKind::Device,
        NotAssessed(ReasonCode::ProviderPermissionMissing),
    );
    let broken = section(ItemKind::Device, Failed(ReasonCode::ProviderUnavailable));
    let cases = [
        (vec![whole], RunOutcome::Succeeded, None),
        (vec![whole, unlicensed], RunOutcome::Succeeded, None),
        (
            vec![whole, forbidden],
            RunOutcome::PartiallySucceeded,
            Some(ReasonCode::ProviderPermissionMissing),
        ),
        (
            vec![whole, broken],
            RunOutcome::PartiallySucceeded,
            Some(ReasonCode::ProviderUnavailable),
        ),
        (
            vec![forbidden],
            RunOutcome::Failed,
            Some(ReasonCode::ProviderPermissionMissing),
        ),
        (
            vec![],
            RunOutcome::Failed,
            Some(ReasonCode::ProviderResponseInvalid),
        ),
    ];
    for (sections, outcome, reason) in cases {
        let ending = collected(&sections);
        assert_eq!(
            (ending.outcome, ending.context.reason_code),
            (outcome, reason),
            "{sections:?}"
        );
        assert_eq!(ending.counts.get(CountKey::Total), 6);
        let gaps = sections
            .iter()
            .filter(|section| section.outcome != Complete)
            .count();
        assert_eq!(ending.context.not_assessed.len(), gaps);
    }
}

#[test]
fn a_customer_that_does_not_comply_is_a_result_and_no_failure_of_the_run() {
    let controls = vec![
        ControlResult::counted("a", "A", 10, 7),
        ControlResult::not_assessed("b", "B", ReasonCode::ProviderNotProvisioned),
    ];
    let ending = Ending::of_measurement(RunContext::default(), Measurement { controls });
    assert_eq!(ending.outcome, RunOutcome::Succeeded);
    assert_eq!(ending.counts.get(CountKey::Failed), 1);
    assert_eq!(ending.counts.get(CountKey::Skipped), 1);
    assert!(ending.measurement.is_some() && ending.failures.is_empty());
}

#[test]
fn bad_weather_says_nothing_about_the_connection() {
    let run_id = RunId::from_uuid(SequentialIds::default().next_uuid());
    let seen = Seen {
        run_id,
        identity_version: 1,
        at: Timestamp::default(),
        trial: None,
        dedicated: true,
        is_check: true,
        hint_at: None,
    };
    for (reason, expected) in [
        (
            ReasonCode::ProviderCredentialInvalid,
            Some(VerificationState::Blocked),
        ),
        (ReasonCode::ProviderThrottled, None),
        (ReasonCode::ProviderUnavailable, None),
        (ReasonCode::InternalError, None),
    ] {
        let ending = Ending::failed(RunContext::default(), reason, seen);
        let state = match ending.finding {
            Some(Finding::Connection(observation)) => observation.verification,
            Some(Finding::Credential(..)) | None => None,
        };
        assert_eq!(state.map(|(state, _)| state), expected, "{reason:?}");
        assert_eq!(ending.failures, [RunFailure::of(reason)]);
    }
}

#[test]
fn a_trial_tells_about_the_credential_and_nothing_else() {
    let ids = SequentialIds::default();
    let credential = CredentialId::from_uuid(ids.next_uuid());
    let seen = Seen {
        run_id: RunId::from_uuid(ids.next_uuid()),
        identity_version: 1,
        at: Timestamp::default(),
        trial: Some(credential),
        dedicated: true,
        is_check: true,
        hint_at: None,
    };
    let refused = Ending::failed(RunContext::default(), ReasonCode::ProviderCredentialInvalid, seen);
    let Some(Finding::Credential(id, trial)) = refused.finding else {
        panic!("a trial is about its credential");
    };
    let expected = Some(ReasonCode::ProviderCredentialInvalid);
    assert_eq!((id, trial.reason), (credential, expected));
}

#[test]
fn only_a_check_judges_consent() {
    let ids = SequentialIds::default();
    let seen = |is_check| Seen {
        run_id: RunId::from_uuid(ids.next_uuid()),
        identity_version: 1,
        at: Timestamp::default(),
        trial: None,
        dedicated: false,
        is_check,
        hint_at: None,
    };
    for (is_check, expected) in [(true, Some(ConsentState::Required)), (false, None)] {
        let reason = ReasonCode::ProviderConsentMissing;
        let failed = Ending::failed(RunContext::default(), reason, seen(is_check));
        let Some(Finding::Connection(observation)) = failed.finding else {
            panic!("it is about the connection");
        };
        assert_eq!(observation.consent.map(|(state, _)| state), expected);
        assert_eq!(
            observation.verification.map(|(state, _)| state),
            Some(VerificationState::Blocked)
        );
    }
}

#[test]
fn what_was_skipped_is_no_reason_against_a_connection() {
    let row = |key: &str, status, reason_code| Check {
        key: key.to_owned(),
        title: String::new(),
        status,
        severity: Severity::Medium,
        blocking: false,
        reason_code,
    };
    let unavailable = row("a", CheckStatus::Skip, Some(ReasonCode::ProviderUnavailable));
    let late = row("b", CheckStatus::Warn, Some(ReasonCode::ProviderClockSkew));
    let missing = row(
        "c",
        CheckStatus::Fail,
        Some(ReasonCode::ProviderPermissionMissing),
    );
    let cases = [
        (
            vec![unavailable.clone(), late.clone()],
            VerificationState::Healthy,
            None,
        ),
        (
            vec![unavailable.clone(), late.clone(), missing],
            VerificationState::Degraded,
            Some(ReasonCode::ProviderPermissionMissing),
        ),
        (
            vec![unavailable, late],
            VerificationState::Degraded,
            Some(ReasonCode::ProviderClockSkew),
        ),
    ];
    for (checks, verification, reason) in cases {
        let check = ConnectionCheck {
            checks,
            consent: None,
            verification,
            requirements: Vec::new(),
            failure: None,
        };
        let seen = Seen {
            run_id: RunId::from_uuid(SequentialIds::default().next_uuid()),
            identity_version: 1,
            at: Timestamp::default(),
            trial: None,
            dedicated: true,
            is_check: true,
            hint_at: None,
        };
        let ending = Ending::of_check(RunContext::default(), check, seen);
        let Some(Finding::Connection(observation)) = ending.finding else {
            panic!("it is about the connection");
        };
        assert_eq!(observation.verification, Some((verification, reason)));
    }
}
