//! Tokens of another issuer in place of a secret.

use std::time::Duration;

use crate::support::{CLIENT, Stage, TENANT, refused};
use chrono::TimeDelta;
use microsoft_simulator::testing::FederatedIssuer;
use serde_json::{Value, json};

const AUDIENCE: &str = "api://AzureADTokenExchange";
const SUBJECT: &str = "system:serviceaccount:ns:Worker";
const LIFE: Duration = Duration::from_mins(10);

async fn stage_with(issuer: &FederatedIssuer) -> Stage {
    let stage = Stage::start().await;
    let credential = issuer.credential(SUBJECT, AUDIENCE).expect("a key");
    assert!(stage.control().add_app_credential(TENANT, CLIENT, credential));
    stage
}

async fn offer(
    stage: &Stage,
    token: Result<String, impl std::fmt::Debug>,
) -> Result<Value, (u16, String, u64)> {
    stage.assert(CLIENT, &token.expect("signed")).await
}

#[tokio::test]
async fn issuer_subject_and_audience_must_match_exactly() {
    let issuer = FederatedIssuer::new().expect("a key");
    let stage = stage_with(&issuer).await;
    let claims = offer(&stage, issuer.token(SUBJECT, AUDIENCE, LIFE))
        .await
        .expect("trusted");
    assert_eq!(claims["appidacr"], "2");
    let again = offer(&stage, issuer.token(SUBJECT, AUDIENCE, LIFE)).await;
    assert!(again.is_ok(), "a token file is read many times");

    let subject = offer(&stage, issuer.token(&SUBJECT.to_lowercase(), AUDIENCE, LIFE)).await;
    assert_eq!(subject, refused(401, "invalid_client", 700_213));
    let audience = offer(&stage, issuer.token(SUBJECT, "api://azureadtokenexchange", LIFE)).await;
    assert_eq!(audience, refused(401, "invalid_client", 700_212));
    let without_slash = FederatedIssuer::named(issuer.issuer().trim_end_matches('/')).expect("a key");
    let other = offer(&stage, without_slash.token(SUBJECT, AUDIENCE, LIFE)).await;
    assert_eq!(other, refused(401, "invalid_client", 700_211));
    let nothing = offer(&stage, without_slash.token("x", "y", LIFE)).await;
    assert_eq!(nothing, refused(400, "invalid_request", 70021));
    assert_eq!(stage.control().assertion_replays(), 0);
}

#[tokio::test]
async fn an_app_without_federated_credential_trusts_nobody() {
    let stage = Stage::start().await;
    let issuer = FederatedIssuer::new().expect("a key");
    let answer = offer(&stage, issuer.token(SUBJECT, AUDIENCE, LIFE)).await;
    assert_eq!(answer, refused(400, "invalid_request", 70021));
}

/// Two credentials do not lend each other their parts.
#[tokio::test]
async fn one_credential_must_match_in_all_parts() {
    let (one, two) = (
        FederatedIssuer::named("https://one.example").expect("a key"),
        FederatedIssuer::named("https://two.example").expect("a key"),
    );
    let stage = Stage::start().await;
    for (issuer, subject) in [(&one, "first"), (&two, "second")] {
        let credential = issuer.credential(subject, AUDIENCE).expect("a key");
        assert!(stage.control().add_app_credential(TENANT, CLIENT, credential));
    }
    assert!(offer(&stage, one.token("first", AUDIENCE, LIFE)).await.is_ok());
    assert!(offer(&stage, two.token("second", AUDIENCE, LIFE)).await.is_ok());
    let mixed = offer(&stage, one.token("second", AUDIENCE, LIFE)).await;
    assert_eq!(mixed, refused(401, "invalid_client", 700_213));
}

#[tokio::test]
async fn the_key_of_the_issuer_and_rs256_are_required() {
    let issuer = FederatedIssuer::new().expect("a key");
    let stage = stage_with(&issuer).await;
    let impostor = FederatedIssuer::new().expect("a key");
    let forged = offer(&stage, impostor.token(SUBJECT, AUDIENCE, LIFE)).await;
    assert_eq!(forged, refused(401, "invalid_client", 700_027));

    let now = stage.control().now().timestamp();
    let claims = json!({ "iss": issuer.issuer(), "sub": SUBJECT, "aud": AUDIENCE, "exp": now + 600 });
    let plain = issuer.sign_jwt(&json!({ "alg": "RS256" }), &claims);
    assert!(offer(&stage, plain).await.is_ok());
    let pss = issuer.sign_jwt(&json!({ "alg": "PS256" }), &claims);
    assert_eq!(
        offer(&stage, pss).await,
        refused(401, "invalid_client", 5_002_738)
    );
}

#[tokio::test]
async fn a_token_that_is_over_is_refused() {
    let issuer = FederatedIssuer::new().expect("a key");
    let stage = stage_with(&issuer).await;
    let now = stage.control().now();
    let at = |minutes| issuer.token_at(SUBJECT, AUDIENCE, now + TimeDelta::minutes(minutes), LIFE);
    assert!(offer(&stage, at(-14)).await.is_ok(), "within the tolerance");
    assert_eq!(
        offer(&stage, at(-16)).await,
        refused(401, "invalid_client", 700_024)
    );
    assert_eq!(
        offer(&stage, at(6)).await,
        refused(401, "invalid_client", 700_024)
    );
}
