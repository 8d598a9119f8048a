//! Before anything secret is sent: does the tenant live in the cloud that the connection names, and
//! what time is it there. Weather is no verdict: where no answer can be had, both are skipped.
//!
//! The request goes to the host that signs in, so it counts against that limit like every other
//! and is recorded; but nobody waits for it.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::Timestamp;
use provider_core::ReasonCode;

use super::{
    CLOCK, INSTALLATION,
    report::{Finding, Report},
};
use crate::{
    cloud::Cloud,
    discovery::{Discovery, DiscoveryError, Reply, Request},
    gateway::Session,
    limiter::Limit,
    retry::{self, Patience},
    token::THROTTLED,
};

/// From here on certificates begin to fail now and then.
const NOTABLE: TimeDelta = TimeDelta::seconds(60);
/// From here on tokens and assertions are not within their times.
const TOO_MUCH: TimeDelta = TimeDelta::seconds(300);

/// Asks for the tenant's public metadata and reports both rows; the reason if nothing after it can
/// work.
pub(super) async fn look(session: &Session<'_>, report: &mut Report) -> Result<(), ReasonCode> {
    let Some((found, date)) = ask(session).await else {
        let closed = Finding::Skip(ReasonCode::ProviderThrottled);
        report.note(INSTALLATION, closed);
        report.note(CLOCK, closed);
        return Ok(());
    };
    let place = match found {
        Ok(found) => place(session.identity().cloud, found.cloud),
        Err(error @ (DiscoveryError::NotFound | DiscoveryError::Elsewhere)) => Err(error.reason()),
        Err(
            error @ (DiscoveryError::Unavailable(_)
            | DiscoveryError::Unreadable
            | DiscoveryError::InvalidName),
        ) => Ok(Finding::Skip(error.reason())),
    };
    match place {
        Ok(finding) => report.note(INSTALLATION, finding),
        Err(reason) => report.fail(INSTALLATION, reason),
    }
    let clock = date.map(|date| clock(date - session.now()));
    report.note(
        CLOCK,
        clock.unwrap_or(Finding::Skip(ReasonCode::ProviderUnreachable)),
    );
    place.map(|_| ())
}

/// Asks once, and tells the limiter and the run what came of it. Nothing, and nothing is sent, while
/// the limit of sign-ins is closed.
async fn ask(session: &Session<'_>) -> Option<(Result<Discovery, DiscoveryError>, Option<Timestamp>)> {
    let turnstile = session.turnstile(Limit::SignIn);
    if !turnstile.pass() {
        return None;
    }
    let identity = session.identity();
    let request = Request {
        door: &session.parts.door,
        cloud: identity.cloud,
        endpoints: &identity.endpoints,
    };
    let mut patience = Patience::new(session.pulse(), 1, Duration::ZERO).never_handing_back();
    let attempt = session.attempt("discovery", patience.attempt(), Duration::ZERO);
    let name = identity.tenant.hyphenated().to_string();
    let reply = request.send(&name, attempt.id).await;
    let Reply {
        found,
        date,
        retry_after,
        seen,
    } = reply;
    let failed = found.err().map(DiscoveryError::reason);
    let plan = failed.filter(|reason| retry::transient(*reason)).map(|reason| {
        let answered_at = date.unwrap_or(session.now());
        let told = retry_after.and_then(|text| retry::told(&text, answered_at));
        let throttled = (reason == ReasonCode::ProviderThrottled).then_some(THROTTLED);
        patience.plan(reason, told.or(throttled))
    });
    turnstile.settle(attempt, &seen, failed, plan.as_ref());
    Some((found, date))
}

/// Whether the tenant lives where it is looked for. Clouds that sign in at one host are told apart
/// by a member of the metadata that is not documented: good for a warning, not for a refusal.
fn place(named: Cloud, found: Cloud) -> Result<Finding, ReasonCode> {
    let mismatch = ReasonCode::ProviderRealmMismatch;
    if named == found {
        Ok(Finding::Pass)
    } else if named.login_host() == found.login_host() {
        Ok(Finding::Warn(mismatch))
    } else {
        Err(mismatch)
    }
}

fn clock(skew: TimeDelta) -> Finding {
    let reason = ReasonCode::ProviderClockSkew;
    if skew.abs() > TOO_MUCH {
        Finding::Fail(reason)
    } else if skew.abs() > NOTABLE {
        Finding::Warn(reason)
    } else {
        Finding::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_a_little() {
        let reason = ReasonCode::ProviderClockSkew;
        for (seconds, expected) in [
            (0, Finding::Pass),
            (60, Finding::Pass),
            (61, Finding::Warn(reason)),
            (-300, Finding::Warn(reason)),
            (301, Finding::Fail(reason)),
            (-4000, Finding::Fail(reason)),
        ] {
            assert_eq!(clock(TimeDelta::seconds(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn only_another_host_to_sign_in_at_is_refused() {
        let mismatch = ReasonCode::ProviderRealmMismatch;
        assert_eq!(place(Cloud::Global, Cloud::Global), Ok(Finding::Pass));
        assert_eq!(place(Cloud::Global, Cloud::UsGovL4), Err(mismatch));
        assert_eq!(
            place(Cloud::UsGovL4, Cloud::UsGovL5Dod),
            Ok(Finding::Warn(mismatch))
        );
    }
}
