//! Client assertions that are signed with a registered certificate.

use std::sync::LazyLock;

use crate::support::{CLIENT, Stage, TENANT, refused};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{TimeDelta, Utc};
use microsoft_simulator::testing::{RsaBits, TestCertificate};
use microsoft_simulator::{AppCredential, AppRegistration, Simulator, SimulatorOptions};
use serde_json::{Value, json};
use uuid::Uuid;

/// Far enough away for every test; made once, because making RSA keys is slow.
static KNOWN: LazyLock<TestCertificate> = LazyLock::new(|| certificate("known"));
static OTHER: LazyLock<TestCertificate> = LazyLock::new(|| certificate("other"));

fn certificate(name: &str) -> TestCertificate {
    let end = "2090-01-01T00:00:00Z"
        .parse::<chrono::DateTime<Utc>>()
        .expect("a time");
    TestCertificate::new(name, end).expect("a certificate")
}

async fn stage() -> Stage {
    let stage = Stage::start().await;
    let credential = AppCredential::certificate(KNOWN.certificate_der());
    assert!(stage.control().add_app_credential(TENANT, CLIENT, credential));
    stage
}

/// Header and claims of a good assertion, to be spoiled.
fn good(stage: &Stage, id: &str) -> (Value, Value) {
    let now = stage.control().now().timestamp();
    (
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": KNOWN.sha256_thumbprint() }),
        json!({
            "aud": stage.endpoint(), "iss": CLIENT, "sub": CLIENT, "jti": id, "nbf": now, "iat": now,
            "exp": now + 600,
        }),
    )
}

/// The answer to an assertion that was changed before it was signed.
async fn changed(
    stage: &Stage,
    change: impl FnOnce(&mut Value, &mut Value),
) -> Result<Value, (u16, String, u64)> {
    let (mut header, mut claims) = good(stage, "id");
    change(&mut header, &mut claims);
    let assertion = KNOWN.sign_jwt(&header, &claims).expect("signed");
    stage.assert(CLIENT, &assertion).await
}

fn code(answer: Result<Value, (u16, String, u64)>) -> Option<(u16, u64)> {
    answer.err().map(|(status, _, code)| (status, code))
}

#[tokio::test]
async fn a_certificate_signs_in() {
    let stage = stage().await;
    let assertion = KNOWN.client_assertion(CLIENT, &stage.endpoint(), stage.control().now());
    let claims = stage
        .assert(CLIENT, &assertion.expect("signed"))
        .await
        .expect("good");
    assert_eq!(
        (&claims["appidacr"], &claims["appid"]),
        (&json!("2"), &json!(CLIENT))
    );
    let issuer = format!("{}/{TENANT}/v2.0", stage.base());
    let by_issuer = changed(&stage, |_, claims| claims["aud"] = json!(issuer)).await;
    assert!(by_issuer.is_ok(), "the issuer is an audience too");
}

#[tokio::test]
async fn thumbprints_come_in_several_forms() {
    let stage = stage().await;
    let headers = |alg: &str, name: &str, text: String| json!({ "alg": alg, name: text });
    let padded = |text: String| STANDARD.encode(URL_SAFE_NO_PAD.decode(text).expect("base64url"));
    let (sha1, sha256) = (KNOWN.sha1_thumbprint(), KNOWN.sha256_thumbprint());
    let accepted = [
        headers("PS256", "x5t#S256", sha256.clone()),
        headers("PS256", "x5t#S256", padded(sha256.clone())),
        headers("RS256", "x5t#S256", sha256.clone()),
        headers("RS256", "x5t", sha1.clone()),
        json!({ "alg": "RS256", "x5t": sha1, "x5t#S256": sha256 }),
    ];
    for new in accepted {
        let answer = changed(&stage, |header, _| *header = new.clone()).await;
        assert!(answer.is_ok(), "{new}: {answer:?}");
    }
    let refused = [
        headers("PS256", "x5t", sha1.clone()),
        headers("RS256", "kid", sha1.clone()),
        headers("PS256", "x5t#S256", OTHER.sha256_thumbprint()),
        json!({ "alg": "RS256", "x5t": OTHER.sha1_thumbprint(), "x5t#S256": sha256 }),
    ];
    for new in refused {
        let answer = changed(&stage, |header, _| *header = new.clone()).await;
        assert_eq!(code(answer), Some((401, 700_027)), "{new}");
    }
}

