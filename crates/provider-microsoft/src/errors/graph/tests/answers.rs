//! Whole refusals in the shapes that were documented and reported (`fixtures/answers`), the table of
//! facts, and what is left of a text that somebody else wrote.

use super::*;

const FACTS: &str = include_str!("../../../../fixtures/graph_error_facts.txt");

#[test]
fn the_table_of_facts_holds() {
    let rows = FACTS.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for row in rows {
        let [status, name, follows, reason] = row.split(' ').collect::<Vec<_>>()[..] else {
            panic!("four columns: {row}")
        };
        let name = if name == "-" { "" } else { name };
        let status: u16 = status.parse().expect("a status");
        let answer = answer(status, &error(name, "words"));
        let verdict = match verdict(&answer) {
            Verdict::Later(reason, _) => ("later", reason.as_str()),
            Verdict::Token(reason) => ("token", reason.as_str()),
            Verdict::PageToken => ("page-token", "-"),
            Verdict::Failed(reason) => ("failed", reason.as_str()),
        };
        assert_eq!(verdict, (follows, reason), "{row}");
        let known = (!name.is_empty()).then_some(name.to_owned());
        assert_eq!(code(&answer).map(|code| code.to_string()), known, "{row}");
        count += 1;
    }
    assert!(count > 30, "{count}");
}

macro_rules! body {
    ($name:literal) => {
        include_str!(concat!("../../../../fixtures/answers/errors.", $name, ".json"))
    };
}

#[test]
fn reported_bodies_are_understood() {
    use ReasonCode as R;
    let failed = Verdict::Failed;
    let cases = [
        (
            403,
            body!("authorization-request-denied-403"),
            failed(R::ProviderPermissionMissing),
            "Authorization_RequestDenied",
        ),
        (
            403,
            body!("conditional-access-missing-role-403"),
            failed(R::ProviderPermissionMissing),
            "AccessDenied",
        ),
        (
            403,
            body!("intune-missing-role-403"),
            failed(R::ProviderPermissionMissing),
            "Forbidden",
        ),
        (
            403,
            body!("non-premium-tenant-403"),
            failed(R::ProviderNotProvisioned),
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        ),
        (
            400,
            body!("intune-not-provisioned-400"),
            failed(R::ProviderNotProvisioned),
            "BadRequest",
        ),
        (
            400,
            body!("graph-400-generic"),
            failed(R::ProviderResponseInvalid),
            "BadRequest",
        ),
        (
            400,
            body!("unsupported-filter-400"),
            failed(R::ProviderResponseInvalid),
            "Request_UnsupportedQuery",
        ),
        (
            400,
            body!("users-count-without-consistencylevel-400"),
            failed(R::ProviderResponseInvalid),
            "Request_BadRequest",
        ),
        (
            400,
            body!("expired-page-token-400"),
            Verdict::PageToken,
            "Directory_ExpiredPageToken",
        ),
        (
            401,
            body!("identity-not-found-401"),
            failed(R::ProviderConsentMissing),
            "Authorization_IdentityNotFound",
        ),
        (
            401,
            body!("invalid-authentication-token-401"),
            Verdict::Token(R::ProviderAuthFailed),
            "InvalidAuthenticationToken",
        ),
        (
            429,
            body!("graph-429-retry-after"),
            Verdict::Later(R::ProviderThrottled, None),
            "TooManyRequests",
        ),
        (
            501,
            body!("not-implemented-501"),
            failed(R::ProviderResponseInvalid),
            "NotImplemented",
        ),
        (
            504,
            body!("gateway-timeout-504"),
            Verdict::Later(R::ProviderUnavailable, None),
            "UnknownError",
        ),
    ];
    for (status, body, expected, known) in cases {
        let answer = raw(status, body.as_bytes(), None);
        assert_eq!(verdict(&answer), expected, "{body}");
        assert_eq!(code(&answer), Some(ProviderCode::Known(known)), "{body}");
        // A body that broke off says nothing: the status decides.
        let cut = raw(status, &body.as_bytes()[..body.len() / 2], None);
        assert_eq!(code(&cut), None);
        assert_eq!(verdict(&cut), verdict(&raw(status, b"", None)), "{status}");
    }
}

#[test]
fn the_deepest_code_that_is_known_is_told() {
    let told = |body: &Value| code(&answer(401, body)).map(|code| code.to_string());
    let forbidden = json!({ "ErrorCode": "Forbidden", "Message": "" });
    assert_eq!(
        told(&nested("UnknownError", &[forbidden])),
        Some("Forbidden".to_owned())
    );
    let stranger = json!({ "ErrorCode": "person@contoso.example", "Message": "" });
    assert_eq!(
        told(&nested("UnknownError", &[stranger])),
        Some("UnknownError".to_owned())
    );
    let inner = json!({ "error": { "code": "badrequest", "innerError": { "code": "made up" } } });
    assert_eq!(told(&inner), Some("BadRequest".to_owned()), "in our spelling");
    for nothing in [
        json!({}),
        json!([]),
        json!({ "error": "text" }),
        error("", ""),
        error("made up", ""),
    ] {
        assert_eq!(told(&nothing), None, "{nothing}");
    }
}

#[test]
fn a_plain_text_or_a_page_is_judged_by_its_status() {
    let later = Verdict::Later(ReasonCode::ProviderThrottled, Some(Duration::from_mins(1)));
    assert_eq!(verdict(&raw(429, b"Too Many Requests", Some("60"))), later);
    let page = format!("<html>{}</html>", "x".repeat(1 << 20));
    let unavailable = Verdict::Later(ReasonCode::ProviderUnavailable, None);
    assert_eq!(verdict(&raw(503, page.as_bytes(), None)), unavailable);
    let deep = format!("{}{}", "{\"error\":".repeat(5_000), "}".repeat(5_000));
    assert_eq!(verdict(&raw(503, deep.as_bytes(), None)), unavailable);
    assert_eq!(code(&raw(503, deep.as_bytes(), None)), None);
}

#[test]
fn nothing_of_the_providers_text_survives() {
    let canaries = [
        "mallory@contoso.example",
        "eyJ0eXAiOiJKV1Q",
        "at Service.Handler(String",
        "Mallory Example",
    ];
    let text = canaries.join(" ");
    let levels = [
        json!({ "ErrorCode": text }),
        json!({ "ErrorCode": text, "Message": text, "RetryAfter": text }),
    ];
    let plain = json!({ "error": { "code": text, "message": text, "innerError": { "code": text, "innerError": { "code": text } } } });
    for body in [
        plain,
        nested(&text, &levels),
        json!({ "error": text }),
        json!(text),
    ] {
        for status in [400, 401, 403, 404, 429, 500, 503] {
            let answer = raw(status, body.to_string().as_bytes(), Some(&text));
            let (verdict, code) = (verdict(&answer), code(&answer));
            let shown = format!(
                "{verdict:?} {code:?} {}",
                code.map(|code| code.to_string()).unwrap_or_default()
            );
            for canary in canaries {
                assert!(!shown.contains(canary), "{shown}");
            }
            assert_eq!(code, None, "{body}");
        }
    }
}
