//! The connection check: does the target live where the connection says, do the clocks agree, can
//! the client sign in, does it arrive at the right tenant, what may it do there, does Graph answer
//! for that tenant, and does the directory say the same about the grants. In this order; a blocking
//! failure skips the rest. A token alone proves no consent: it is issued even when nothing was
//! granted.

use provider_core::{ConnectionCheck, ConsentState, ProviderFailure, ReasonCode, Retry};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    contracts::table::ORGANIZATION_LIST,
    gateway::Session,
    pages::{Pages, Row},
    token_cache::Demand,
};

mod grants;
mod installation;
mod report;

use self::report::{Finding, Report};

/// Keys and words of the checks, in order.
const INSTALLATION: (&str, &str) = (
    "target.installation",
    "The target is known where the connection looks for it",
);
const CLOCK: (&str, &str) = (
    "identity.clock",
    "The clock of this machine agrees with the provider's",
);
const SIGN_IN: (&str, &str) = ("identity.sign_in", "Signing in with the connection's client");
const TARGET: (&str, &str) = (
    "identity.target",
    "The sign-in is for this target and this client",
);
const PERMISSIONS: (&str, &str) = (
    "identity.permissions",
    "The permissions that operations need are granted",
);
const ORGANIZATION: (&str, &str) = (
    "target.organization",
    "The target answers and is the expected one",
);
const GRANTS: (&str, &str) = (
    "target.grants",
    "The target's own list of grants agrees with the sign-in",
);

#[derive(Deserialize)]
struct Organization {
    id: Uuid,
    #[serde(skip)]
    text: String,
}

impl Row for Organization {
    fn id(&self) -> &str {
        &self.text
    }
}

/// Runs the checks with a new token, so that the answer is about now.
pub(crate) async fn run(session: &Session<'_>) -> Result<ConnectionCheck, ProviderFailure> {
    session.pulse().beat().await?;
    let mut report = Report::default();
    if let Err(reason) = installation::look(session, &mut report).await {
        return Ok(report.broken(reason, None));
    }
    session.pulse().beat().await?;
    let token = match session.token(Demand::Fresh).await {
        Ok(token) => token,
        Err(failure) => {
            let reason = ended(failure)?;
            // The token endpoint did its part when it answered with another tenant's token.
            if reason == ReasonCode::ProviderTargetScopeMismatch {
                report.pass(SIGN_IN);
                report.fail(TARGET, reason);
            } else {
                report.fail(SIGN_IN, reason);
            }
            return Ok(report.broken(reason, consent_without_token(reason)));
        }
    };
    report.pass(SIGN_IN);
    report.pass(TARGET);
    session.pulse().beat().await?;
    let organization = match organization(session).await {
        Ok(()) => None,
        Err(failure) => Some(ended(failure)?),
    };
    let grants = match organization {
        None | Some(ReasonCode::ProviderPermissionMissing) => grants::look(session, &token.roles).await?,
        Some(reason) => Finding::Skip(reason),
    };
    Ok(report.conclude(&token.roles, organization, grants))
}

/// The reason of a failure that ends the check; one that hands the run back goes on up.
fn ended(failure: ProviderFailure) -> Result<ReasonCode, ProviderFailure> {
    match failure {
        ProviderFailure::Provider {
            reason,
            retry: Retry::Never,
        } => Ok(reason),
        ProviderFailure::Provider {
            retry: Retry::After(_),
            ..
        }
        | ProviderFailure::Interrupted(_) => Err(failure),
    }
}

/// What a refused sign-in says about consent.
fn consent_without_token(reason: ReasonCode) -> Option<ConsentState> {
    (reason == ReasonCode::ProviderConsentMissing).then_some(ConsentState::Required)
}

/// Reads the organization: there is exactly one, and its id is the tenant's.
async fn organization(session: &Session<'_>) -> Result<(), ProviderFailure> {
    let page = Pages::new(session, &ORGANIZATION_LIST)
        .next::<Organization>()
        .await?;
    match page.as_ref().map(|page| page.rows.as_slice()) {
        Some([only]) if only.id == session.identity().tenant => Ok(()),
        Some([_]) => Err(ProviderFailure::ended(ReasonCode::ProviderTargetScopeMismatch)),
        Some(_) | None => Err(ProviderFailure::ended(ReasonCode::ProviderResponseInvalid)),
    }
}
