//! What makes a token of a body, and for how long it is good.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::testing::{CLIENT, SECRET, TENANT, access};

pub(crate) fn identity() -> Identity {
    Identity::resolve(&access(SECRET), None).expect("canonical")
}

/// A body as the token endpoint sends it.
pub(crate) fn body(claims: &Value, expires_in: &Value) -> SecretBytes {
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let body = json!({ "token_type": "Bearer", "expires_in": expires_in, "access_token": token });
    SecretBytes::new(body.to_string().into_bytes())
}

/// A token that was asked for at `at`.
pub(crate) fn token(at: Timestamp) -> AccessToken {
    let claims = json!({ "tid": TENANT, "appid": CLIENT, "roles": ["User.Read.All"] });
    read(&body(&claims, &json!(3600)), &identity(), at, |_| Duration::ZERO)
        .unwrap_or_else(|reason| panic!("{reason:?}"))
}

fn refusal(claims: &Value, expires_in: &Value) -> Option<ReasonCode> {
    read(
        &body(claims, expires_in),
        &identity(),
        Timestamp::default(),
        |_| Duration::ZERO,
    )
    .err()
}

#[test]
fn a_token_is_for_this_tenant_and_this_client() {
    let hour = json!(3600);
    let upper = CLIENT.to_string().to_uppercase();
    assert_eq!(refusal(&json!({ "tid": TENANT, "appid": upper }), &hour), None);
    assert_eq!(refusal(&json!({ "tid": TENANT, "azp": CLIENT }), &hour), None);
    let mismatch = Some(ReasonCode::ProviderTargetScopeMismatch);
    let foreign = [
        json!({ "tid": CLIENT, "appid": CLIENT }),
        json!({ "tid": TENANT, "appid": TENANT }),
        json!({ "appid": CLIENT }),
        json!({ "tid": TENANT }),
        json!({}),
    ];
    for claims in foreign {
        assert_eq!(refusal(&claims, &hour), mismatch, "{claims}");
    }
}

#[test]
fn what_is_no_token_is_invalid() {
    let claims = json!({ "tid": TENANT, "appid": CLIENT });
    let invalid = Some(ReasonCode::ProviderResponseInvalid);
    assert_eq!(
        refusal(&claims, &json!("3599")),
        None,
        "older endpoints write text"
    );
    assert_eq!(refusal(&claims, &json!("soon")), invalid);
    assert_eq!(refusal(&claims, &json!(null)), invalid);
    assert_eq!(refusal(&json!("not claims"), &json!(3600)), invalid);
    let whole = [
        &b"{}"[..],
        b"<html>",
        br#"{"access_token":"a.b\n.c","expires_in":1}"#,
        br#"{"access_token":"x","expires_in":1}"#,
    ];
    for bytes in whole {
        let answer = read(
            &SecretBytes::new(bytes.to_vec()),
            &identity(),
            Timestamp::default(),
            |_| Duration::ZERO,
        );
        assert_eq!(answer.err(), invalid);
    }
}

#[test]
fn whatever_is_given_out_as_fresh_can_be_sent() {
    let (claims, start) = (json!({ "tid": TENANT, "appid": CLIENT }), Timestamp::default());
    let read = |life: i64| {
        read(&body(&claims, &json!(life)), &identity(), start, |_| {
            Duration::ZERO
        })
    };
    for life in [-1, 0, 1, 20, 30, 59] {
        let refused = read(life).err();
        assert_eq!(refused, Some(ReasonCode::ProviderResponseInvalid), "{life}");
    }
    for life in [60, 61, 90, 599, 600, 3_600] {
        let token = read(life).unwrap_or_else(|reason| panic!("{life}: {reason:?}"));
        for second in 0..life {
            let now = start + TimeDelta::seconds(second);
            assert!(
                !token.is_fresh(now) || token.is_usable(now),
                "{life} after {second}"
            );
        }
    }
}

#[test]
fn a_token_is_spent_five_minutes_early_and_usable_a_little_longer() {
    let start = Timestamp::default();
    let token = token(start);
    assert_eq!(token.roles, ["User.Read.All"]);
    assert!(token.is_fresh(start + TimeDelta::seconds(3299)));
    assert!(!token.is_fresh(start + TimeDelta::seconds(3300)));
    assert!(token.is_usable(start + TimeDelta::seconds(3569)));
    assert!(!token.is_usable(start + TimeDelta::seconds(3570)));
}
