//! What an execution found, turned into the end of its run. Pure.

use inventory::{Collection, ControlState, Measurement, SectionOutcome, UpsertCounts};
use kernel::Timestamp;
use operations::{CountKey, RunContext, RunFailure, RunOutcome, SummaryCounts, context::NotAssessed};
use provider_core::{
    CheckStatus, ConnectionCheck, ConsentState, CredentialId, CredentialTrial, Observation, ReasonCode,
    RunId, VerificationReport, VerificationState,
};

/// The end of an execution, before it is written.
pub(crate) struct Ending {
    pub(crate) outcome: RunOutcome,
    pub(crate) context: RunContext,
    pub(crate) counts: SummaryCounts,
    pub(crate) failures: Vec<RunFailure>,
    pub(crate) finding: Option<Finding>,
    pub(crate) measurement: Option<Measurement>,
}

/// What a run found out beside its own end.
pub(crate) enum Finding {
    /// About its connection.
    Connection(Observation),
    /// About a credential that was tried.
    Credential(CredentialId, CredentialTrial),
}

impl Finding {
    /// The same for a run that will not look again after all: nobody waits any more.
    pub(crate) fn without_another_look(self, reason: ReasonCode) -> Self {
        match self {
            Self::Connection(observation) => Self::Connection(Observation {
                verification: Some((VerificationState::Error, Some(reason))),
                next_at: None,
                ..observation
            }),
            Self::Credential(..) => self,
        }
    }
}

/// What an observation is about.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) run_id: RunId,
    pub(crate) identity_version: i64,
    pub(crate) at: Timestamp,
    /// The credential that is tried, if it is not the current one.
    pub(crate) trial: Option<CredentialId>,
    /// Whether a stored credential was to be opened.
    pub(crate) dedicated: bool,
    /// Whether the run is a check: no other one may judge consent.
    pub(crate) is_check: bool,
    /// When the hint of consent was given that the run goes by.
    pub(crate) hint_at: Option<Timestamp>,
}

impl Seen {
    /// A trial tells about the credential alone; anything else about the connection.
    fn finding(self, observation: Observation, failure: Option<ReasonCode>) -> Finding {
        match self.trial {
            Some(credential) => Finding::Credential(
                credential,
                CredentialTrial {
                    at: self.at,
                    run_id: self.run_id,
                    reason: failure,
                },
            ),
            None => Finding::Connection(observation),
        }
    }
}

impl Ending {
    pub(crate) fn new(outcome: RunOutcome, context: RunContext) -> Self {
        Self {
            outcome,
            context,
            counts: SummaryCounts::default(),
            failures: Vec::new(),
            finding: None,
            measurement: None,
        }
    }

    /// An end for one reason.
    pub(crate) fn because(outcome: RunOutcome, context: RunContext, reason: ReasonCode) -> Self {
        Self {
            failures: vec![RunFailure::of(reason)],
            ..Self::new(outcome, context.because(reason))
        }
    }

    /// A failure, with what it says about the connection.
    pub(crate) fn failed(context: RunContext, reason: ReasonCode, seen: Seen) -> Self {
        let observation = verification_after(reason).map(|state| Observation {
            run_id: seen.run_id,
            identity_version: seen.identity_version,
            at: seen.at,
            consent: consent_after(reason)
                .filter(|_| seen.is_check)
                .map(|state| (state, Some(reason))),
            verification: Some((state, Some(reason))),
            next_at: None,
            requirements: Vec::new(),
            credential_opened: seen
                .dedicated
                .then_some(reason != ReasonCode::ProviderCredentialUndecryptable),
            hint_at: seen.hint_at,
        });
        Self {
            finding: observation.map(|observation| seen.finding(observation, Some(reason))),
            ..Self::because(RunOutcome::Failed, context, reason)
        }
    }

    /// The end of a connection check.
    pub(crate) fn of_check(context: RunContext, check: ConnectionCheck, seen: Seen) -> Self {
        let mut ending = match check.failure {
            None => Self::new(RunOutcome::Succeeded, context),
            Some(reason) => Self::because(RunOutcome::Failed, context, reason),
        };
        for one in &check.checks {
            ending.counts.add(CountKey::Total, 1);
            ending.counts.add(count_key(one.status), 1);
        }
        let reason = check.failure.or_else(|| shortcoming(&check));
        let observation = Observation {
            run_id: seen.run_id,
            identity_version: seen.identity_version,
            at: seen.at,
            consent: check.consent.map(|state| (state, check.failure)),
            verification: Some((check.verification, reason)),
            next_at: None,
            requirements: check
                .requirements
                .iter()
                .map(|(key, state)| ((*key).to_owned(), *state))
                .collect(),
            credential_opened: seen.dedicated.then_some(true),
            hint_at: seen.hint_at,
        };
        ending.finding = Some(seen.finding(observation, check.failure));
        ending.context.verification_report = Some(VerificationReport::new(check.checks, seen.at));
        ending
    }

