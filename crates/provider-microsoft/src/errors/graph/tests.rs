//! Bodies in the shapes that Graph and Intune send, and what they mean.

mod answers;

use serde_json::{Value, json};

use super::*;

fn answer(status: u16, body: &Value) -> Answer {
    raw(status, body.to_string().as_bytes(), None)
}

fn raw(status: u16, body: &[u8], retry_after: Option<&str>) -> Answer {
    let retry_after = retry_after.map(str::to_owned);
    Answer {
        status,
        retry_after,
        body: body.to_vec(),
        ..Answer::default()
    }
}

fn verdict(answer: &Answer) -> Verdict {
    classify(answer, Timestamp::default())
}

fn error(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message, "innerError": { "date": "2025-01-01T00:00:00" } } })
}

/// What Intune answers: JSON in the message, and perhaps JSON in the message of that.
fn nested(code: &str, levels: &[Value]) -> Value {
    let message = levels.iter().rev().fold(None::<String>, |inner, level| {
        let mut level = level.clone();
        if let Some(inner) = inner {
            level["Message"] = json!(inner);
        }
        Some(level.to_string())
    });
    error(code, &message.unwrap_or_default())
}

#[test]
fn status_and_code_decide() {
    use ReasonCode as R;
    let failed = Verdict::Failed;
    let premium = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
    let forbidden = json!({ "ErrorCode": "Forbidden", "Message": "" });
    let cases = [
        (
            401,
            error("InvalidAuthenticationToken", "expired"),
            Verdict::Token(R::ProviderAuthFailed),
        ),
        (
            401,
            error("UnknownError", ""),
            Verdict::Token(R::ProviderPermissionMissing),
        ),
        (
            401,
            error("Authorization_IdentityNotFound", ""),
            failed(R::ProviderConsentMissing),
        ),
        (
            401,
            nested("UnknownError", &[forbidden]),
            failed(R::ProviderPermissionMissing),
        ),
        (
            403,
            error("Authorization_RequestDenied", ""),
            failed(R::ProviderPermissionMissing),
        ),
        (
            403,
            error("AccessDenied", ""),
            failed(R::ProviderPermissionMissing),
        ),
        (403, error("", ""), failed(R::ProviderPermissionMissing)),
        (403, error(premium, ""), failed(R::ProviderNotProvisioned)),
        (
            400,
            error("BadRequest", "Request not applicable to target tenant."),
            failed(R::ProviderNotProvisioned),
        ),
        (
            400,
            error("Request_BadRequest", "other"),
            failed(R::ProviderResponseInvalid),
        ),
        (400, error("Directory_ExpiredPageToken", ""), Verdict::PageToken),
        (
            400,
            error("DirectoryPageTokenNotFoundException", ""),
            Verdict::PageToken,
        ),
        (400, error("", "Invalid Skip Token"), Verdict::PageToken),
        (
            404,
            error("Request_ResourceNotFound", ""),
            failed(R::ProviderResponseInvalid),
        ),
        (
            501,
            error("NotImplemented", ""),
            failed(R::ProviderResponseInvalid),
        ),
        (302, json!({}), failed(R::ProviderResponseInvalid)),
        (
            504,
            error("UnknownError", ""),
            Verdict::Later(R::ProviderUnavailable, None),
        ),
    ];
    for (status, body, expected) in cases {
        assert_eq!(verdict(&answer(status, &body)), expected, "{status} {body}");
    }
}

#[test]
fn intune_is_read_through_three_levels() {
    let level = json!({ "ErrorCode": "x" });
    let last = json!({ "Message": "Request not applicable to target tenant." });
    let body = nested("UnknownError", &[level.clone(), level, last]);
    assert_eq!(
        verdict(&answer(400, &body)),
        Verdict::Failed(ReasonCode::ProviderNotProvisioned)
    );
    let inner = json!({ "error": { "code": "", "innererror": { "innererror": { "code": "Forbidden" } } } });
    assert_eq!(
        verdict(&answer(401, &inner)),
        Verdict::Failed(ReasonCode::ProviderPermissionMissing)
    );
}

#[test]
fn a_wait_is_taken_from_the_header_and_else_from_the_message() {
    let body = nested(
        "TooManyRequests",
        &[json!({ "Message": "slow down", "RetryAfter": "7" })],
    );
    let seconds = |seconds| Verdict::Later(ReasonCode::ProviderThrottled, Some(Duration::from_secs(seconds)));
    assert_eq!(verdict(&answer(429, &body)), seconds(7));
    assert_eq!(
        verdict(&raw(429, body.to_string().as_bytes(), Some("3"))),
        seconds(3)
    );
    let number = nested("TooManyRequests", &[json!({ "RetryAfter": 9 })]);
    assert_eq!(verdict(&answer(429, &number)), seconds(9));
}

#[test]
fn garbage_is_judged_by_its_status() {
    for body in [
        &b""[..],
        b"<html>",
        b"[1]",
        b"{\"error\":\"text\"}",
        &[0xff, 0xfe],
    ] {
        assert_eq!(
            verdict(&raw(503, body, Some("soon"))),
            Verdict::Later(ReasonCode::ProviderUnavailable, None)
        );
        assert_eq!(
            verdict(&raw(403, body, None)),
            Verdict::Failed(ReasonCode::ProviderPermissionMissing)
        );
    }
}
