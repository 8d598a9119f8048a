//! Tokens that count and tokens that do not.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kernel::{SecretBytes, Timestamp};
use serde_json::{Value, json};

use super::*;

const KEY: [u8; 32] = [7; 32];
/// RFC 8032, 7.1, test 1.
const ED_SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const ED_PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const ED_ISSUER: &str = "https://login.example.com";

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).expect("in range")
}

fn local() -> LocalIssuer {
    LocalIssuer::from_key(SecretBytes::new(KEY.to_vec()))
}

fn ed_pem() -> String {
    let mut der = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
    der.extend(STANDARD.decode(ED_PUBLIC).expect("base64"));
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(der)
    )
}

fn ed_key() -> EncodingKey {
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend(STANDARD.decode(ED_SEED).expect("base64"));
    EncodingKey::from_ed_der(&der)
}

fn verifier() -> TokenVerifier {
    let remote = Issuer::from_pem(
        ED_ISSUER,
        "tenantatlas-api",
        PublicKeyAlgorithm::EdDsa,
        ed_pem().as_bytes(),
    );
    TokenVerifier::new(vec![local().verifier_issuer(), remote.expect("a public key")])
}

fn claims() -> Value {
    json!({
        "iss": LocalIssuer::ISSUER,
        "aud": LocalIssuer::AUDIENCE,
        "sub": "user-1",
        "iat": now().timestamp(),
        "exp": now().timestamp() + 600,
    })
}

fn signed(header: &Header, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_secret(&KEY)).expect("signs")
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    signed(&Header::default(), &claims)
}

fn without(name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().expect("object").remove(name);
    signed(&Header::default(), &claims)
}

fn counts(token: &str) -> bool {
    verifier().verify(token, now()).is_ok()
}

#[test]
fn a_minted_token_names_its_bearer() {
    let token = local().mint("user-1", Some("  Ada\u{7}  "), TimeDelta::hours(1), now());
    let identity = verifier().verify(&token, now()).expect("counts");
    assert_eq!(identity.key.issuer, LocalIssuer::ISSUER);
    assert_eq!(
        (identity.key.subject.as_str(), identity.label.as_str()),
        ("user-1", "Ada")
    );
    let nameless = local().mint("user-1", None, TimeDelta::hours(1), now());
    assert_eq!(
        verifier().verify(&nameless, now()).expect("counts").label,
        "user-1"
    );
}

#[test]
fn required_claims_must_be_there_and_fit() {
    assert!(counts(&signed(&Header::default(), &claims())));
    for name in ["iss", "aud", "sub", "exp"] {
        assert!(!counts(&without(name)), "{name}");
        assert!(!counts(&with(name, Value::Null)), "{name}");
    }
    assert!(counts(&without("iat")), "iat is optional");
    assert!(!counts(&with("aud", json!("another-api"))));
    assert!(!counts(&with("aud", json!(["another-api"]))));
    assert!(counts(&with(
        "aud",
        json!(["another-api", LocalIssuer::AUDIENCE])
    )));
    assert!(!counts(&with("iss", json!("urn:somebody:else"))));
    assert!(
        !counts(&with("iss", json!([LocalIssuer::ISSUER]))),
        "one issuer, not a list"
    );
    for subject in [json!(""), json!("a\0b"), json!("x".repeat(256)), json!(7)] {
        assert!(!counts(&with("sub", subject.clone())), "{subject}");
    }
}

#[test]
fn times_hold_to_the_second_with_a_minute_of_grace() {
    let at = now().timestamp();
    let cases = [
        ("exp", at - 59, true),
        ("exp", at - 60, false),
        ("nbf", at + 60, true),
        ("nbf", at + 61, false),
        ("iat", at + 61, false),
        ("exp", at + 24 * 3600, true),
        ("exp", at + 24 * 3600 + 1, false),
    ];
    for (name, value, expected) in cases {
        assert_eq!(
            counts(&with(name, json!(value))),
            expected,
            "{name} {}",
            value - at
        );
    }
    assert!(!counts(&with("exp", json!("soon"))));
    assert!(counts(&with(
        "exp",
        json!(now().timestamp_micros() / 1_000_000 + 5)
    )));
}

#[test]
fn headers_say_no_more_than_we_understand() {
    let header = |change: fn(&mut Header)| {
        let mut header = Header::default();
        change(&mut header);
        signed(&header, &claims())
    };
    assert!(counts(&header(|header| header.typ = None)));
    assert!(counts(&header(|header| header.typ = Some("at+jwt".to_owned()))));
    assert!(!counts(&header(
        |header| header.typ = Some("secevent+jwt".to_owned())
    )));
    assert!(!counts(&header(
        |header| header.crit = Some(vec!["exp".to_owned()])
    )));
    assert!(!counts(&header(|header| header.crit = Some(Vec::new()))));
}

#[test]
fn the_algorithm_is_the_issuers_and_not_the_tokens_choice() {
    let remote = {
        let mut claims = claims();
        claims["iss"] = json!(ED_ISSUER);
        claims
    };
    let good = encode(&Header::new(Algorithm::EdDSA), &remote, &ed_key()).expect("signs");
    assert!(counts(&good));
    let confused = encode(
        &Header::default(),
        &remote,
        &EncodingKey::from_secret(ed_pem().as_bytes()),
    );
    assert!(
        !counts(&confused.expect("signs")),
        "the public key is no shared secret"
    );
    let borrowed = encode(&Header::new(Algorithm::EdDSA), &claims(), &ed_key()).expect("signs");
    assert!(!counts(&borrowed), "one issuer does not sign for another");
    assert!(
        !counts(&signed(&Header::new(Algorithm::HS512), &claims())),
        "another algorithm of the family"
    );
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "None", "HS256"] {
        let header = encoded(&json!({ "alg": algorithm, "typ": "JWT" }));
        assert!(
            !counts(&format!("{header}.{}.", encoded(&claims()))),
            "{algorithm}"
        );
    }
}

#[test]
fn damaged_and_foreign_tokens_do_not_count() {
    let good = signed(&Header::default(), &claims());
    let mut flipped = good.clone().into_bytes();
    let middle = good.find('.').expect("a token") + 10;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let other = encode(&Header::default(), &claims(), &EncodingKey::from_secret(&[8; 32])).expect("signs");
    let padded = with("padding", json!("x".repeat(TokenVerifier::MAX_BYTES)));
    let cut = &good[..good.len() - 1];
    for token in [
        &String::from_utf8_lossy(&flipped),
        other.as_str(),
        cut,
        &padded,
        "",
        ".",
        "..",
        "a.b.c",
        "…",
    ] {
        assert!(!counts(token), "{token}");
    }
}

#[test]
fn a_pem_of_another_algorithm_is_no_key() {
    let pem = ed_pem();
    assert!(Issuer::from_pem("a", "b", PublicKeyAlgorithm::Rs256, pem.as_bytes()).is_err());
    assert!(Issuer::from_pem("a", "b", PublicKeyAlgorithm::Es256, pem.as_bytes()).is_err());
    assert!(Issuer::from_pem("a", "b", PublicKeyAlgorithm::EdDsa, b"nonsense").is_err());
}
