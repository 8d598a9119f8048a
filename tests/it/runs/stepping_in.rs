//! Where a run does not end by itself: force-cancel and release. What time does is done to the row.

use chrono::{DateTime, TimeDelta, Utc};
use integration_tests::{TestDatabase, on_both_engines};
use operations::{Fence, Heartbeat, RunOutcome};
use provider_core::ReasonCode;
use serde_json::{Value, json};
use storage::Storage as _;
use tenancy::{AuditAction, Change};

use super::kit::{Kit, text};

on_both_engines!(
    force_comes_after_asking_and_after_the_time_that_was_told,
    a_run_with_a_lease_is_not_released,
    a_run_that_nobody_took_is_released_after_its_time,
    operators_are_not_offered_what_they_may_not_do,
);

fn time(value: &Value) -> DateTime<Utc> {
    text(value).parse().expect("a time")
}

async fn force_comes_after_asking_and_after_the_time_that_was_told(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let run = kit.started("inventory.sync").await;
    let (path, force) = (
        format!("/operation-runs/{run}"),
        format!("/operation-runs/{run}/force-cancel"),
    );
    let asked_for = kit.post("owner", &force, None).await;
    assert_eq!(
        asked_for.code(),
        "cancel_not_requested",
        "it waits: {}",
        asked_for.text()
    );
    let claimed = kit.claimed().await;
    let asked_for = kit.post("owner", &force, None).await;
    assert_eq!(asked_for.code(), "cancel_not_requested", "{}", asked_for.text());

    let cancel = kit.post("owner", &format!("{path}/cancel"), None).await;
    assert_eq!(cancel.status, 202, "{}", cancel.text());
    let asked = kit.get("owner", &path).await.json();
    let available = time(&asked["force_cancel_available_at"]);
    assert_eq!(
        available - time(&asked["cancel_requested_at"]),
        TimeDelta::seconds(60)
    );
    assert_eq!(asked["allowed_actions"], json!([]));
    let early = kit.post("manager", &force, None).await;
    assert_eq!(
        (early.status, early.code().as_str()),
        (409, "force_cancel_too_early")
    );
    assert_eq!(time(&early.json()["force_cancel_available_at"]), available);
    let seconds: i64 = early
        .header("retry-after")
        .expect("there")
        .parse()
        .expect("a number");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert!(matches!(
        kit.beat(&claimed).await,
        Heartbeat::Renewed {
            cancel_requested: true
        }
    ));

    let back = "UPDATE operation_runs SET cancel_requested_at = cancel_requested_at - 61000000";
    assert_eq!(kit.app.database.tamper(back).await, 1);
    assert_eq!(
        kit.get("owner", &path).await.json()["allowed_actions"],
        json!(["force_cancel"])
    );
    let forced = kit.post("manager", &force, None).await;
    assert_eq!(forced.status, 200, "{}", forced.text());
    assert_eq!(forced.json()["outcome"], "canceled");
    assert_eq!(forced.json()["reason_code"], "run_canceled");
    assert_eq!(forced.json()["allowed_actions"], json!(["retry"]));
    assert_eq!(forced.json()["force_cancel_available_at"], Value::Null);
    assert_eq!(kit.beat(&claimed).await, Heartbeat::Lost, "the fence");
    assert_late_end_is_refused(&kit, &claimed).await;
    assert_eq!(kit.get("owner", &path).await.json()["outcome"], "canceled");
    kit.started("compliance.snapshot").await;
    let twice = kit.post("owner", &force, None).await;
    assert_eq!(twice.code(), "run_already_completed", "{}", twice.text());
    let audit = kit.get("owner", "/audit-events").await.json();
    let line = audit["items"].as_array().expect("a list").iter();
    let line = line
        .clone()
        .find(|line| line["action"] == "operation.force_canceled");
    let line = line.unwrap_or_else(|| panic!("{audit}"));
    assert_eq!(
        (&line["actor"]["label"], &line["target"]["id"]),
        (&json!("manager"), &json!(run))
    );
    kit.app.stop().await;
}

async fn assert_late_end_is_refused(kit: &Kit, claimed: &operations::ClaimedRun) {
    let end = claimed
        .run
        .end_because(RunOutcome::Failed, ReasonCode::InternalError)
        .expect("active when it was claimed");
    let target = operations::change_target(&claimed.run);
    let at = claimed.run.created_at;
    let change = Change::new(
        &claimed.scope,
        AuditAction::OperationCompleted,
        target,
        at,
        &kernel::SystemIds,
    );
    let mut unit = kit.app.program.database.begin().await.expect("begins");
    let fence = unit
        .attempts()
        .finish(&claimed.scope, &claimed.lease, &end, &change)
        .await;
    assert_eq!(fence.expect("answers"), Fence::Lost);
}

