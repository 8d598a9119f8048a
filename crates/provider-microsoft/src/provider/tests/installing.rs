//! Connection checks: where the target lives, what time it is there, and what the directory says.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::Clock as _;
use microsoft_simulator::FaultKind;
use provider_core::{
    CallOutcome, CallRecord, Check, CheckStatus, ConnectionCheck, Pause, ProviderCode, ReasonCode,
    VerificationState,
};
use serde_json::json;

use crate::testing::{CLIENT, Stage, TENANT, access};

fn row<'c>(check: &'c ConnectionCheck, key: &str) -> &'c Check {
    let mut rows = check.checks.iter();
    rows.find(|row| row.key == key).expect("the check is there")
}

fn outcome(check: &ConnectionCheck, key: &str) -> (CheckStatus, Option<ReasonCode>) {
    let row = row(check, key);
    (row.status, row.reason_code)
}

/// The metadata of the tenant as another cloud tells it.
fn metadata(login: &str, graph: &str) -> FaultKind {
    let body = json!({
        "issuer": format!("https://{login}/{TENANT}/v2.0"),
        "token_endpoint": format!("https://{login}/{TENANT}/oauth2/v2.0/token"),
        "msgraph_host": graph,
    });
    FaultKind::Status {
        status: 200,
        body: body.to_string(),
    }
}

#[tokio::test]
async fn a_target_of_another_cloud_is_refused_before_a_secret_is_sent() {
    let stage = Stage::new().await;
    let elsewhere = metadata("login.microsoftonline.us", "graph.microsoft.us");
    stage.fault("openid-configuration", 1, elsewhere);
    let check = stage.check().await.expect("comes to its end");
    let mismatch = ReasonCode::ProviderRealmMismatch;
    assert_eq!(
        (check.failure, check.verification, check.consent),
        (Some(mismatch), VerificationState::Blocked, None)
    );
    let failed = (CheckStatus::Fail, Some(mismatch));
    assert_eq!(outcome(&check, "target.installation"), failed);
    assert!(row(&check, "target.installation").blocking);
    assert_eq!(
        outcome(&check, "identity.sign_in"),
        (CheckStatus::Skip, Some(mismatch))
    );
    assert_eq!(stage.calls("/token"), 0);
}

#[tokio::test]
async fn a_sign_in_that_names_another_cloud_is_told_apart_from_an_unknown_target() {
    let stage = Stage::new().await;
    let refused = FaultKind::Status {
        status: 400,
        body: r#"{"error":"invalid_request","error_codes":[90038]}"#.to_owned(),
    };
    stage.fault("/token", 1, refused);
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderRealmMismatch));
    assert_eq!(check.verification, VerificationState::Blocked);
}

