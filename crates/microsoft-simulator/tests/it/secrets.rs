//! Several secrets at once, secrets that end, and how they are rotated.

use crate::support::{CLIENT, SECRET, Stage, TENANT, refused};
use chrono::TimeDelta;
use microsoft_simulator::{AppCredential, AppRegistration};
use serde_json::Value;
use uuid::Uuid;

async fn try_secret(stage: &Stage, secret: &str) -> Result<Value, (u16, String, u64)> {
    stage.prove(CLIENT, &[("client_secret", secret)]).await
}

fn unknown() -> Result<Value, (u16, String, u64)> {
    refused(401, "invalid_client", 7_000_215)
}

#[tokio::test]
async fn old_and_new_secret_overlap_while_a_tenants_own_app_rotates() {
    let stage = Stage::start().await;
    let control = stage.control();
    assert_eq!(try_secret(&stage, "next").await, unknown());
    assert!(control.add_app_secret(TENANT, CLIENT, "next"));
    assert!(try_secret(&stage, "next").await.is_ok());
    assert_eq!(
        try_secret(&stage, SECRET).await.expect("still good")["appidacr"],
        "1"
    );
    assert!(control.remove_app_secret(TENANT, CLIENT, SECRET));
    assert_eq!(try_secret(&stage, SECRET).await, unknown());
    assert!(try_secret(&stage, "next").await.is_ok());
    assert!(control.remove_app_secret(TENANT, CLIENT, "next"));
    assert!(!control.remove_app_secret(TENANT, CLIENT, "next"));
    assert_eq!(try_secret(&stage, "next").await, unknown());
    assert!(!control.add_app_secret(TENANT, TENANT, "next"));
}

#[tokio::test]
async fn a_registrations_secrets_are_good_in_its_tenants() {
    let registration = AppRegistration::new(CLIENT, "Platform").with_secret("one");
    let stage = Stage::start_registered(vec![registration]).await;
    let control = stage.control();
    assert!(control.consent(TENANT, CLIENT));
    assert!(try_secret(&stage, "one").await.is_ok());
    assert_eq!(try_secret(&stage, "two").await, unknown());
    assert!(control.add_registration_credential(CLIENT, AppCredential::secret("two")));
    assert!(try_secret(&stage, "one").await.is_ok() && try_secret(&stage, "two").await.is_ok());
    assert!(control.remove_registration_credential(CLIENT, &AppCredential::secret("one")));
    assert!(!control.remove_registration_credential(CLIENT, &AppCredential::secret("one")));
    assert_eq!(try_secret(&stage, "one").await, unknown());
    assert!(control.set_registration_secret(CLIENT, "three"));
    assert_eq!(try_secret(&stage, "two").await, unknown());
    assert!(try_secret(&stage, "three").await.is_ok());
    assert!(!control.set_registration_secret(Uuid::from_u128(3), "x"));

    control.add_registration(AppRegistration::new(CLIENT, "Platform").with_secret("four"));
    assert_eq!(
        try_secret(&stage, "three").await,
        unknown(),
        "the older one gave way"
    );
    assert!(try_secret(&stage, "four").await.is_ok());
}

/// A service principal that came by consent has no secret of its own, also not the empty one.
#[tokio::test]
async fn no_secret_is_not_an_empty_secret() {
    let stage = Stage::start_registered(vec![AppRegistration::new(CLIENT, "Platform")]).await;
    assert!(stage.control().consent(TENANT, CLIENT));
    assert_eq!(
        try_secret(&stage, "").await,
        refused(401, "invalid_client", 7_000_218)
    );
    assert_eq!(try_secret(&stage, "x").await, unknown());
}

#[tokio::test]
async fn a_secret_ends_by_the_simulators_clock() {
    let stage = Stage::start().await;
    let control = stage.control();
    let end = control.now() + TimeDelta::days(30);
    let credential = AppCredential::expiring_secret("ending", end);
    assert!(!format!("{credential:?}").contains("ending"));
    assert!(control.add_app_credential(TENANT, CLIENT, credential));
    assert!(try_secret(&stage, "ending").await.is_ok());
    control.set_clock_offset(TimeDelta::days(30) + TimeDelta::seconds(1));
    assert_eq!(
        try_secret(&stage, "ending").await,
        refused(401, "invalid_client", 7_000_222)
    );
    assert_eq!(try_secret(&stage, "unknown").await, unknown());
    assert!(
        try_secret(&stage, SECRET).await.is_ok(),
        "the other one never ends"
    );
    // The same text registered anew counts, whatever became of the old one.
    assert!(control.add_app_secret(TENANT, CLIENT, "ending"));
    assert!(try_secret(&stage, "ending").await.is_ok());
}
