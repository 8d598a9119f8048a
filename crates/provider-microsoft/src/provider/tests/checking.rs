//! Connection checks.

use chrono::TimeDelta;
use microsoft_simulator::{AppState, FaultKind};
use provider_core::{
    CheckStatus, ConnectionCheck, ConsentState, ProviderFailure, ReasonCode, RequirementState, Retry,
    VerificationState,
};
use uuid::Uuid;

use crate::testing::{CLIENT, RecordedPauses, SECRET, Stage, TENANT, access, adapter};

fn statuses(check: &ConnectionCheck) -> Vec<(&str, CheckStatus)> {
    check
        .checks
        .iter()
        .map(|check| (check.key.as_str(), check.status))
        .collect()
}

fn reason_of(check: &ConnectionCheck, key: &str) -> Option<ReasonCode> {
    check
        .checks
        .iter()
        .find(|check| check.key == key)
        .expect("the check is there")
        .reason_code
}

#[tokio::test]
async fn everything_granted_is_healthy() {
    let stage = Stage::new().await;
    let check = stage.check().await.expect("comes to its end");
    let expected = [
        "target.installation",
        "identity.clock",
        "identity.sign_in",
        "identity.target",
        "identity.permissions",
        "target.organization",
        "target.grants",
    ];
    assert_eq!(statuses(&check), expected.map(|key| (key, CheckStatus::Pass)));
    assert_eq!(
        (check.consent, check.verification, check.failure),
        (Some(ConsentState::Granted), VerificationState::Healthy, None)
    );
    assert_eq!(check.requirements.len(), 12);
    assert!(
        check
            .requirements
            .iter()
            .all(|(_, state)| *state == RequirementState::Granted)
    );
    assert_eq!(stage.calls("/oauth2/v2.0/token"), 1);
    for call in stage.simulator.control().calls() {
        assert!(
            call.client_request_id
                .is_some_and(|id| Uuid::try_parse(&id).is_ok()),
            "{}",
            call.path
        );
    }
}

#[tokio::test]
async fn a_wrong_secret_blocks_and_is_not_tried_again_by_runs() {
    let mut stage = Stage::new().await;
    stage.access = access("not-the-secret");
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderCredentialInvalid));
    assert_eq!(check.verification, VerificationState::Blocked);
    let rest = [
        "identity.target",
        "identity.permissions",
        "target.organization",
        "target.grants",
    ];
    assert_eq!(statuses(&check)[2], ("identity.sign_in", CheckStatus::Fail));
    assert_eq!(statuses(&check)[3..], rest.map(|key| (key, CheckStatus::Skip)));
    assert!(check.checks[2].blocking);
    assert!(
        check
            .requirements
            .iter()
            .all(|(_, state)| *state == RequirementState::Unknown)
    );

    let refused = ProviderFailure::ended(ReasonCode::ProviderCredentialInvalid);
    assert_eq!(stage.collect().await.expect_err("is refused"), refused);
    assert_eq!(stage.calls("/token"), 1, "the refusal is remembered");
    stage.clock.advance(TimeDelta::seconds(61));
    assert_eq!(stage.collect().await.expect_err("is refused"), refused);
    assert_eq!(stage.calls("/token"), 2, "for a minute");

    stage
        .simulator
        .control()
        .set_client_secret(TENANT, CLIENT, "not-the-secret");
    assert_eq!(
        stage.check().await.expect("comes to its end").failure,
        None,
        "a check always tries"
    );
}

#[tokio::test]
async fn a_new_credential_version_is_not_held_to_the_old_refusal() {
    let mut stage = Stage::new().await;
    stage.access = access("not-the-secret");
    stage.check().await.expect("comes to its end");
    stage.access = access(SECRET);
    stage.access.credential.version = 2;
    assert!(stage.collect().await.is_ok());
}

#[tokio::test]
async fn what_the_tenant_says_of_the_client_is_told_apart() {
    let cases = [
        (
            AppState::Absent,
            ReasonCode::ProviderConsentMissing,
            Some(ConsentState::Required),
        ),
        (AppState::Disabled, ReasonCode::ProviderClientDisabled, None),
    ];
    for (state, reason, consent) in cases {
        let stage = Stage::with(|tenant| tenant.apps[0].state = state).await;
        let check = stage.check().await.expect("comes to its end");
        assert_eq!((check.failure, check.consent), (Some(reason), consent));
        assert_eq!(check.verification, VerificationState::Blocked);
    }
}

#[tokio::test]
async fn an_unknown_tenant_is_not_found() {
    let mut stage = Stage::new().await;
    stage.access.destination.scope_identifier = provider_core::ScopeIdentifier::canonical(CLIENT.to_string());
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderTargetNotFound));
    assert_eq!(statuses(&check)[0], ("target.installation", CheckStatus::Fail));
    assert_eq!(statuses(&check)[2], ("identity.sign_in", CheckStatus::Skip));
    assert_eq!(stage.calls("/token"), 0, "no secret is sent where nobody lives");
}

