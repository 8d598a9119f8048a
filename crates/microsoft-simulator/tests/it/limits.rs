//! The published limits over HTTP, and who did not wait.

use crate::support::{CLIENT, Stage, TENANT};
use chrono::TimeDelta;
use microsoft_simulator::{FaultKind, Rule, ThrottleClass};
use serde_json::json;

const POLICIES: &str = "/v1.0/identity/conditionalAccess/policies?$top=1";
const DEVICES: &str = "/v1.0/deviceManagement/managedDevices?$top=1&$select=id";

#[tokio::test]
async fn nothing_is_limited_by_default() {
    let stage = Stage::start().await;
    let token = stage.token().await;
    for _ in 0..3 {
        let answer = stage.get_with(POLICIES, &token).await;
        assert_eq!(
            (answer.status(), answer.header("x-ms-resource-unit")),
            (200, None)
        );
    }
}

#[tokio::test]
async fn conditional_access_is_one_a_second_and_does_not_say_when() {
    let stage = Stage::start().await;
    // A second of the real clock may pass between two requests on a busy machine.
    stage.control().stop_clock();
    stage.control().set_throttling(true);
    let token = stage.token().await;
    assert_eq!(stage.get_with(POLICIES, &token).await.status(), 200);
    let refused = stage.get_with(POLICIES, &token).await;
    assert_eq!((refused.status(), refused.header("retry-after")), (429, None));
    assert_eq!(
        stage.get_with(DEVICES, &token).await.status(),
        200,
        "another class"
    );
    stage.control().set_clock_offset(TimeDelta::seconds(2));
    assert_eq!(stage.get_with(POLICIES, &token).await.status(), 200);
}

#[tokio::test]
async fn a_stopped_clock_moves_by_order_alone() {
    let stage = Stage::start().await;
    let control = stage.control();
    control.stop_clock();
    let stopped = control.now();
    stage.get("/v1.0/organization").await;
    assert_eq!(control.now(), stopped);
    control.set_clock_offset(TimeDelta::seconds(2));
    assert_eq!(control.now(), stopped + TimeDelta::seconds(2));
}

#[tokio::test]
async fn the_directory_counts_units_and_tells_about_them() {
    let stage = Stage::start().await;
    stage.control().stop_clock();
    stage.control().set_throttling(true);
    // 250 users: 5,000 units in 10 seconds, of which 10 are left.
    assert!(stage.control().scale_throttling(ThrottleClass::Directory, 0.002));
    let token = stage.token().await;
    let get = async |path: &str| stage.get_with(path, &token).await;
    let first = get("/v1.0/users?$select=id").await;
    assert_eq!(first.header("x-ms-resource-unit").as_deref(), Some("1"));
    assert_eq!(first.header("x-ms-throttle-limit-percentage"), None);
    assert_eq!(
        get("/v1.0/users").await.header("x-ms-resource-unit").as_deref(),
        Some("2")
    );
    assert_eq!(
        get("/v1.0/groups/x/members")
            .await
            .header("x-ms-resource-unit")
            .as_deref(),
        Some("3")
    );
    let last = get("/v1.0/users").await;
    assert_eq!(
        last.header("x-ms-throttle-limit-percentage").as_deref(),
        Some("0.80")
    );
    assert_eq!(get("/v1.0/users").await.status(), 200);
    let refused = get("/v1.0/users").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(
        refused.header("x-ms-throttle-limit-percentage").as_deref(),
        Some("1.20")
    );
    assert_eq!(
        refused.header("x-ms-throttle-scope"),
        Some(format!("Tenant_Application/ReadWrite/{CLIENT}/{TENANT}"))
    );
    assert_eq!(
        refused.header("x-ms-throttle-information").as_deref(),
        Some("ResourceUnitLimitExceeded")
    );
    let wait: i64 = refused
        .header("retry-after")
        .expect("a wait")
        .parse()
        .expect("seconds");
    assert!((1..=10).contains(&wait), "{wait}");
    stage.control().set_clock_offset(TimeDelta::seconds(wait));
    assert_eq!(
        get("/v1.0/users").await.status(),
        200,
        "the clock moved, not the test"
    );
}