async fn a_run_with_a_lease_is_not_released(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let run = kit.started("inventory.sync").await;
    let (path, release) = (
        format!("/operation-runs/{run}"),
        format!("/operation-runs/{run}/release"),
    );
    let claimed = kit.claimed().await;
    let alive = kit.post("owner", &release, None).await;
    assert_eq!((alive.status, alive.code().as_str()), (409, "run_is_alive"));
    assert!(alive.header("retry-after").is_some());
    assert_eq!(
        kit.app
            .database
            .tamper("UPDATE operation_runs SET lease_until = 1")
            .await,
        1
    );
    let stale = kit.get("owner", &path).await.json();
    assert_eq!(stale["freshness"], "likely_stale");
    assert_eq!(stale["allowed_actions"], json!(["cancel", "release"]));
    let released = kit.post("owner", &release, None).await;
    assert_eq!(released.status, 200, "{}", released.text());
    let released = released.json();
    assert_eq!(
        (
            &released["outcome"],
            &released["reason_code"],
            &released["freshness"]
        ),
        (
            &json!("failed"),
            &json!("run_released"),
            &json!("reconciled_failed")
        )
    );
    let mut reconciled = released["context"]["reconciliation"].clone();
    let at = reconciled.as_object_mut().and_then(|fields| fields.remove("at"));
    assert!(at.is_some_and(|at| at.is_string()));
    assert_eq!(
        reconciled,
        json!({ "cause": "released", "reason_code": "run_released", "attempts": 1, "lost_leases": 0 })
    );
    assert_eq!(kit.beat(&claimed).await, Heartbeat::Lost, "the fence");
    assert_late_end_is_refused(&kit, &claimed).await;
    kit.started("inventory.sync").await;
    let twice = kit.post("owner", &release, None).await;
    assert_eq!(twice.code(), "run_already_completed", "{}", twice.text());
    let audit = kit.get("owner", "/audit-events").await.text();
    assert!(audit.contains("operation.released"), "{audit}");
    kit.app.stop().await;
}

async fn a_run_that_nobody_took_is_released_after_its_time(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let run = kit.started("inventory.sync").await;
    let release = format!("/operation-runs/{run}/release");
    let age = async |columns: &str| {
        let sql = format!("UPDATE operation_runs SET {columns}");
        assert_eq!(kit.app.database.tamper(&sql).await, 1);
    };
    let refused = async |why: &str| {
        let reply = kit.post("owner", &release, None).await;
        assert_eq!(reply.code(), "run_is_alive", "{why}: {}", reply.text());
    };
    refused("it has just come").await;
    age("created_at = created_at - 910000000").await;
    refused("so says the clock of the process that took it, and not the database's").await;
    age("queued_at = queued_at - 890000000").await;
    refused("not yet").await;
    age("queued_at = queued_at - 20000000, waiting_since = created_at + 400000000, waiting_reason = 'provider_throttled'").await;
    refused("it was handed back later").await;
    age("waiting_since = NULL, waiting_reason = NULL, not_before = created_at + 400000000").await;
    refused("it was not to begin before").await;
    age("not_before = NULL").await;
    let actions = &kit.get("owner", &format!("/operation-runs/{run}")).await.json()["allowed_actions"];
    assert_eq!(actions, &json!(["cancel", "release"]));
    let released = kit.post("manager", &release, None).await;
    assert_eq!(released.status, 200, "{}", released.text());
    assert_eq!(released.json()["reason_code"], "run_released");
    kit.app.stop().await;
}

async fn operators_are_not_offered_what_they_may_not_do(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let run = kit.started("inventory.sync").await;
    let path = format!("/operation-runs/{run}");
    kit.claimed().await;
    kit.app
        .database
        .tamper("UPDATE operation_runs SET lease_until = 1")
        .await;
    let offered = async |subject: &str| kit.get(subject, &path).await.json()["allowed_actions"].clone();
    assert_eq!(offered("operator").await, json!(["cancel"]));
    assert_eq!(offered("readonly").await, json!([]));
    assert_eq!(offered("manager").await, json!(["cancel", "release"]));
    kit.post("operator", &format!("{path}/cancel"), None).await;
    kit.app
        .database
        .tamper("UPDATE operation_runs SET cancel_requested_at = 1")
        .await;
    assert_eq!(offered("operator").await, json!([]));
    assert_eq!(offered("owner").await, json!(["force_cancel", "release"]));
    for (action, capability) in [
        ("force-cancel", "operations.force_cancel"),
        ("release", "operations.release"),
    ] {
        let refused = kit.post("operator", &format!("{path}/{action}"), None).await;
        assert_eq!(refused.status, 403, "{}", refused.text());
        assert_eq!(refused.json()["required_capability"], capability);
    }
    assert_eq!(
        kit.post("owner", &format!("{path}/release"), None).await.status,
        200
    );
    assert_eq!(offered("operator").await, json!(["retry"]));
    assert_eq!(offered("readonly").await, json!([]));
    kit.app.stop().await;
}
