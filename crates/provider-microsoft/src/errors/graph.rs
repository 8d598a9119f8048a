//! Errors of Graph: the status decides, then `error.code`, then the innermost code (Graph page
//! "Microsoft Graph error responses and resource types"). Two sentences are read because their
//! codes say nothing. Intune hides JSON inside `error.message`, up to three levels deep.

mod body;

use std::time::Duration;

use kernel::Timestamp;
use provider_core::{ProviderCode, ReasonCode};

use self::body::Finding;
use crate::{http::Answer, retry};

/// What an answer that is not the one that was asked for means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// May work later; at least after the time that was told.
    Later(ReasonCode, Option<Duration>),
    /// The token is not accepted: worth one new token. The reason holds if that does not help.
    Token(ReasonCode),
    /// The page token died: worth one new beginning of the list.
    PageToken,
    /// Trying again is useless.
    Failed(ReasonCode),
}

impl Verdict {
    /// The reason, as far as there is one.
    pub(crate) const fn reason(&self) -> ReasonCode {
        match self {
            Self::Later(reason, _) | Self::Token(reason) | Self::Failed(reason) => *reason,
            Self::PageToken => ReasonCode::ProviderResponseInvalid,
        }
    }
}

/// The sentence that Intune has for a tenant that cannot use it, under a code that says nothing.
const NOT_APPLICABLE: &str = "Request not applicable to target tenant";
/// The sentence for a dead page token, under an empty code.
const BAD_SKIP_TOKEN: &str = "Invalid Skip Token";
/// The codes that may leave this file, as Graph spells them (pages "Microsoft Graph error responses
/// and resource types", "Resolve Microsoft Graph authorization errors", the pages of the services,
/// and public reports). Whatever else stands in a body is a text of the provider.
const KNOWN: [&str; 24] = [
    "AccessDenied",
    "activityLimitReached",
    "ApplicationThrottled",
    "Authentication_MSGraphPermissionMissing",
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    "Authorization_IdentityNotFound",
    "Authorization_RequestDenied",
    "BadRequest",
    "CancelledOnServiceTimeout",
    "Directory_ConcurrencyViolation",
    "Directory_ExpiredPageToken",
    "DirectoryPageTokenNotFoundException",
    "Forbidden",
    "InvalidAuthenticationToken",
    "NotImplemented",
    "Request_BadRequest",
    "Request_ResourceNotFound",
    "Request_UnsupportedQuery",
    "resyncRequired",
    "serviceNotAvailable",
    "syncStateNotFound",
    "throttledRequest",
    "TooManyRequests",
    "UnknownError",
];

/// The code of a refusal: of those that are known the one that stands deepest.
pub(crate) fn code(answer: &Answer) -> Option<ProviderCode> {
    let finding = Finding::read(&answer.body);
    let of = |text: &String| KNOWN.iter().find(|known| known.eq_ignore_ascii_case(text));
    let deepest = finding.codes.iter().rev().find_map(of)?;
    Some(ProviderCode::Known(deepest))
}

/// What an `answer` without success means. `now` stands in for a missing date.
pub(crate) fn classify(answer: &Answer, now: Timestamp) -> Verdict {
    let finding = Finding::read(&answer.body);
    let header = answer.retry_after.as_deref().or(finding.wait.as_deref());
    let told = header.and_then(|text| retry::told(text, answer.date.unwrap_or(now)));
    match answer.status {
        400 => bad_request(&finding),
        401 => unauthorized(&finding),
        403 if finding.says("Authentication_RequestFromNonPremiumTenantOrB2CTenant") => {
            Verdict::Failed(ReasonCode::ProviderNotProvisioned)
        }
        403 => Verdict::Failed(ReasonCode::ProviderPermissionMissing),
        429 => Verdict::Later(ReasonCode::ProviderThrottled, told),
        408 | 500 | 502 | 503 | 504 | 509 => Verdict::Later(ReasonCode::ProviderUnavailable, told),
        _ => Verdict::Failed(ReasonCode::ProviderResponseInvalid),
    }
}

fn bad_request(finding: &Finding) -> Verdict {
    let dead_page = [
        "Directory_ExpiredPageToken",
        "DirectoryPageTokenNotFoundException",
    ]
    .iter()
    .any(|code| finding.says(code));
    if dead_page || finding.message.starts_with(BAD_SKIP_TOKEN) {
        Verdict::PageToken
    } else if finding.message.starts_with(NOT_APPLICABLE) {
        Verdict::Failed(ReasonCode::ProviderNotProvisioned)
    } else {
        Verdict::Failed(ReasonCode::ProviderResponseInvalid)
    }
}

/// Not every 401 is about the token: Intune answers it for a missing role, and the directory for
/// an application that the tenant does not know.
fn unauthorized(finding: &Finding) -> Verdict {
    if finding.says("Authorization_IdentityNotFound") {
        Verdict::Failed(ReasonCode::ProviderConsentMissing)
    } else if finding.says("Forbidden") || finding.says("Authorization_RequestDenied") {
        Verdict::Failed(ReasonCode::ProviderPermissionMissing)
    } else if finding.says("InvalidAuthenticationToken") {
        Verdict::Token(ReasonCode::ProviderAuthFailed)
    } else {
        Verdict::Token(ReasonCode::ProviderPermissionMissing)
    }
}

#[cfg(test)]
mod tests;
