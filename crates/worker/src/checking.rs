//! The connection check: what the provider's answer means for this connection.
//!
//! Three things stand between an answer and the axes. A check with the next credential is a trial
//! and says nothing about the connection. A sign-in of the platform's client proves consent only
//! for the workspace that proved the target first. And right after somebody agreed, "not there
//! yet" is asked again for a while before it counts.

use std::time::Duration;

use kernel::{StoreError, Timestamp};
use operations::{ClaimedRun, Fence};
use provider_core::{
    Check, CheckStatus, ConnectionAccess, ConnectionCheck, ConnectionType, ConsentState, Interrupt,
    Observation, ProviderConnection, ProviderFailure, ReasonCode, Severity, VerificationState,
    consent::PROPAGATION,
};

use crate::{
    outcome::{Ending, Seen},
    signals::Signals,
    worker::WorkerParts,
};

/// The shortest and the longest pause before a check that waits for the provider looks again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));

/// What an attempt came to.
pub(crate) enum Conclusion {
    /// The run is over.
    End(Box<Ending>),
    /// The run looks again later.
    Wait(Wait),
}

/// A run that looks again later, and what is known until then.
pub(crate) struct Wait {
    pub(crate) delay: Duration,
    pub(crate) reason: ReasonCode,
    pub(crate) observation: Observation,
}

/// Checks the connection, and judges the answer.
pub(crate) async fn check(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
    connection: &ProviderConnection,
    access: &ConnectionAccess,
    (signals, seen): (&Signals<'_>, Seen),
) -> Result<Conclusion, ProviderFailure> {
    let answer = parts.provider.check(access, signals).await;
    let context = claimed.run.context.clone();
    if seen.trial.is_some() {
        let end = Ending::of_check(context, answer?, seen);
        return Ok(Conclusion::End(Box::new(end)));
    }
    let check = match connection.connection_type {
        ConnectionType::Dedicated => answer?,
        ConnectionType::Platform => judged(parts, claimed, connection, answer).await?,
    };
    // Somebody may have agreed while the provider was asked: then the time to wait begins anew.
    let hint = present_hint(parts, claimed, connection)
        .await
        .map_err(interrupted)?;
    let seen = Seen {
        at: parts.clock.now(),
        hint_at: hint,
        ..seen
    };
    if let Some(delay) = pause(hint, &check, seen.at) {
        return Ok(Conclusion::Wait(wait(seen, delay)));
    }
    Ok(Conclusion::End(Box::new(Ending::of_check(context, check, seen))))
}

/// What the answer about the platform's client means for this workspace. Where another one proved
/// the target, every answer is the same, a failure of the provider included: it comes after a
/// sign-in that should not have been possible.
async fn judged(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
    connection: &ProviderConnection,
    answer: Result<ConnectionCheck, ProviderFailure>,
) -> Result<ConnectionCheck, ProviderFailure> {
    if let Err(ProviderFailure::Interrupted(interrupt)) = answer {
        return Err(interrupt.into());
    }
    let consent = answer.as_ref().ok().and_then(|check| check.consent);
    let proves = consent == Some(ConsentState::Granted);
    let ours = ask_store(parts, claimed, connection, proves)
        .await
        .map_err(interrupted)??;
    let refused = matches!(&answer, Ok(check) if check.failure == Some(ReasonCode::ProviderConsentMissing));
    if ours && !refused {
        answer
    } else {
        Ok(without_consent())
    }
}

/// When the present hint of consent was given.
async fn present_hint(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
    connection: &ProviderConnection,
) -> Result<Option<Timestamp>, StoreError> {
    let session = parts.storage.read().await?;
    let present = session.connections().find(&claimed.scope, connection.id).await?;
    Ok(present
        .and_then(|present| present.consent_hint)
        .map(|hint| hint.at))
}

/// Whether the target belongs to this workspace, or to none; with a proof it belongs to this one
/// from now on. `false` when another one was first.
async fn ask_store(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
    connection: &ProviderConnection,
    proves: bool,
) -> Result<Result<bool, ProviderFailure>, StoreError> {
    let mut unit = parts.storage.begin().await?;
    if unit.attempts().confirm(&claimed.lease).await? == Fence::Lost {
        return Ok(Err(Interrupt::Lost.into()));
    }
    let mut connections = unit.connections();
    let (scope, now) = (&claimed.scope, parts.clock.now());
    let ours = if proves {
        connections.claim_platform_target(scope, connection, now).await?
    } else {
        connections.platform_target_is_open(scope, connection).await?
    };
    drop(connections);
    unit.commit().await?;
    Ok(Ok(ours))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err asks for")]
fn interrupted(error: StoreError) -> ProviderFailure {
    ProviderFailure::Interrupted(Interrupt::StoreFailed {
        retryable: error.retryable(),
    })
}

/// What a platform connection without consent of its own is told, whatever the reason: the same
/// for a target where nobody agreed and for one that another workspace proved. Anything more
/// would tell a stranger who is a customer here.
fn without_consent() -> ConnectionCheck {
    let reason = ReasonCode::ProviderConsentMissing;
    ConnectionCheck {
        checks: vec![Check {
            key: "identity.consent".to_owned(),
            title: "Consent of the target's administrator".to_owned(),
            status: CheckStatus::Fail,
            severity: Severity::Critical,
            blocking: true,
            reason_code: Some(reason),
        }],
        consent: Some(ConsentState::Required),
        verification: VerificationState::Blocked,
        requirements: Vec::new(),
        failure: Some(reason),
    }
}

/// How long to wait before looking again, if the answer may only be too early. Pauses grow with
/// the time since somebody agreed: each is as long as all that was waited before.
fn pause(hint: Option<Timestamp>, check: &ConnectionCheck, now: Timestamp) -> Option<Duration> {
    let early = check.failure == Some(ReasonCode::ProviderConsentMissing)
        || (check.failure.is_none()
            && check
                .checks
                .iter()
                // What was skipped was not looked for: waiting brings nothing.
                .any(|one| {
                    one.status == CheckStatus::Fail
                        && one.reason_code == Some(ReasonCode::ProviderPermissionMissing)
                }));
    let waited = now - hint?;
    if !early || waited >= PROPAGATION {
        return None;
    }
    let (least, most) = PAUSES;
    let waited = waited.to_std().unwrap_or(Duration::ZERO);
    Some(waited.clamp(least, most))
}

fn wait(seen: Seen, delay: Duration) -> Wait {
    let reason = ReasonCode::ProviderConsentPending;
    Wait {
        delay,
        reason,
        observation: Observation {
            run_id: seen.run_id,
            identity_version: seen.identity_version,
            at: seen.at,
            consent: None,
            verification: Some((VerificationState::Pending, Some(reason))),
            next_at: Some(seen.at + delay),
            requirements: Vec::new(),
            credential_opened: None,
            hint_at: seen.hint_at,
        },
    }
}
