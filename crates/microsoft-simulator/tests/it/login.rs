//! The login side over real HTTP: every refusal has the number, status and OAuth error of the real one.

use crate::support::{CLIENT, JWT_BEARER, SECRET, Stage, TENANT};
use microsoft_simulator::{AppState, Fault, FaultKind, Simulator, SimulatorOptions};
use serde_json::Value;
use uuid::Uuid;

/// A good token request with some fields replaced; an empty value leaves the field out.
async fn ask(stage: &Stage, tenant: &str, changes: &[(&str, &str)]) -> (u16, Value) {
    let (client, scope) = (CLIENT.to_string(), format!("{}/.default", stage.base()));
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
        ("client_secret", SECRET),
        ("scope", scope.as_str()),
    ];
    for change in changes {
        form.retain(|(name, _)| *name != change.0);
        form.push(*change);
    }
    form.retain(|(_, value)| !value.is_empty());
    let answer = stage.post_token(tenant, &form).await;
    (answer.status(), answer.json().await)
}

/// Tenant, changed fields, and then status, error and number of the refusal.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str, u32);

async fn assert_refused(stage: &Stage, (tenant, changes, status, error, code): Case<'_>) {
    let (got, body) = ask(stage, tenant, changes).await;
    assert_eq!(
        (got, &body["error"], &body["error_codes"][0]),
        (status, &error.into(), &code.into())
    );
    let text = body["error_description"].as_str().unwrap_or_default();
    assert!(
        text.starts_with(&format!("AADSTS{code}: ")) && !text.contains("mistaken~value"),
        "{text}"
    );
    for name in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
        assert!(body[name].is_string(), "{code} lacks {name}");
    }
}

#[tokio::test]
async fn refusals_have_the_real_numbers() {
    let stage = Stage::start().await;
    let (good, other) = (TENANT.to_string(), Uuid::from_u128(9).to_string());
    let cases: [Case<'_>; 11] = [
        (&other, &[], 400, "invalid_tenant", 90002),
        ("common", &[], 400, "invalid_request", 50059),
        ("organizations", &[], 400, "invalid_request", 50059),
        ("consumers", &[], 400, "invalid_request", 9_001_023),
        (
            &good,
            &[("grant_type", "password")],
            400,
            "unsupported_grant_type",
            70003,
        ),
        (&good, &[("scope", "User.Read")], 400, "invalid_scope", 1_002_012),
        (
            &good,
            &[(
                "scope",
                "https://graph.microsoft.com/.default https://foo.example/.default",
            )],
            400,
            "invalid_scope",
            700_022,
        ),
        (
            &good,
            &[("scope", "https://foo.example/.default")],
            400,
            "invalid_resource",
            500_011,
        ),
        (
            &good,
            &[("client_id", &other)],
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            &good,
            &[("client_secret", "mistaken~value")],
            401,
            "invalid_client",
            7_000_215,
        ),
        (&good, &[("client_secret", "")], 401, "invalid_client", 7_000_218),
    ];
    for case in cases {
        assert_refused(&stage, case).await;
    }
}

#[tokio::test]
async fn an_assertion_needs_its_type_and_must_be_a_token() {
    let stage = Stage::start().await;
    let good = TENANT.to_string();
    let cases: [Case<'_>; 3] = [
        (
            &good,
            &[("client_secret", ""), ("client_assertion", "x")],
            400,
            "invalid_request",
            900_144,
        ),
        (
            &good,
            &[
                ("client_secret", ""),
                ("client_assertion", "x"),
                ("client_assertion_type", "saml"),
            ],
            401,
            "invalid_client",
            7_000_218,
        ),
        (
            &good,
            &[
                ("client_secret", ""),
                ("client_assertion", "x"),
                ("client_assertion_type", JWT_BEARER),
            ],
            400,
            "invalid_request",
            50027,
        ),
    ];
    for case in cases {
        assert_refused(&stage, case).await;
    }
}

#[tokio::test]
async fn the_state_of_the_application_decides() {
    let stage = Stage::start().await;
    let tenant = TENANT.to_string();
    let code = async || ask(&stage, &tenant, &[]).await.1["error_codes"][0].as_u64();
    assert_eq!(code().await, None);
    assert!(stage.control().set_app_state(TENANT, CLIENT, AppState::Absent));
    assert_eq!(code().await, Some(700_016));
    assert!(stage.control().set_app_state(TENANT, CLIENT, AppState::Disabled));
    assert_eq!(code().await, Some(7_000_112));
    assert!(stage.control().set_app_state(TENANT, CLIENT, AppState::Consented));
    assert!(stage.control().set_client_secret(TENANT, CLIENT, "next"));
    assert_eq!(code().await, Some(7_000_215));
    assert!(!stage.control().set_app_state(TENANT, TENANT, AppState::Absent));
}

