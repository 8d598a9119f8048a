//! What goes wrong between here and Graph.

use std::time::Duration;

use inventory::{ItemKind, SectionOutcome};
use microsoft_simulator::FaultKind;
use provider_core::{Interrupt, ProviderFailure, ReasonCode, Retry};

use crate::testing::{Stage, section};

const COMPLETE: (SectionOutcome, u64) = (SectionOutcome::Complete, 250);
const INVALID: (SectionOutcome, u64) = (SectionOutcome::Failed(ReasonCode::ProviderResponseInvalid), 0);

fn throttled(retry_after: &str) -> FaultKind {
    FaultKind::Throttled {
        retry_after: Some(retry_after.to_owned()),
    }
}

async fn users(stage: &Stage) -> (SectionOutcome, u64) {
    let (collection, _) = stage.collect().await.expect("is read");
    section(&collection, ItemKind::User)
}

#[tokio::test]
async fn a_throttled_page_waits_at_least_what_it_was_told() {
    let stage = Stage::new().await;
    stage.fault("/v1.0/users?", 2, throttled("7"));
    assert_eq!(users(&stage).await, COMPLETE);
    assert!(
        stage.pauses.total() >= Duration::from_secs(14),
        "{:?}",
        stage.pauses.total()
    );
    assert!(
        stage.pauses.longest() <= Duration::from_secs(1),
        "a cancellation is heard every second"
    );
    assert_eq!(stage.calls("/v1.0/users?"), 3);
}

#[tokio::test]
async fn a_wait_that_outlasts_the_budget_hands_the_run_back() {
    let mut stage = Stage::new().await;
    stage.run.budget = Duration::from_secs(20);
    stage.fault("/v1.0/users?", 1, throttled("150100"));
    let retry = Retry::After(Duration::from_secs(150_100));
    let failure = ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry,
    };
    assert_eq!(stage.collect().await.expect_err("is handed back"), failure);
    assert!(stage.pauses.total().is_zero(), "no worker waits for that");
}

#[tokio::test]
async fn the_budget_is_for_the_sum_of_waits() {
    let mut stage = Stage::new().await;
    stage.run.budget = Duration::from_secs(20);
    stage.fault("/v1.0/users?", 5, throttled("8"));
    let retry = Retry::After(Duration::from_secs(8));
    let failure = ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry,
    };
    assert_eq!(stage.collect().await.expect_err("is handed back"), failure);
    assert_eq!(stage.pauses.total(), Duration::from_secs(16));
}

#[tokio::test]
async fn a_cancellation_is_heard_while_waiting() {
    let mut stage = Stage::new().await;
    stage.run.cancel_at = 8;
    stage.fault("/v1.0/organization", 1, throttled("30"));
    let canceled = ProviderFailure::Interrupted(Interrupt::CancelRequested);
    assert_eq!(stage.collect().await.expect_err("is canceled"), canceled);
    assert!(
        stage.pauses.total() < Duration::from_secs(10),
        "{:?}",
        stage.pauses.total()
    );
    assert_eq!(stage.calls("/v1.0/organization"), 1);
}

#[tokio::test]
async fn passing_faults_are_outlasted() {
    let faults = [
        FaultKind::ServerError,
        FaultKind::ServiceUnavailable {
            retry_after: Some("1".to_owned()),
        },
        FaultKind::GatewayTimeout,
        FaultKind::Status {
            status: 502,
            body: "<html>".to_owned(),
        },
        FaultKind::Html,
        FaultKind::Truncated,
        FaultKind::EmptyPage,
    ];
    let stage = Stage::new().await;
    for fault in faults {
        stage.fault("/v1.0/users?", 1, fault.clone());
        assert_eq!(users(&stage).await, COMPLETE, "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_that_stays_ends_one_kind_after_six_attempts() {
    let stage = Stage::new().await;
    stage.fault("/v1.0/users?", 100, FaultKind::ServerError);
    let failed = SectionOutcome::Failed(ReasonCode::ProviderUnavailable);
    assert_eq!(users(&stage).await, (failed, 0));
    assert_eq!(stage.calls("/v1.0/users?"), 6);
}

#[tokio::test]
async fn a_next_link_to_another_host_is_not_followed() {
    let (stage, foreign) = (Stage::new().await, Stage::new().await);
    let url = format!("{}/v1.0/users?$skiptoken=x", foreign.simulator.base_url());
    stage.fault("/v1.0/users?", 1, FaultKind::NextLink { url });
    assert_eq!(users(&stage).await, INVALID);
    assert_eq!(foreign.calls(""), 0, "the token stays at home");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (stage, foreign) = (Stage::new().await, Stage::new().await);
    let location = format!("{}/v1.0/users", foreign.simulator.base_url());
    stage.fault(
        "/v1.0/users?",
        1,
        FaultKind::Redirect {
            location: location.clone(),
        },
    );
    assert_eq!(users(&stage).await, INVALID);
    stage.fault("/token", 1, FaultKind::Redirect { location });
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderResponseInvalid));
    assert_eq!(foreign.calls(""), 0, "neither token nor secret leaves");
}

