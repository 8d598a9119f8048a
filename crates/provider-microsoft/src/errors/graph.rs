//! Errors of Graph: the status decides, then `error.code`, then the innermost code (Graph page
//! "Microsoft Graph error responses and resource types"). Two sentences are read because their
//! codes say nothing. Intune hides JSON inside `error.message`, up to three levels deep.

use std::time::Duration;

use kernel::Timestamp;
use provider_core::ReasonCode;
use serde::Deserialize;

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
/// How deep Intune nests.
const LEVELS: usize = 3;

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: Body,
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: Option<String>,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<Box<Inner>>,
}

/// What Intune writes into a message.
#[derive(Deserialize)]
struct Nested {
    #[serde(default, rename = "ErrorCode")]
    code: Option<String>,
    #[serde(default, rename = "Message")]
    message: Option<String>,
    #[serde(default, rename = "RetryAfter")]
    retry_after: Option<NestedWait>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NestedWait {
    Seconds(f64),
    Text(String),
}

/// What was found in a body: codes, the innermost message, and a wait.
#[derive(Default)]
struct Finding {
    codes: Vec<String>,
    message: String,
    wait: Option<String>,
}

impl Finding {
    fn read(body: &[u8]) -> Self {
        let Envelope { error } = serde_json::from_slice(body).unwrap_or_default();
        let mut finding = Self {
            message: error.message.unwrap_or_default(),
            ..Self::default()
        };
        finding.codes.extend(error.code);
        let mut inner = error.inner;
        while let Some(level) = inner {
            finding.codes.extend(level.code);
            inner = level.inner.map(|boxed| *boxed);
        }
        for _ in 0..LEVELS {
            let Ok(nested) = serde_json::from_str::<Nested>(&finding.message) else {
                break;
            };
            finding.codes.extend(nested.code);
            finding.wait = finding.wait.or(nested.retry_after.map(|wait| match wait {
                NestedWait::Seconds(seconds) => seconds.to_string(),
                NestedWait::Text(text) => text,
            }));
            finding.message = nested.message.unwrap_or_default();
        }
        finding
    }

    fn says(&self, code: &str) -> bool {
        self.codes.iter().any(|own| own.eq_ignore_ascii_case(code))
    }
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
