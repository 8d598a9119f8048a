//! Errors of the sign-in side: the AADSTS number decides, then the OAuth error (RFC 6749, 5.2), then
//! the HTTP status. The description is not even parsed.

mod numbers;

use provider_core::{ProviderCode, ReasonCode};
use serde::Deserialize;
use uuid::Uuid;

/// Those members of an error body that we read.
#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_codes: Vec<u64>,
    #[serde(default)]
    trace_id: Option<String>,
    #[serde(default)]
    correlation_id: Option<String>,
}

impl Body {
    fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// What the numbers say. Where two come together the later one is the more exact.
    fn known(&self) -> Option<(u64, ReasonCode)> {
        let mut numbers = self.error_codes.iter().rev().copied();
        numbers.find_map(|number| Some((number, numbers::reason(number)?)))
    }
}

/// What a refusal is found by at the provider: numbers and ids, never a text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// The number that decided, or the last one if none is known.
    pub(crate) code: Option<ProviderCode>,
    /// Entra's id of the request.
    pub(crate) trace_id: Option<Uuid>,
    /// The id that goes through all requests of one sign-in.
    pub(crate) correlation_id: Option<Uuid>,
}

/// What can be kept of an answer that is not a token.
pub(crate) fn trace(body: &[u8]) -> Footprint {
    let body = Body::read(body);
    let known = body.known().map(|(number, _)| number);
    let number = known.or_else(|| body.error_codes.last().copied());
    let id = |text: Option<String>| text.and_then(|text| Uuid::try_parse(&text).ok());
    Footprint {
        code: number.map(|number| ProviderCode::Numbered("AADSTS", number)),
        trace_id: id(body.trace_id),
        correlation_id: id(body.correlation_id),
    }
}

/// What an answer that is not a token means. Where only unknown numbers stand, only what may pass
/// by itself is taken from the rest: for anything else a guess would send somebody the wrong way.
pub(crate) fn classify(status: u16, body: &[u8]) -> ReasonCode {
    let body = Body::read(body);
    if let Some((_, reason)) = body.known() {
        return reason;
    }
    let error = body.error.as_deref().and_then(of_error);
    let passing = |reason: &ReasonCode| crate::retry::transient(*reason);
    if body.error_codes.is_empty() {
        error.unwrap_or_else(|| of_status(status))
    } else {
        let status = Some(of_status(status));
        let reason = error.filter(passing).or(status.filter(passing));
        reason.unwrap_or(ReasonCode::ProviderAuthFailed)
    }
}

fn of_error(error: &str) -> Option<ReasonCode> {
    match error {
        "invalid_client" => Some(ReasonCode::ProviderCredentialInvalid),
        "unauthorized_client" | "consent_required" => Some(ReasonCode::ProviderConsentMissing),
        "invalid_tenant" => Some(ReasonCode::ProviderTargetNotFound),
        "temporarily_unavailable" | "server_error" => Some(ReasonCode::ProviderUnavailable),
        _ => None,
    }
}

fn of_status(status: u16) -> ReasonCode {
    match status {
        429 => ReasonCode::ProviderThrottled,
        408 | 500..=599 => ReasonCode::ProviderUnavailable,
        // A success that is no token, or a redirect: neither belongs to the contract.
        200..=399 => ReasonCode::ProviderResponseInvalid,
        _ => ReasonCode::ProviderAuthFailed,
    }
}

#[cfg(test)]
mod tests;