#[tokio::test]
async fn a_token_of_another_tenant_is_refused() {
    let stage = Stage::new().await;
    stage.fault("/token", 1, FaultKind::WrongTenantToken { tid: CLIENT });
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderTargetScopeMismatch));
    assert_eq!(
        statuses(&check)[2..4],
        [
            ("identity.sign_in", CheckStatus::Pass),
            ("identity.target", CheckStatus::Fail)
        ]
    );
    assert_eq!(stage.calls("/v1.0/"), 0, "the token was not sent");
}

#[tokio::test]
async fn a_missing_role_degrades_and_a_check_sees_it_come_back() {
    let stage = Stage::with(|tenant| tenant.apps[0].roles.retain(|role| role != "User.Read.All")).await;
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(
        (check.verification, check.failure),
        (VerificationState::Degraded, None)
    );
    assert_eq!(check.consent, Some(ConsentState::Granted));
    assert_eq!(
        reason_of(&check, "identity.permissions"),
        Some(ReasonCode::ProviderPermissionMissing)
    );
    let missing: Vec<_> = check
        .requirements
        .iter()
        .filter(|(_, state)| *state == RequirementState::Missing)
        .collect();
    assert_eq!(missing, [&("permissions.users_read", RequirementState::Missing)]);

    stage
        .simulator
        .control()
        .set_app_roles(TENANT, CLIENT, microsoft_simulator::RECOMMENDED_ROLES);
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(
        check.verification,
        VerificationState::Healthy,
        "a check takes no old token"
    );
}

#[tokio::test]
async fn without_the_organization_role_the_rest_still_counts() {
    let stage = Stage::with(|tenant| {
        tenant.apps[0]
            .roles
            .retain(|role| role != "Organization.Read.All");
    })
    .await;
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(
        (check.verification, check.failure),
        (VerificationState::Degraded, None)
    );
    assert_eq!(statuses(&check)[5], ("target.organization", CheckStatus::Warn));
}

#[tokio::test]
async fn a_token_without_any_role_is_no_consent() {
    let stage = Stage::with(|tenant| tenant.apps[0].roles.clear()).await;
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderConsentMissing));
    assert_eq!(
        (check.consent, check.verification),
        (Some(ConsentState::Required), VerificationState::Blocked)
    );
}

#[tokio::test]
async fn roles_that_we_never_asked_for_are_no_consent() {
    let stage = Stage::with(|tenant| tenant.apps[0].roles = vec!["Mail.Read".to_owned()]).await;
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderConsentMissing));
    assert_eq!(check.consent, Some(ConsentState::Required));
    let reason = Some(ReasonCode::ProviderConsentMissing);
    assert_eq!(reason_of(&check, "identity.permissions"), reason);
}

#[tokio::test]
async fn a_wider_role_is_consent_too() {
    let stage = Stage::with(|tenant| tenant.apps[0].roles = vec!["Directory.Read.All".to_owned()]).await;
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(
        (check.failure, check.consent),
        (None, Some(ConsentState::Granted))
    );
    assert_eq!(check.verification, VerificationState::Degraded);
}

#[tokio::test]
async fn a_provider_that_is_down_is_an_error_and_not_a_verdict() {
    let stage = Stage::new().await;
    stage.fault("/token", 9, FaultKind::ServerError);
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(
        (check.failure, check.verification),
        (Some(ReasonCode::ProviderUnavailable), VerificationState::Error)
    );
    assert_eq!(stage.calls("/token"), 3, "tried again twice");
    assert_eq!(check.consent, None);
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_no_tls_is_no_tls() {
    let stage = Stage::new().await;
    let clock = &stage.clock;
    let pauses = &std::sync::Arc::<RecordedPauses>::default();
    let address = stage.simulator.base_url();
    let secure = adapter(&address.replace("http:", "https:"), clock, pauses);
    let check = provider_core::ProviderExecutor::check(&secure, &stage.access, &stage.run).await;
    assert_eq!(
        check.expect("comes to its end").failure,
        Some(ReasonCode::ProviderTlsFailed)
    );
    assert!(pauses.total().is_zero(), "trying again would not help");

    let Stage {
        simulator,
        run,
        access,
        ..
    } = stage;
    simulator.stop().await;
    let check = provider_core::ProviderExecutor::check(&stage.provider, &access, &run).await;
    assert_eq!(
        check.expect("comes to its end").failure,
        Some(ReasonCode::ProviderUnreachable)
    );
}

#[tokio::test]
async fn a_throttled_sign_in_hands_the_run_back_and_is_remembered() {
    let mut stage = Stage::new().await;
    stage.run.budget = std::time::Duration::from_secs(10);
    stage.fault(
        "/token",
        1,
        FaultKind::Throttled {
            retry_after: Some("60".to_owned()),
        },
    );
    let minute = std::time::Duration::from_mins(1);
    let throttled = |after| ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry: Retry::After(after),
    };
    assert_eq!(stage.check().await, Err(throttled(minute)));
    stage.clock.advance(TimeDelta::seconds(20));
    assert_eq!(
        stage.check().await,
        Err(throttled(std::time::Duration::from_secs(40)))
    );
    assert_eq!(stage.calls("/token"), 1, "not asked again before its time");
    stage.clock.advance(TimeDelta::seconds(41));
    assert!(stage.check().await.is_ok());
}