#[tokio::test]
async fn weather_blocks_nothing() {
    let faults = [
        (FaultKind::ServerError, ReasonCode::ProviderUnavailable),
        (FaultKind::Html, ReasonCode::ProviderResponseInvalid),
        (FaultKind::Truncated, ReasonCode::ProviderUnreachable),
        (
            FaultKind::Redirect {
                location: "https://evil.example/".to_owned(),
            },
            ReasonCode::ProviderResponseInvalid,
        ),
        (
            metadata("login.microsoftonline.us", "graph.microsoft.com"),
            ReasonCode::ProviderResponseInvalid,
        ),
    ];
    let stage = Stage::new().await;
    for (fault, reason) in faults {
        stage.fault("openid-configuration", 1, fault.clone());
        let check = stage.check().await.expect("comes to its end");
        let (status, told) = outcome(&check, "target.installation");
        assert_eq!(status, CheckStatus::Skip, "{fault:?}");
        assert!(
            told == Some(reason) || told == Some(ReasonCode::ProviderResponseInvalid),
            "{fault:?}: {told:?}"
        );
        assert_eq!(
            (check.verification, check.failure),
            (VerificationState::Healthy, None),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told() {
    let skew = Some(ReasonCode::ProviderClockSkew);
    for (seconds, expected, verification) in [
        (30, (CheckStatus::Pass, None), VerificationState::Healthy),
        (120, (CheckStatus::Warn, skew), VerificationState::Healthy),
        (1_200, (CheckStatus::Fail, skew), VerificationState::Degraded),
    ] {
        let stage = Stage::new().await;
        stage.clock.advance(TimeDelta::seconds(-seconds));
        let check = stage.check().await.expect("comes to its end");
        assert_eq!(outcome(&check, "identity.clock"), expected, "{seconds}");
        assert_eq!(
            (check.verification, check.failure),
            (verification, None),
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn the_directory_and_the_sign_in_are_compared() {
    let stage = Stage::new().await;
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(outcome(&check, "target.grants"), (CheckStatus::Pass, None));

    // The directory has lost a grant that the token still shows.
    let lost = r#"{"value":[]}"#.to_owned();
    let lost = FaultKind::Status {
        status: 200,
        body: lost,
    };
    stage.fault("appRoleAssignments", 1, lost);
    let check = stage.check().await.expect("comes to its end");
    let warned = (CheckStatus::Warn, Some(ReasonCode::ProviderPermissionMissing));
    assert_eq!(outcome(&check, "target.grants"), warned);
    assert_eq!(check.verification, VerificationState::Healthy);

    stage.fault("servicePrincipals", 9, FaultKind::ServerError);
    let check = stage.check().await.expect("comes to its end");
    let skipped = (CheckStatus::Skip, Some(ReasonCode::ProviderUnavailable));
    assert_eq!(outcome(&check, "target.grants"), skipped);
    assert_eq!(
        (check.verification, check.failure),
        (VerificationState::Healthy, None)
    );
}

#[tokio::test]
async fn without_the_permission_the_comparison_is_left_out() {
    let spare = "Application.Read.All";
    let stage = Stage::with(|tenant| tenant.apps[0].roles.retain(|role| role != spare)).await;
    let check = stage.check().await.expect("comes to its end");
    let skipped = (CheckStatus::Skip, Some(ReasonCode::ProviderPermissionMissing));
    assert_eq!(outcome(&check, "target.grants"), skipped);
    assert_eq!(
        (check.verification, check.failure),
        (VerificationState::Healthy, None)
    );
    assert_eq!(stage.calls("servicePrincipals"), 0);
    assert!(
        stage.calls(&CLIENT.to_string()) == 0,
        "nobody asks for the client"
    );
}

#[tokio::test]
async fn a_refusal_is_recorded_with_its_code_and_ids() {
    let mut stage = Stage::with(|tenant| tenant.apps[0].roles.retain(|role| role != "Policy.Read.All")).await;
    stage.collect().await.expect("is read");
    stage.access = access("not-the-secret");
    stage.access.credential.version = 2;
    stage.check().await.expect("comes to its end");
    let records = stage.run.records();
    let of = |call: &str| {
        let mut records = records.iter().rev();
        records.find(|record| record.call == call).expect("is recorded")
    };
    let policies = of("conditionalAccess.policies.list");
    assert_eq!(
        (policies.status, policies.code),
        (Some(403), Some(ProviderCode::Known("AccessDenied")))
    );
    let token = of("token");
    let number = ProviderCode::Numbered("AADSTS", 7_000_215);
    assert_eq!((token.status, token.code), (Some(401), Some(number)));
    assert!(token.trace_id.is_some() && token.correlation_id.is_some());
    assert_eq!(of("users.list").code, None, "an answer has none");
}

fn throttled(seconds: u32) -> FaultKind {
    FaultKind::Throttled {
        retry_after: Some(seconds.to_string()),
    }
}

fn records(stage: &Stage, call: &str) -> Vec<CallRecord> {
    let all = stage.run.records();
    all.into_iter().filter(|record| record.call == call).collect()
}

fn lost(stage: &Stage) -> Duration {
    stage.run.records().iter().map(|record| record.lost).sum()
}

#[tokio::test]
async fn the_look_at_the_target_is_recorded_and_counts_against_the_limit_of_sign_ins() {
    let stage = Stage::new().await;
    stage.check().await.expect("comes to its end");
    let [record] = &records(&stage, "discovery")[..] else {
        panic!("is recorded")
    };
    assert_eq!(
        (record.limit, record.outcome, record.status, record.attempt),
        ("sign_in", CallOutcome::Answered, Some(200), 1)
    );
    assert!(record.correlation_id.is_some());

    stage.fault("openid-configuration", 1, throttled(7));
    let began = stage.clock.now();
    let check = stage.check().await.expect("comes to its end");
    let skipped = (CheckStatus::Skip, Some(ReasonCode::ProviderThrottled));
    assert_eq!(outcome(&check, "target.installation"), skipped);
    let record = &records(&stage, "discovery")[1];
    assert_eq!(
        (record.outcome, record.status, record.lost),
        (CallOutcome::Throttled, Some(429), Duration::ZERO)
    );
    assert_eq!(record.paused_until, Some(began + TimeDelta::seconds(7)));
    // The sign-in goes to the same host and waits; that time is lost once.
    assert_eq!(records(&stage, "token")[1].lost, Duration::from_secs(7));
    assert_eq!(lost(&stage), stage.pauses.total());
}

#[tokio::test]
async fn a_closed_limit_of_sign_ins_skips_the_look_at_the_target() {
    let mut stage = Stage::new().await;
    let until = stage.clock.now() + TimeDelta::seconds(20);
    let limit = "sign_in".to_owned();
    stage.run.pauses = vec![Pause { limit, until }];
    let check = stage.check().await.expect("comes to its end");
    let skipped = (CheckStatus::Skip, Some(ReasonCode::ProviderThrottled));
    assert_eq!(outcome(&check, "target.installation"), skipped);
    assert_eq!(outcome(&check, "identity.clock"), skipped);
    assert_eq!(check.verification, VerificationState::Healthy);
    assert_eq!(stage.calls("openid-configuration"), 0);
    assert!(records(&stage, "discovery").is_empty());
}

#[tokio::test]
async fn a_throttled_comparison_is_left_out_and_nobody_waits_for_it() {
    for path in ["servicePrincipals(", "appRoleAssignments"] {
        let stage = Stage::new().await;
        stage.fault(path, 1, throttled(3_600));
        let check = stage.check().await.expect("comes to its end");
        let skipped = (CheckStatus::Skip, Some(ReasonCode::ProviderThrottled));
        assert_eq!(outcome(&check, "target.grants"), skipped, "{path}");
        assert_eq!(
            (lost(&stage), stage.pauses.total()),
            (Duration::ZERO, Duration::ZERO)
        );
        let all = stage.run.records();
        let last = all.last().expect("is recorded");
        assert_eq!(last.paused_until, Some(last.at + TimeDelta::hours(1)), "{path}");
    }
}