#[tokio::test]
async fn only_the_registered_key_signs() {
    let stage = stage().await;
    let (mut header, claims) = good(&stage, "id");
    let forged = OTHER.sign_jwt(&header, &claims).expect("signed");
    let refusal = refused(401, "invalid_client", 700_027);
    assert_eq!(
        stage.assert(CLIENT, &forged).await,
        refusal,
        "wrong key behind a good thumbprint"
    );
    header["x5t#S256"] = json!(OTHER.sha256_thumbprint());
    let unknown = OTHER.sign_jwt(&header, &claims).expect("signed");
    assert_eq!(stage.assert(CLIENT, &unknown).await, refusal, "not registered");

    let credential = AppCredential::certificate(OTHER.certificate_der());
    assert!(
        stage
            .control()
            .add_app_credential(TENANT, CLIENT, credential.clone())
    );
    assert!(
        stage.assert(CLIENT, &unknown).await.is_ok(),
        "registered while running"
    );
    assert!(stage.control().remove_app_credential(TENANT, CLIENT, &credential));
    assert_eq!(stage.assert(CLIENT, &unknown).await, refusal, "removed");

    // The claims of one assertion behind the signature of another.
    let (header, mut claims) = good(&stage, "id");
    let first = KNOWN.sign_jwt(&header, &claims).expect("signed");
    claims["jti"] = json!("changed");
    let second = KNOWN.sign_jwt(&header, &claims).expect("signed");
    let body = second.rsplit_once('.').expect("three parts").0;
    let signature = first.rsplit_once('.').expect("three parts").1;
    assert_eq!(
        stage.assert(CLIENT, &format!("{body}.{signature}")).await,
        refusal
    );
}

