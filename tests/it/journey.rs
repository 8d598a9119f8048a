//! The main job through the public API on both engines: connect, check, inventory, compliance,
//! deduplicated, busy, blocked, canceled.

use integration_tests::{TestApp, TestDatabase, assert_invariants, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    the_main_job_from_nothing_to_a_snapshot,
    the_same_is_deduplicated_and_something_else_is_busy,
    a_wrong_secret_fails_with_a_reason_and_the_next_start_is_free,
    a_connection_without_a_credential_is_blocked_and_recorded,
    a_queued_run_is_canceled_at_once_and_frees_its_scope,
    a_running_run_is_canceled_between_pages,
    what_is_no_longer_allowed_is_blocked_before_any_call,
);

async fn the_main_job_from_nothing_to_a_snapshot(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    for operation in [
        "provider.connection.check",
        "inventory.sync",
        "compliance.snapshot",
    ] {
        let started = home.start(&owner, operation).await;
        assert_eq!(
            (started.status, started.text("/disposition")),
            (202, "accepted"),
            "{}",
            started.body
        );
        assert_eq!(app.drain().await, 1);
        let run = home.run(&owner, started.text("/run/id")).await;
        assert_eq!(
            (run.text("/status"), run.text("/outcome")),
            ("completed", "succeeded"),
            "{}",
            run.body
        );
    }
    let connection = owner
        .get(&format!("{}/connections/{}", home.base, home.connection))
        .await
        .expect("an answer");
    assert_eq!(
        connection.text("/summary/readiness"),
        "ready",
        "{}",
        connection.body
    );
    let items = owner
        .get(&format!("{}/inventory/items?kind=user&limit=200", home.base))
        .await
        .expect("an answer");
    assert_eq!(
        items.body["items"].as_array().map(Vec::len),
        Some(60),
        "every simulated user is there"
    );
    let snapshots = owner
        .get(&format!("{}/compliance-snapshots", home.base))
        .await
        .expect("an answer");
    assert_eq!(snapshots.body["items"].as_array().map(Vec::len), Some(1));
    let events = owner
        .get(&format!("{}/audit-events?limit=200", home.base))
        .await
        .expect("an answer");
    let actions: Vec<_> = events.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|event| event["action"].as_str())
        .collect();
    for action in [
        "workspace.created",
        "environment.created",
        "connection.created",
        "operation.accepted",
        "operation.started",
        "operation.completed",
        "connection.observed",
    ] {
        assert!(actions.contains(&Some(action)), "{action} is in {actions:?}");
    }
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn the_same_is_deduplicated_and_something_else_is_busy(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let first = home.start(&owner, "inventory.sync").await;
    let again = home.start(&owner, "inventory.sync").await;
    assert_eq!((again.status, again.text("/disposition")), (202, "deduplicated"));
    assert_eq!(again.text("/run/id"), first.text("/run/id"));
    let other = home.start(&owner, "compliance.snapshot").await;
    assert_eq!((other.status, other.text("/code")), (409, "scope_busy"));
    assert_eq!(other.text("/active_run/id"), first.text("/run/id"));
    assert!(
        other
            .header("link")
            .is_some_and(|link| link.contains(first.text("/run/id")) && link.contains("blocked-by"))
    );
    assert!(other.header("retry-after").is_some());
    app.drain().await;
    let later = home.start(&owner, "compliance.snapshot").await;
    assert_eq!(
        (later.status, later.text("/disposition")),
        (202, "accepted"),
        "the scope is free"
    );
    assert_eq!(
        app.database.number("SELECT count(*) FROM operation_runs").await,
        2,
        "refusals leave no run"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn a_wrong_secret_fails_with_a_reason_and_the_next_start_is_free(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, "not-the-secret").await;
    let started = home.start(&owner, "provider.connection.check").await;
    app.drain().await;
    let run = home.run(&owner, started.text("/run/id")).await;
    assert_eq!(
        (run.text("/outcome"), run.text("/reason_code")),
        ("failed", "provider_credential_invalid"),
        "{}",
        run.body
    );
    assert_eq!(run.text("/next_steps/0/kind"), "replace_credential");
    assert!(run.body["context"]["verification_report"]["checks"].is_array());
    let connection = owner
        .get(&format!("{}/connections/{}", home.base, home.connection))
        .await
        .expect("an answer");
    assert_eq!(connection.text("/summary/readiness"), "blocked");
    assert_eq!(
        connection.text("/summary/reason_code"),
        "provider_credential_invalid"
    );
    assert_eq!(
        home.start(&owner, "provider.connection.check")
            .await
            .text("/disposition"),
        "accepted"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn a_connection_without_a_credential_is_blocked_and_recorded(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let body = json!({
        "environment_id": home.environment, "provider": "microsoft", "connection_type": "dedicated",
        "display_name": "Bare", "scope_identifier": app.fabrikam.tenant_id,
    });
    let bare = owner
        .post(&format!("{}/connections", home.base), &body)
        .await
        .expect("an answer");
    let body = json!({
        "operation_type": "inventory.sync", "environment_id": home.environment, "connection_id": bare.text("/id"),
    });
    let before = app.simulator.as_ref().expect("runs").control().calls().len();
    let blocked = owner
        .post(&format!("{}/operation-runs", home.base), &body)
        .await
        .expect("an answer");
    assert_eq!(
        (blocked.status, blocked.text("/code")),
        (422, "operation_blocked"),
        "{}",
        blocked.body
    );
    assert_eq!(blocked.text("/reason_code"), "provider_credential_missing");
    assert_eq!(blocked.text("/run/outcome"), "blocked");
    assert_eq!(app.drain().await, 0, "a blocked run is no work");
    assert_eq!(
        app.simulator.as_ref().expect("runs").control().calls().len(),
        before,
        "nobody called the provider"
    );
    let stored = home.run(&owner, blocked.text("/run/id")).await;
    assert_eq!((stored.status, stored.text("/outcome")), (200, "blocked"));
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn a_queued_run_is_canceled_at_once_and_frees_its_scope(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let started = home.start(&owner, "inventory.sync").await;
    let cancel = format!("{}/operation-runs/{}/cancel", home.base, started.text("/run/id"));
    let canceled = owner.post(&cancel, &Value::Null).await.expect("an answer");
    assert!(
        matches!(canceled.status, 200 | 202),
        "{} {}",
        canceled.status,
        canceled.body
    );
    assert_eq!(app.drain().await, 0, "a canceled run is no work");
    let run = home.run(&owner, started.text("/run/id")).await;
    assert_eq!(
        (run.text("/status"), run.text("/outcome")),
        ("completed", "canceled")
    );
    let again = owner.post(&cancel, &Value::Null).await.expect("an answer");
    assert_eq!(
        (again.status, again.text("/code")),
        (409, "run_already_completed")
    );
    assert_eq!(
        home.start(&owner, "compliance.snapshot")
            .await
            .text("/disposition"),
        "accepted"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn a_running_run_is_canceled_between_pages(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let hold = app.simulator.as_ref().expect("runs").control().hold("/users");
    let started = home.start(&owner, "inventory.sync").await;
    let working = {
        let worker = app.worker.clone();
        tokio::spawn(async move { worker.drain().await })
    };
    hold.reached().await;
    let cancel = format!("{}/operation-runs/{}/cancel", home.base, started.text("/run/id"));
    let asked = owner.post(&cancel, &Value::Null).await.expect("an answer");
    assert_eq!(asked.status, 202, "{}", asked.body);
    assert_eq!(
        home.start(&owner, "compliance.snapshot").await.status,
        409,
        "asking does not free the scope"
    );
    // The worker hears of it with its next sign of life, and has heard when it gives another.
    for _ in 0..2 {
        let before = home
            .run(&owner, started.text("/run/id"))
            .await
            .text("/heartbeat_at")
            .to_owned();
        while home
            .run(&owner, started.text("/run/id"))
            .await
            .text("/heartbeat_at")
            == before
        {
            tokio::task::yield_now().await;
        }
    }
    hold.release();
    working.await.expect("joins").expect("drains");
    let run = home.run(&owner, started.text("/run/id")).await;
    assert_eq!(
        (run.text("/outcome"), run.text("/reason_code")),
        ("canceled", "run_canceled"),
        "{}",
        run.body
    );
    assert_eq!(
        home.start(&owner, "compliance.snapshot")
            .await
            .text("/disposition"),
        "accepted"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

/// The second gate: what allowed a start is looked at again before anything goes out.
async fn what_is_no_longer_allowed_is_blocked_before_any_call(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let changes = [
        ("UPDATE members SET role = 'readonly'", "initiator_not_entitled"),
        (
            "UPDATE provider_connections SET is_enabled = false",
            "provider_connection_disabled",
        ),
        (
            "UPDATE provider_connections SET scope_identifier = 'elsewhere'",
            "provider_target_scope_mismatch",
        ),
    ];
    for (change, reason) in changes {
        let started = home.start(&owner, "inventory.sync").await;
        assert_eq!(started.text("/disposition"), "accepted", "{}", started.body);
        app.database.tamper(change).await;
        app.drain().await;
        let run = home.run(&owner, started.text("/run/id")).await;
        assert_eq!(
            (run.text("/outcome"), run.text("/reason_code")),
            ("blocked", reason),
            "{}",
            run.body
        );
        app.database.tamper("UPDATE members SET role = 'owner'").await;
        app.database
            .tamper("UPDATE provider_connections SET is_enabled = true")
            .await;
    }
    assert!(
        app.simulator.as_ref().expect("runs").control().calls().is_empty(),
        "nobody called the provider"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}
