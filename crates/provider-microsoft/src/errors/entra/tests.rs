//! Bodies in the shapes of the token endpoint, and what they mean.

use serde_json::json;

use super::*;

fn body(error: &str, numbers: &[u64]) -> Vec<u8> {
    let description = "AADSTS7000215: words that must not matter";
    json!({ "error": error, "error_description": description, "error_codes": numbers })
        .to_string()
        .into_bytes()
}

#[test]
fn the_number_decides() {
    let cases: [(u16, &str, &[u64], ReasonCode); 16] = [
        (
            401,
            "invalid_client",
            &[7_000_215],
            ReasonCode::ProviderCredentialInvalid,
        ),
        (
            401,
            "invalid_client",
            &[7_000_222],
            ReasonCode::ProviderCredentialExpired,
        ),
        (
            401,
            "invalid_client",
            &[70_002, 50_012],
            ReasonCode::ProviderCredentialInvalid,
        ),
        (
            401,
            "invalid_client",
            &[70_002, 7_000_222],
            ReasonCode::ProviderCredentialExpired,
        ),
        (401, "invalid_client", &[700_024], ReasonCode::ProviderClockSkew),
        (
            400,
            "unauthorized_client",
            &[700_016],
            ReasonCode::ProviderConsentMissing,
        ),
        (
            401,
            "invalid_client",
            &[7_000_229],
            ReasonCode::ProviderConsentMissing,
        ),
        (
            400,
            "invalid_grant",
            &[65_001],
            ReasonCode::ProviderConsentMissing,
        ),
        (
            400,
            "unauthorized_client",
            &[7_000_112],
            ReasonCode::ProviderClientDisabled,
        ),
        (
            400,
            "invalid_request",
            &[90_002],
            ReasonCode::ProviderTargetNotFound,
        ),
        (
            400,
            "invalid_request",
            &[900_383],
            ReasonCode::ProviderTargetNotFound,
        ),
        (400, "invalid_grant", &[53_003], ReasonCode::ProviderPolicyDenied),
        (400, "invalid_grant", &[50_196], ReasonCode::ProviderThrottled),
        (400, "invalid_grant", &[90_033], ReasonCode::ProviderUnavailable),
        (400, "invalid_scope", &[70_011], ReasonCode::ProviderAuthFailed),
        (
            400,
            "invalid_tenant",
            &[424_242],
            ReasonCode::ProviderTargetNotFound,
        ),
    ];
    for (status, error, numbers, expected) in cases {
        assert_eq!(
            classify(status, &body(error, numbers)),
            expected,
            "{error} {numbers:?}"
        );
    }
}

#[test]
fn certificates_and_tokens_of_other_issuers_have_their_numbers() {
    let cases = [
        (
            ReasonCode::ProviderCredentialInvalid,
            &[700_027, 700_030, 50_003, 70_002, 50_012, 7_000_218][..],
        ),
        (
            ReasonCode::ProviderCredentialInvalid,
            &[70_021, 700_211, 700_212, 700_213, 700_229],
        ),
        (
            ReasonCode::ProviderCredentialInvalid,
            &[7_002_137, 7_002_138, 7_000_214, 7_000_277],
        ),
        (
            ReasonCode::ProviderCredentialExpired,
            &[7_000_222, 1_000_502, 7_000_274],
        ),
        (ReasonCode::ProviderClockSkew, &[700_024]),
    ];
    for (expected, numbers) in cases {
        for number in numbers {
            assert_eq!(
                classify(401, &body("invalid_client", &[*number])),
                expected,
                "{number}"
            );
        }
    }
    let exact = [70_002, 700_024];
    assert_eq!(
        classify(401, &body("invalid_client", &exact)),
        ReasonCode::ProviderClockSkew
    );
}

#[test]
fn without_a_body_the_status_decides() {
    let cases = [
        (429, "Too Many Requests", ReasonCode::ProviderThrottled),
        (503, "<html>", ReasonCode::ProviderUnavailable),
        (302, "", ReasonCode::ProviderResponseInvalid),
        (200, "<html>", ReasonCode::ProviderResponseInvalid),
        (400, "{}", ReasonCode::ProviderAuthFailed),
        (403, "", ReasonCode::ProviderAuthFailed),
    ];
    for (status, body, expected) in cases {
        assert_eq!(classify(status, body.as_bytes()), expected, "{status} {body}");
    }
}

#[test]
fn no_number_stands_for_two_things() {
    let mut all: Vec<u64> = NUMBERS
        .iter()
        .flat_map(|(_, numbers)| numbers.iter().copied())
        .collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}
