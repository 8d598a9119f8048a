//! The consent pages in front of a store that never answers.

use super::*;

/// Method, path, origin; status, code, title.
type Refused = (
    &'static str,
    &'static str,
    Option<&'static str>,
    u16,
    &'static str,
    &'static str,
);

const REFUSED: [Refused; 7] = [
    (
        "GET",
        "/consent/callback",
        None,
        400,
        "consent_state_invalid",
        "Invalid consent state",
    ),
    (
        "GET",
        "/consent/callback?state=a&state=b",
        None,
        400,
        "consent_state_invalid",
        "Invalid consent state",
    ),
    (
        "GET",
        "/consent/callback?state=a",
        None,
        503,
        "store_unavailable",
        "Store unavailable",
    ),
    (
        "GET",
        "/consent/abc",
        None,
        503,
        "store_unavailable",
        "Store unavailable",
    ),
    (
        "POST",
        "/consent/abc",
        Some("https://atlas.example.com"),
        503,
        "store_unavailable",
        "Store unavailable",
    ),
    (
        "POST",
        "/consent/abc",
        Some("https://evil.test"),
        403,
        "consent_session_mismatch",
        "Another browser",
    ),
    (
        "POST",
        "/consent/abc",
        Some("null"),
        403,
        "consent_session_mismatch",
        "Another browser",
    ),
];

fn public() -> Arc<ApiState> {
    state_with(ApiSettings {
        public_url: "https://atlas.example.com/".parse().ok(),
        ..ApiSettings::default()
    })
}

#[actix_web::test]
async fn consent_pages_refuse_in_two_forms_with_the_same_headers() {
    let app = init_service(app(public())).await;
    for (method, path, origin, status, code, title) in REFUSED {
        for (accept, media, expected) in [
            ("*/*", "application/problem+json", code),
            ("text/html,*/*;q=0.8", "text/html; charset=utf-8", title),
        ] {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let mut request = TestRequest::with_uri(path).method(method);
            request = request.insert_header(("accept", accept));
            if let Some(origin) = origin {
                request = request.insert_header(("origin", origin));
            }
            let response = call_service(&app, request.to_request()).await;
            let headers = response.headers();
            assert_eq!(response.status(), status, "{path}");
            for (name, value) in [
                ("content-type", media),
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
            ] {
                assert_eq!(headers.get(name).expect(name), value, "{path}");
            }
            let policy = headers.get("content-security-policy").expect("a policy");
            let policy = policy.to_str().expect("ascii");
            assert!(
                policy.starts_with("default-src 'none'; style-src 'sha256-"),
                "{policy}"
            );
            assert_eq!(headers.contains_key("retry-after"), status == 503, "{path}");
            let body = to_bytes(response.into_body()).await.expect("in memory");
            let body = String::from_utf8_lossy(&body);
            assert!(body.contains(expected) && !body.contains("hunter2"), "{body}");
        }
    }
}

#[actix_web::test]
async fn consent_pages_have_methods_and_need_a_public_address() {
    for (path, methods) in [
        ("/consent/abc", "GET, HEAD, POST"),
        ("/consent/callback", "GET, HEAD"),
    ] {
        let put = TestRequest::with_uri(path).method(Method::PUT);
        let (status, allow, _) = ask(put, "allow").await;
        assert_eq!((status, allow.as_deref()), (405, Some(methods)));
        let (status, _, body) = ask(TestRequest::get().uri(path), "allow").await;
        assert_eq!(status, 409, "{body}");
        assert!(body.contains("\"code\":\"public_url_missing\""), "{body}");
    }
    let (status, ..) = ask(TestRequest::get().uri("/consent"), "allow").await;
    assert_eq!(status, 404);
}
