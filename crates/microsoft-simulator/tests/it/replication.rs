//! What is not there at once after a consent, and the clock that all waiting goes by.

use std::time::Duration;

use crate::support::{CLIENT, Stage, TENANT, refused};
use chrono::TimeDelta;
use microsoft_simulator::{AppRegistration, RECOMMENDED_ROLES};
use serde_json::{Value, json};

const SECRET: &str = "platform~secret";

async fn stage() -> Stage {
    let registration = AppRegistration::new(CLIENT, "Platform").with_secret(SECRET);
    Stage::start_registered(vec![registration]).await
}

async fn token(stage: &Stage) -> Result<Value, (u16, String, u64)> {
    stage.prove(CLIENT, &[("client_secret", SECRET)]).await
}

fn absent() -> Result<Value, (u16, String, u64)> {
    refused(400, "unauthorized_client", 700_016)
}

#[tokio::test]
async fn a_consent_is_seen_after_the_delay() {
    let stage = stage().await;
    assert!(
        stage
            .control()
            .set_replication_delay(TENANT, Duration::from_mins(1))
    );
    assert!(!stage.control().set_replication_delay(CLIENT, Duration::ZERO));
    assert!(stage.control().consent(TENANT, CLIENT));
    assert_eq!(token(&stage).await, absent());
    stage.control().set_clock_offset(TimeDelta::seconds(50));
    assert_eq!(token(&stage).await, absent());
    stage.control().set_clock_offset(TimeDelta::seconds(61));
    assert!(token(&stage).await.is_ok());

    // A second consent adds a role: until it is seen, tokens come with the roles of before.
    stage.control().set_app_roles(TENANT, CLIENT, ["User.Read.All"]);
    assert!(stage.control().consent(TENANT, CLIENT));
    assert_eq!(
        token(&stage).await.expect("installed")["roles"],
        json!(["User.Read.All"])
    );
    stage.control().set_clock_offset(TimeDelta::seconds(122));
    let roles = token(&stage).await.expect("installed")["roles"].clone();
    assert_eq!(roles.as_array().map(Vec::len), Some(RECOMMENDED_ROLES.len()));
}

#[tokio::test]
async fn replication_can_be_counted_in_requests() {
    let stage = stage().await;
    stage.control().set_replication_misses(TENANT, 2);
    stage.control().set_role_misses(TENANT, 1);
    assert_eq!(token(&stage).await, absent(), "an absent app uses up no miss");
    assert!(stage.control().consent(TENANT, CLIENT));
    assert_eq!(token(&stage).await, absent());
    assert_eq!(token(&stage).await, absent());
    assert_eq!(token(&stage).await.expect("seen").get("roles"), None);
    assert!(token(&stage).await.expect("complete")["roles"].is_array());

    let url = format!("{}/_simulator/tenants/{TENANT}/replication", stage.base());
    let change = stage.client().put(&url).json(&json!({ "misses": 1 }));
    assert_eq!(change.send().await.expect("answers").status(), 204);
    assert_eq!(token(&stage).await, absent());
    assert!(token(&stage).await.is_ok());
}

#[tokio::test]
async fn the_clock_moves_the_date_header_and_ends_tokens() {
    let stage = Stage::start().await;
    let old = stage.token().await;
    assert_eq!(stage.get_with("/v1.0/users", &old).await.status(), 200);
    let url = format!("{}/_simulator/clock", stage.base());
    let before = stage
        .get_with("/v1.0/users", "")
        .await
        .header("date")
        .expect("a date");
    let change = stage
        .client()
        .put(&url)
        .json(&json!({ "offset_seconds": 100_000 }));
    assert_eq!(change.send().await.expect("answers").status(), 204);
    let after = stage
        .get_with("/v1.0/users", "")
        .await
        .header("date")
        .expect("a date");
    let parse = |text: &str| chrono::DateTime::parse_from_rfc2822(text).expect("an HTTP date");
    assert!(
        (parse(&after) - parse(&before)).num_seconds() >= 99_990,
        "{before} {after}"
    );
    assert_eq!(stage.get_with("/v1.0/users", &old).await.status(), 401);
    assert_eq!(
        stage.get("/v1.0/users").await.status(),
        200,
        "a new token is good"
    );
}
