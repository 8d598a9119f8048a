//! Errors of the token endpoint: the AADSTS number decides, then the OAuth error (RFC 6749, 5.2),
//! then the HTTP status. Numbers: Entra page "Microsoft Entra authentication and authorization
//! error codes"; those about a certificate's time and revocation: Microsoft.Identity.Web, change
//! 3653. The description is not even parsed.

use provider_core::ReasonCode;
use serde::Deserialize;

/// Those members of an error body that we read.
#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_codes: Vec<u64>,
}

/// The table. Where two numbers come together the later one is the more exact.
const NUMBERS: &[(ReasonCode, &[u64])] = &[
    // 7000215 wrong secret, 7000218 none sent, 700027 and 700030 and 50003 certificate, 70002 and
    // 50012 their older umbrella, 7000214 and 7000277 certificate revoked, 70021, 70021x and
    // 700213x federated identity: no record, its issuer, its audience, its subject.
    (
        ReasonCode::ProviderCredentialInvalid,
        &[
            7_000_215, 7_000_218, 700_027, 700_030, 50_003, 70_002, 50_012, 70_021, 700_211, 700_212,
            700_213, 700_229, 7_002_137, 7_002_138, 7_000_214, 7_000_277,
        ],
    ),
    // 7000222 secret, the others certificate.
    (
        ReasonCode::ProviderCredentialExpired,
        &[7_000_222, 1_000_502, 7_000_274],
    ),
    // The assertion is not within its time.
    (ReasonCode::ProviderClockSkew, &[700_024]),
    // 700016, 7000229 and 700011: no service principal in the tenant; the others: nobody agreed.
    (
        ReasonCode::ProviderConsentMissing,
        &[700_016, 7_000_229, 700_011, 65_001, 65_004, 90_094, 650_056],
    ),
    (
        ReasonCode::ProviderClientDisabled,
        &[7_000_112, 70_001, 1_000_031],
    ),
    // 90002 unknown tenant; the others: it lies in another cloud.
    (
        ReasonCode::ProviderTargetNotFound,
        &[90_002, 90_038, 900_382, 900_383],
    ),
    (
        ReasonCode::ProviderPolicyDenied,
        &[53_003, 530_032, 53_011, 500_212, 500_213],
    ),
    (ReasonCode::ProviderThrottled, &[50_196, 90_055]),
    (
        ReasonCode::ProviderUnavailable,
        &[90_006, 90_012, 90_024, 90_033, 90_090, 50_033, 50_000],
    ),
];

/// What an answer that is not a token means.
pub(crate) fn classify(status: u16, body: &[u8]) -> ReasonCode {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let by_number = body
        .error_codes
        .iter()
        .rev()
        .find_map(|number| of_number(*number));
    by_number
        .or_else(|| body.error.as_deref().and_then(of_error))
        .unwrap_or_else(|| of_status(status))
}

fn of_number(number: u64) -> Option<ReasonCode> {
    NUMBERS
        .iter()
        .find(|(_, numbers)| numbers.contains(&number))
        .map(|(reason, _)| *reason)
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