#[tokio::test]
async fn a_list_that_leads_back_to_itself_ends() {
    let stage = Stage::with(|tenant| tenant.users = 1_500).await;
    let url = format!(
        "{}/v1.0/users?$select=id,displayName,accountEnabled,userType,createdDateTime,onPremisesSyncEnabled,\
         assignedLicenses&$top=999",
        stage.simulator.base_url()
    );
    stage.fault("skiptoken", 1, FaultKind::NextLink { url });
    let failed = SectionOutcome::Failed(ReasonCode::ProviderResponseInvalid);
    assert_eq!(users(&stage).await, (failed, 1_500));
    assert_eq!(stage.calls("/v1.0/users?"), 2);
}

#[tokio::test]
async fn a_dead_page_token_begins_the_list_anew_once() {
    let dead = FaultKind::Status {
        status: 400,
        body: r#"{"error":{"code":"Directory_ExpiredPageToken","message":""}}"#.to_owned(),
    };
    let stage = Stage::with(|tenant| tenant.users = 2_500).await;
    stage.fault("skiptoken", 1, dead.clone());
    assert_eq!(
        users(&stage).await,
        (SectionOutcome::Complete, 2_500),
        "nobody is counted twice"
    );
    assert_eq!(
        stage.calls("/v1.0/users?"),
        5,
        "page 1, a dead page 2, then all three"
    );
    stage.fault("skiptoken", 2, dead);
    let failed = SectionOutcome::Failed(ReasonCode::ProviderResponseInvalid);
    assert_eq!(users(&stage).await.0, failed);
}

#[tokio::test]
async fn a_token_that_graph_refuses_is_replaced_once() {
    let stage = Stage::new().await;
    assert_eq!(users(&stage).await, COMPLETE);
    stage.simulator.control().expire_tokens();
    assert_eq!(users(&stage).await, COMPLETE);
    assert_eq!(stage.calls("/token"), 2);

    let refused = r#"{"error":{"code":"InvalidAuthenticationToken","message":"x"}}"#.to_owned();
    stage.fault(
        "/v1.0/organization",
        100,
        FaultKind::Status {
            status: 401,
            body: refused,
        },
    );
    let failure = ProviderFailure::ended(ReasonCode::ProviderAuthFailed);
    assert_eq!(stage.collect().await.expect_err("ends"), failure);
    assert_eq!(stage.calls("/token"), 2, "one replacement a minute at the most");
}

#[tokio::test]
async fn an_answer_that_is_not_the_contract_is_refused_without_another_try() {
    let stage = Stage::new().await;
    let bodies = [
        r"{}",
        r#"{"value":null}"#,
        r#"{"value":[{}]}"#,
        r#"{"value":[],"@odata.nextLink":"/relative"}"#,
        "[]",
    ];
    for (at, body) in bodies.into_iter().enumerate() {
        stage.fault(
            "/v1.0/users?",
            1,
            FaultKind::Status {
                status: 200,
                body: body.to_owned(),
            },
        );
        assert_eq!(users(&stage).await, INVALID, "{body}");
        assert_eq!(stage.calls("/v1.0/users?"), at + 1);
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let stage = Stage::new().await;
    let body = "x".repeat((16 << 20) + 1);
    stage.fault("/v1.0/users?", 1, FaultKind::Status { status: 200, body });
    assert_eq!(users(&stage).await, INVALID);
    assert_eq!(stage.calls("/v1.0/users?"), 1);
    let body = "x".repeat((1 << 20) + 1);
    stage.fault("/token", 1, FaultKind::Status { status: 200, body });
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderResponseInvalid));
}