#[tokio::test]
async fn a_token_comes_by_form_and_by_basic() {
    let stage = Stage::start().await;
    let public = [("scope", "https://graph.microsoft.com/.default")];
    let (status, body) = ask(&stage, "contoso.example", &public).await;
    assert_eq!((status, &body["token_type"]), (200, &"Bearer".into()));
    assert!(
        body["expires_in"]
            .as_u64()
            .is_some_and(|life| (3600..=5400).contains(&life))
    );
    let token = body["access_token"].as_str().expect("a token");
    assert_eq!(stage.get_with("/v1.0/organization", token).await.status(), 200);

    // RFC 6749, section 2.3.1: both parts are form-encoded before they are joined.
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", stage.base());
    let form = [("grant_type", "client_credentials"), public[0]];
    let encoded = SECRET.replace('+', "%2B");
    let request = stage
        .client()
        .post(url)
        .basic_auth(CLIENT, Some(encoded))
        .form(&form);
    assert_eq!(request.send().await.expect("answers").status(), 200);
}

/// What MSAL sends beside the parameters of the protocol changes nothing, except the capability `cp1`.
#[tokio::test]
async fn parameters_of_the_libraries_are_understood() {
    let stage = Stage::start().await;
    let tenant = TENANT.to_string();
    let more = [
        ("client_info", "1"),
        ("x-client-sku", "MSAL.Python"),
        ("x-client-ver", "1.39.0"),
        ("return-client-request-id", "true"),
    ];
    let (status, body) = ask(&stage, &tenant, &more).await;
    assert_eq!((status, body.get("refresh_in")), (200, None));
    assert_eq!(body["expires_in"], body["ext_expires_in"]);

    let other = r#"{"access_token":{"xms_cc":{"values":["cp2"]}}}"#;
    let (_, body) = ask(&stage, &tenant, &[("claims", other)]).await;
    assert_eq!(body.get("refresh_in"), None);
    let capable = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
    let (_, body) = ask(&stage, &tenant, &[("claims", capable)]).await;
    let life = body["expires_in"].as_u64().expect("a number");
    assert!((86_400..=100_800).contains(&life), "{life}");
    assert_eq!(body["refresh_in"], life / 2);
}

/// Kiota makes a scope of the address that it calls, and leaves the port out.
#[tokio::test]
async fn the_scope_may_leave_the_port_out() {
    let stage = Stage::start().await;
    let tenant = TENANT.to_string();
    let (status, body) = ask(&stage, &tenant, &[("scope", "http://127.0.0.1/.default")]).await;
    assert_eq!(status, 200);
    let token = body["access_token"].as_str().expect("a token");
    assert_eq!(stage.get_with("/v1.0/organization", token).await.status(), 200);
    for scope in ["https://127.0.0.1/.default", "http://127.0.0.1:1/.default"] {
        let (status, body) = ask(&stage, &tenant, &[("scope", scope)]).await;
        assert_eq!(
            (status, &body["error_codes"][0]),
            (400, &500_011.into()),
            "{scope}"
        );
    }
}

/// A client's id comes back, in the header of every answer and in the body of a refusal.
#[tokio::test]
async fn a_refusal_tells_the_id_of_the_request() {
    let stage = Stage::start().await;
    let id = Uuid::from_u128(0x1234).to_string();
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", stage.base());
    let request = stage.client().post(url).header("client-request-id", &id);
    let answer = request.send().await.expect("answers");
    assert_eq!(answer.headers()["client-request-id"], id.as_str());
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["correlation_id"], id);
    let text = body["error_description"].as_str().expect("a text");
    assert!(
        text.contains(&format!("Correlation ID: {id} Timestamp: ")),
        "{text}"
    );
}

#[tokio::test]
async fn a_throttled_login_is_plain_text() {
    let stage = Stage::start().await;
    let kind = FaultKind::Throttled {
        retry_after: Some("60".to_owned()),
    };
    stage.control().inject(Fault {
        path_contains: "/token".to_owned(),
        times: 1,
        kind,
    });
    let answer = stage.post_token(&TENANT.to_string(), &[]).await;
    assert_eq!(
        (answer.status(), answer.header("retry-after").as_deref()),
        (429, Some("60"))
    );
    assert_eq!(answer.header("content-type").as_deref(), Some("text/plain"));
    assert!(answer.try_json().await.is_err());
}

#[tokio::test]
async fn a_token_for_another_tenant_leads_nowhere() {
    let stage = Stage::start().await;
    let kind = FaultKind::WrongTenantToken {
        tid: Uuid::from_u128(5),
    };
    stage.control().inject(Fault {
        path_contains: "/token".to_owned(),
        times: 1,
        kind,
    });
    let token = stage.token().await;
    let answer = stage.get_with("/v1.0/organization", &token).await;
    assert_eq!(
        answer.problem().await,
        (401, "Authorization_IdentityNotFound".to_owned())
    );
}

#[tokio::test]
async fn only_loopback_is_bound() {
    let options = SimulatorOptions {
        bind: ([0, 0, 0, 0], 0).into(),
        ..SimulatorOptions::default()
    };
    let error = Simulator::start(options).await.err().map(|error| error.kind());
    assert_eq!(error, Some(std::io::ErrorKind::InvalidInput));
}
