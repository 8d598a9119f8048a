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
            ReasonCode::ProviderRealmMismatch,
        ),
        (400, "invalid_grant", &[53_003], ReasonCode::ProviderPolicyDenied),
        (400, "invalid_grant", &[50_196], ReasonCode::ProviderThrottled),
        (400, "invalid_grant", &[90_033], ReasonCode::ProviderUnavailable),
        (400, "invalid_scope", &[70_011], ReasonCode::ProviderAuthFailed),
        (400, "invalid_tenant", &[424_242], ReasonCode::ProviderAuthFailed),
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
    let mut all = numbers::all();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn an_unknown_number_is_a_failed_sign_in_unless_it_may_pass() {
    let unknown = [987_654_321];
    for error in [
        "invalid_client",
        "unauthorized_client",
        "invalid_tenant",
        "made_up",
    ] {
        assert_eq!(
            classify(401, &body(error, &unknown)),
            ReasonCode::ProviderAuthFailed,
            "{error}"
        );
    }
    let passing = [
        (503, "invalid_client", ReasonCode::ProviderUnavailable),
        (400, "temporarily_unavailable", ReasonCode::ProviderUnavailable),
        (429, "invalid_request", ReasonCode::ProviderThrottled),
    ];
    for (status, error, expected) in passing {
        assert_eq!(
            classify(status, &body(error, &unknown)),
            expected,
            "{status} {error}"
        );
    }
    // Without a number the error decides.
    assert_eq!(
        classify(400, &body("invalid_tenant", &[])),
        ReasonCode::ProviderTargetNotFound
    );
}

/// The table of facts, row by row: what a number means, and whether trying again helps.
#[test]
fn the_table_of_facts_holds() {
    let facts = include_str!("../../../fixtures/aadsts_facts.txt");
    let mut seen = 0;
    for row in facts.lines().filter(|line| !line.starts_with('#')) {
        let [number, error, status, expected, again] = row.split(' ').collect::<Vec<_>>()[..] else {
            panic!("five columns: {row}")
        };
        let number: u64 = number.parse().expect("a number");
        let body = body(error, &[number]);
        let reason = classify(status.parse().unwrap_or(400), &body);
        assert_eq!(reason.as_str(), expected, "{row}");
        let passes = crate::retry::transient(reason);
        let fits = match again {
            "no" => !passes && reason != ReasonCode::ProviderClockSkew,
            "once" => passes || reason == ReasonCode::ProviderClockSkew,
            "wait" => reason == ReasonCode::ProviderThrottled,
            "yes" => passes,
            "consent-window" => reason == ReasonCode::ProviderConsentMissing,
            "after-clock-check" | "after-setup" => reason == ReasonCode::ProviderCredentialInvalid,
            _ => false,
        };
        assert!(fits, "{row}");
        let code = trace(&body).code.expect("is told");
        assert_eq!(code.to_string(), format!("AADSTS{number}"));
        seen += 1;
    }
    assert!(seen >= 57, "{seen}");
}

macro_rules! refused {
    ($name:literal) => {
        include_str!(concat!("../../../fixtures/answers/entra.", $name, ".json"))
    };
}

#[test]
fn reported_bodies_are_understood() {
    use ReasonCode as R;
    let cases = [
        (
            400,
            refused!("error-700016-app-not-in-tenant-400"),
            R::ProviderConsentMissing,
            700_016,
        ),
        (
            401,
            refused!("error-7000215-invalid-secret-401"),
            R::ProviderCredentialInvalid,
            7_000_215,
        ),
        (
            401,
            refused!("error-7000222-expired-secret-401"),
            R::ProviderCredentialExpired,
            7_000_222,
        ),
        (
            401,
            refused!("error-700024-assertion-time-401"),
            R::ProviderClockSkew,
            700_024,
        ),
        (
            401,
            refused!("error-700027-certificate-unknown-401"),
            R::ProviderCredentialInvalid,
            700_027,
        ),
        (
            400,
            refused!("error-70011-invalid-scope-400"),
            R::ProviderAuthFailed,
            70_011,
        ),
        (
            400,
            refused!("openid-90002-unknown-tenant-400"),
            R::ProviderTargetNotFound,
            90_002,
        ),
    ];
    for (status, body, reason, number) in cases {
        assert_eq!(classify(status, body.as_bytes()), reason, "{body}");
        let trace = trace(body.as_bytes());
        assert_eq!(trace.code, Some(ProviderCode::Numbered("AADSTS", number)));
        assert!(
            trace.trace_id.is_some() && trace.correlation_id.is_some(),
            "{body}"
        );
    }
}

#[test]
fn nothing_of_the_providers_text_survives() {
    let canaries = [
        "mallory@contoso.example",
        "eyJ0eXAiOiJKV1Q",
        "at Service.Handler(String",
        "capolids",
    ];
    let text = canaries.join(" ");
    let bodies = [
        json!({
            "error": text, "error_description": text, "error_codes": [7_000_215], "suberror": text, "claims": text,
            "trace_id": text, "correlation_id": text, "error_uri": text, "timestamp": text,
        }),
        json!({ "error": text, "error_codes": [text] }),
        json!(text),
    ];
    for body in bodies {
        let body = body.to_string();
        let (reason, trace) = (classify(401, body.as_bytes()), trace(body.as_bytes()));
        let shown = format!("{reason:?} {trace:?}");
        for canary in canaries {
            assert!(!shown.contains(canary), "{shown}");
        }
        assert_eq!((trace.trace_id, trace.correlation_id), (None, None));
    }
}
