//! Before anything secret is sent: does the tenant live in the cloud that the connection names, and
//! what time is it there. Weather is no verdict: where no answer can be had, both are skipped.

use chrono::TimeDelta;
use provider_core::ReasonCode;

use super::{
    CLOCK, INSTALLATION,
    report::{Finding, Report},
};
use crate::{
    cloud::Cloud,
    discovery::{DiscoveryError, Reply, Request},
    gateway::Session,
};

/// From here on certificates begin to fail now and then.
const NOTABLE: TimeDelta = TimeDelta::seconds(60);
/// From here on tokens and assertions are not within their times.
const TOO_MUCH: TimeDelta = TimeDelta::seconds(300);

/// Asks for the tenant's public metadata and reports both rows; the reason if nothing after it can
/// work.
pub(super) async fn look(session: &Session<'_>, report: &mut Report) -> Result<(), ReasonCode> {
    let (parts, identity) = (session.parts, session.identity());
    let request = Request {
        door: &parts.door,
        cloud: identity.cloud,
        endpoints: &identity.endpoints,
    };
    let name = identity.tenant.hyphenated().to_string();
    let Reply { found, date } = request.send(&name, parts.ids.next_uuid()).await;
    let place = match found {
        Ok(found) => place(identity.cloud, found.cloud),
        Err(DiscoveryError::NotFound) => Err(ReasonCode::ProviderTargetNotFound),
        Err(DiscoveryError::Elsewhere) => Err(ReasonCode::ProviderRealmMismatch),
        Err(DiscoveryError::Unavailable(reason)) => Ok(Finding::Skip(reason)),
        Err(DiscoveryError::Unreadable | DiscoveryError::InvalidName) => {
            Ok(Finding::Skip(ReasonCode::ProviderResponseInvalid))
        }
    };
    match place {
        Ok(finding) => report.note(INSTALLATION, finding),
        Err(reason) => report.fail(INSTALLATION, reason),
    }
    let clock = date.map(|date| clock(date - parts.clock.now()));
    report.note(
        CLOCK,
        clock.unwrap_or(Finding::Skip(ReasonCode::ProviderUnreachable)),
    );
    place.map(|_| ())
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