#[tokio::test]
async fn other_algorithms_are_refused() {
    let stage = stage().await;
    let (mut header, claims) = good(&stage, "id");
    for name in ["none", "HS256", "RS384", "ES256"] {
        header["alg"] = json!(name);
        let parts = [&header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        for signature in ["", "AAAA"] {
            let assertion = format!("{}.{signature}", parts.join("."));
            let refusal = refused(401, "invalid_client", 5_002_738);
            assert_eq!(stage.assert(CLIENT, &assertion).await, refusal, "{name}");
        }
    }
}

#[tokio::test]
async fn the_claims_must_speak_of_this_client_and_tenant() {
    let stage = stage().await;
    let cases = [
        (
            "aud",
            json!(format!("{}/{CLIENT}/oauth2/v2.0/token", stage.base())),
            401,
            700_023,
        ),
        (
            "aud",
            json!(format!("{}/common/oauth2/v2.0/token", stage.base())),
            401,
            700_023,
        ),
        ("aud", json!([stage.endpoint()]), 400, 50027),
        ("sub", json!(TENANT), 401, 50048),
        ("iss", json!(TENANT), 401, 700_021),
        ("iss", json!(null), 400, 50027),
        ("jti", json!(null), 400, 50027),
        ("jti", json!(""), 400, 50027),
    ];
    for (name, value, status, number) in cases {
        let answer = changed(&stage, |_, claims| claims[name] = value.clone()).await;
        assert_eq!(code(answer), Some((status, number)), "{name} = {value}");
    }
}

#[tokio::test]
async fn times_are_numbers() {
    let stage = stage().await;
    let now = stage.control().now().timestamp();
    // MSAL for Python sends fractions of seconds.
    let fraction = changed(&stage, |_, claims| {
        claims["exp"] = serde_json::from_str(&format!("{}.5", now + 600)).expect("a number");
        claims["iat"] = serde_json::from_str(&format!("{now}.25")).expect("a number");
    });
    assert!(fraction.await.is_ok());
    let late = changed(&stage, |_, claims| {
        claims["exp"] = serde_json::from_str(&format!("{}.5", now - 400)).expect("a number");
    });
    assert_eq!(late.await, refused(401, "invalid_client", 700_024));
    for name in ["exp", "nbf", "iat"] {
        let answer = changed(&stage, |_, claims| claims[name] = json!(claims[name].to_string())).await;
        assert_eq!(answer, refused(400, "invalid_request", 50027), "{name}");
    }
    let answer = changed(&stage, |_, claims| claims["exp"] = json!(null)).await;
    assert_eq!(answer, refused(400, "invalid_request", 50027));
}

#[tokio::test]
async fn an_assertion_lives_within_five_minutes_tolerance() {
    let stage = stage().await;
    let now = stage.control().now().timestamp();
    let cases = [
        ("exp", -290, true),
        ("exp", -310, false),
        ("nbf", 290, true),
        ("nbf", 310, false),
        ("iat", 310, false),
        ("exp", i64::MAX - now, true),
        ("nbf", i64::MIN + 2_000_000_000 - now, true),
    ];
    for (name, distance, accepted) in cases {
        let answer = changed(&stage, |_, claims| claims[name] = json!(now + distance)).await;
        let expected = (!accepted).then_some((401, 700_024));
        assert_eq!(code(answer), expected, "{name} {distance}");
    }
    let (header, claims) = good(&stage, "id");
    let assertion = KNOWN.sign_jwt(&header, &claims).expect("signed");
    stage.control().set_clock_offset(TimeDelta::minutes(16));
    let late = stage.assert(CLIENT, &assertion).await;
    assert_eq!(late, refused(401, "invalid_client", 700_024), "the clock went on");
}

#[tokio::test]
async fn replays_are_counted_and_refused_on_request() {
    let stage = stage().await;
    let (header, claims) = good(&stage, "once");
    let assertion = KNOWN.sign_jwt(&header, &claims).expect("signed");
    assert!(stage.assert(CLIENT, &assertion).await.is_ok());
    assert_eq!(stage.control().assertion_replays(), 0);
    assert!(stage.assert(CLIENT, &assertion).await.is_ok());
    assert_eq!(stage.control().assertion_replays(), 1);
    stage.control().refuse_assertion_replays(true);
    assert_eq!(
        stage.assert(CLIENT, &assertion).await,
        refused(401, "invalid_client", 50012)
    );
    let fresh = KNOWN.client_assertion(CLIENT, &stage.endpoint(), stage.control().now());
    assert!(stage.assert(CLIENT, &fresh.expect("signed")).await.is_ok());
    assert_eq!(stage.control().assertion_replays(), 2);
}

#[tokio::test]
async fn a_certificate_ends_and_needs_an_rsa_key() {
    let stage = stage().await;
    let now = stage.control().now();
    let short = TestCertificate::new("short", now + TimeDelta::hours(1)).expect("a certificate");
    let large =
        TestCertificate::rsa(RsaBits::B3072, "large", now + TimeDelta::days(9)).expect("a certificate");
    let curve = TestCertificate::ec("curve", now + TimeDelta::days(1)).expect("a certificate");
    for one in [&short, &large, &curve] {
        let credential = AppCredential::certificate(one.certificate_der());
        assert!(stage.control().add_app_credential(TENANT, CLIENT, credential));
    }
    let by = async |one: &TestCertificate| {
        let assertion = one.client_assertion(CLIENT, &stage.endpoint(), stage.control().now());
        stage.assert(CLIENT, &assertion.expect("signed")).await
    };
    assert!(by(&short).await.is_ok() && by(&large).await.is_ok());
    stage.control().set_clock_offset(TimeDelta::hours(2));
    assert_eq!(by(&short).await, refused(401, "invalid_client", 700_027));
    assert!(by(&large).await.is_ok(), "a longer certificate goes on");

    assert!(curve.sign_jwt(&json!({ "alg": "PS256" }), &json!({})).is_err());
    let (mut header, claims) = good(&stage, "id");
    header["x5t#S256"] = json!(curve.sha256_thumbprint());
    let assertion = KNOWN.sign_jwt(&header, &claims).expect("signed");
    assert_eq!(
        stage.assert(CLIENT, &assertion).await,
        refused(401, "invalid_client", 700_027)
    );
}

#[tokio::test]
async fn a_registrations_certificate_is_good_in_its_tenants() {
    let registration = AppRegistration::new(CLIENT, "Platform").with_certificate(KNOWN.certificate_der());
    let stage = Stage::start_registered(vec![registration]).await;
    let (header, claims) = good(&stage, "id");
    let assertion = KNOWN.sign_jwt(&header, &claims).expect("signed");
    let absent = stage.assert(CLIENT, &assertion).await;
    assert_eq!(
        absent,
        refused(400, "unauthorized_client", 700_016),
        "before the consent"
    );
    assert!(stage.control().consent(TENANT, CLIENT));
    assert!(stage.assert(CLIENT, &assertion).await.is_ok());
}

#[tokio::test]
async fn an_unreadable_certificate_stops_the_start() {
    let options = SimulatorOptions {
        registrations: vec![AppRegistration::new(Uuid::nil(), "x").with_certificate(*b"no certificate")],
        ..SimulatorOptions::default()
    };
    let error = Simulator::start(options).await.err().map(|error| error.kind());
    assert_eq!(error, Some(std::io::ErrorKind::InvalidInput));
}

#[test]
fn pem_forms_are_what_tools_expect() {
    assert!(KNOWN.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(KNOWN.private_key_pem().starts_with("-----BEGIN PRIVATE KEY-----"));
}