#[tokio::test]
async fn limits_change_over_http() {
    let stage = Stage::start().await;
    let url = format!("{}/_simulator/throttle", stage.base());
    let change = async |body: serde_json::Value| {
        let answer = stage
            .client()
            .put(&url)
            .json(&body)
            .send()
            .await
            .expect("answers");
        answer.status().as_u16()
    };
    assert_eq!(
        change(json!({ "scale": { "intune_everything": 0.1 } })).await,
        400
    );
    assert_eq!(change(json!({ "scale": { "intune_devices": 0 } })).await, 400);
    assert_eq!(
        change(json!({ "enabled": true, "scale": { "intune_devices": 0.001 } })).await,
        204
    );
    let token = stage.token().await;
    assert_eq!(stage.get_with(DEVICES, &token).await.status(), 200);
    assert_eq!(stage.get_with(DEVICES, &token).await.status(), 200);
    let refused = stage.get_with(DEVICES, &token).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(change(json!({ "enabled": false })).await, 204);
    assert_eq!(stage.get_with(DEVICES, &token).await.status(), 200);
}

#[tokio::test]
async fn who_does_not_wait_is_noted() {
    let stage = Stage::start().await;
    let control = stage.control();
    let wait = |seconds: &str| FaultKind::Throttled {
        retry_after: Some(seconds.to_owned()),
    };
    stage.control().inject_rule(Rule {
        times: Some(1),
        ..Rule::always("/managedDevices", wait("20"))
    });
    let token = stage.token().await;
    assert_eq!(stage.get_with(DEVICES, &token).await.status(), 429);
    assert_eq!(
        stage.get_with("/v1.0/groups", &token).await.status(),
        200,
        "another class"
    );
    assert_eq!(control.early_requests(), []);
    control.set_clock_offset(TimeDelta::seconds(10));
    assert_eq!(
        stage
            .get_with("/v1.0/deviceManagement/managedDeviceOverview", &token)
            .await
            .status(),
        200
    );
    let early = control.early_requests();
    assert_eq!(early.len(), 1);
    assert_eq!(
        (early[0].tenant, early[0].class, early[0].path.as_str()),
        (
            TENANT,
            ThrottleClass::IntuneDevices,
            "/v1.0/deviceManagement/managedDeviceOverview"
        )
    );
    assert_eq!((early[0].allowed_at - early[0].told_at).num_seconds(), 20);
    let url = format!("{}/_simulator/early", stage.base());
    let listed = stage.client().get(&url).send().await.expect("answers");
    let listed: serde_json::Value = listed.json().await.expect("JSON");
    assert_eq!(listed[0]["class"], "intune_devices");
    stage.client().delete(&url).send().await.expect("answers");
    control.set_clock_offset(TimeDelta::seconds(21));
    assert_eq!(stage.get_with(DEVICES, &token).await.status(), 200);
    assert_eq!(control.early_requests(), []);
}

/// What cannot be obeyed binds nobody; a date binds as seconds do.
#[tokio::test]
async fn only_a_wait_that_can_be_read_is_a_promise() {
    let stage = Stage::start().await;
    let token = stage.token().await;
    for (value, binds) in [
        ("0", false),
        ("-5", false),
        ("soon", false),
        ("NaN", false),
        ("inf", false),
        ("30.249", true),
        ("date+30", true),
        ("date+-30", false),
        ("150100", true),
        ("99999999999999999999", true),
    ] {
        stage.control().clear_early_requests();
        stage.control().inject_rule(Rule {
            times: Some(1),
            ..Rule::always(
                "/groups",
                FaultKind::Throttled {
                    retry_after: Some(value.to_owned()),
                },
            )
        });
        let answer = stage.get_with("/v1.0/groups", &token).await;
        let sent = answer.header("retry-after").expect("a header");
        if value.starts_with("date") {
            let date = chrono::DateTime::parse_from_rfc2822(&sent).expect("an HTTP date");
            let now = chrono::DateTime::parse_from_rfc2822(&answer.header("date").expect("a date"));
            assert_eq!((date - now.expect("an HTTP date")).num_seconds().abs(), 30);
        } else {
            assert_eq!(sent, value);
        }
        stage.get_with("/v1.0/groups", &token).await;
        assert_eq!(
            stage.control().early_requests().len(),
            usize::from(binds),
            "{value}"
        );
    }
}

/// The token endpoint is told apart by the tenant of its path.
#[tokio::test]
async fn an_early_token_request_is_noted_too() {
    let stage = Stage::start().await;
    stage.control().inject_rule(Rule {
        times: Some(1),
        ..Rule::always(
            "/token",
            FaultKind::Throttled {
                retry_after: Some("60".to_owned()),
            },
        )
        .of_tenant(TENANT)
    });
    let tenant = TENANT.to_string();
    assert_eq!(stage.post_token(&tenant, &[]).await.status(), 429);
    stage.post_token(&tenant, &[]).await;
    let early = stage.control().early_requests();
    assert_eq!(
        early.iter().map(|early| early.class).collect::<Vec<_>>(),
        [ThrottleClass::Token]
    );
}