    /// The end of an inventory.
    pub(crate) fn of_collection(context: RunContext, collection: &Collection, stored: UpsertCounts) -> Self {
        let mut gaps = Vec::new();
        let mut complete = 0;
        let mut counts = SummaryCounts::default();
        for section in &collection.sections {
            match section.outcome {
                SectionOutcome::Complete => complete += 1,
                SectionOutcome::NotAssessed(reason) | SectionOutcome::Failed(reason) => {
                    counts.add(CountKey::Skipped, 1);
                    gaps.push(NotAssessed {
                        part: section.kind.as_str().to_owned(),
                        reason_code: reason,
                    });
                }
            }
        }
        counts.add(
            CountKey::Total,
            stored.created + stored.updated + stored.unchanged,
        );
        counts.add(CountKey::Created, stored.created);
        counts.add(CountKey::Updated, stored.updated);
        counts.add(CountKey::Unchanged, stored.unchanged);
        let mut ending = Self::with_gaps(context, gaps, complete > 0);
        ending.counts = counts;
        ending
    }

    /// The end of a compliance snapshot.
    pub(crate) fn of_measurement(context: RunContext, measurement: Measurement) -> Self {
        let mut gaps = Vec::new();
        let mut assessed = 0;
        let mut counts = SummaryCounts::default();
        for control in &measurement.controls {
            counts.add(CountKey::Total, 1);
            match control.state {
                ControlState::Compliant => counts.add(CountKey::Succeeded, 1),
                ControlState::NonCompliant => counts.add(CountKey::Failed, 1),
                ControlState::NotAssessed => counts.add(CountKey::Skipped, 1),
            }
            match control.reason_code {
                Some(reason) if control.state == ControlState::NotAssessed => {
                    gaps.push(NotAssessed {
                        part: control.control.clone(),
                        reason_code: reason,
                    });
                }
                Some(_) | None => assessed += 1,
            }
        }
        let mut ending = Self::with_gaps(context, gaps, assessed > 0);
        ending.counts = counts;
        if ending.outcome != RunOutcome::Failed {
            ending.measurement = Some(measurement);
        }
        ending
    }

    /// A target that lacks a service has no gap that anybody could close; anything else that is
    /// missing makes the result partial, and nothing at all makes it a failure.
    fn with_gaps(context: RunContext, gaps: Vec<NotAssessed>, something: bool) -> Self {
        let worth_closing = gaps
            .iter()
            .find(|gap| gap.reason_code != ReasonCode::ProviderNotProvisioned);
        let reason = worth_closing.or(gaps.first()).map(|gap| gap.reason_code);
        let mut ending = match (something, worth_closing, reason) {
            (true, None, _) => Self::new(RunOutcome::Succeeded, context),
            (true, Some(gap), _) => {
                Self::new(RunOutcome::PartiallySucceeded, context.because(gap.reason_code))
            }
            (false, _, reason) => Self::because(
                RunOutcome::Failed,
                context,
                reason.unwrap_or(ReasonCode::ProviderResponseInvalid),
            ),
        };
        ending.context.not_assessed = gaps;
        ending
    }
}

const fn count_key(status: CheckStatus) -> CountKey {
    match status {
        CheckStatus::Pass => CountKey::Succeeded,
        CheckStatus::Fail | CheckStatus::Warn => CountKey::Failed,
        CheckStatus::Skip => CountKey::Skipped,
    }
}

/// What a failure says about the connection; nothing when it lies with the weather.
const fn verification_after(reason: ReasonCode) -> Option<VerificationState> {
    match reason {
        ReasonCode::ProviderCredentialInvalid
        | ReasonCode::ProviderCredentialExpired
        | ReasonCode::ProviderCredentialUndecryptable
        | ReasonCode::ProviderConsentMissing
        | ReasonCode::ProviderClientDisabled
        | ReasonCode::ProviderTargetNotFound
        | ReasonCode::ProviderTargetScopeMismatch
        | ReasonCode::ProviderPolicyDenied
        | ReasonCode::ProviderAuthFailed => Some(VerificationState::Blocked),
        _ => None,
    }
}

const fn consent_after(reason: ReasonCode) -> Option<ConsentState> {
    match reason {
        ReasonCode::ProviderConsentMissing => Some(ConsentState::Required),
        _ => None,
    }
}

/// Why a connection is not healthy though nothing ended the check. What was skipped, or is worth a
/// look on a healthy connection, is no reason.
fn shortcoming(check: &ConnectionCheck) -> Option<ReasonCode> {
    let of = |status: CheckStatus| {
        let mut checks = check.checks.iter().filter(move |one| one.status == status);
        checks.find_map(|one| one.reason_code)
    };
    let healthy = check.verification == VerificationState::Healthy;
    (!healthy)
        .then(|| of(CheckStatus::Fail).or_else(|| of(CheckStatus::Warn)))
        .flatten()
}

#[cfg(test)]
#[path = "outcome/tests.rs"]
mod tests;
