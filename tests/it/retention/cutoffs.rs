//! What is too old, to the second, and what stays although it is.

use integration_tests::{Engine, TestDatabase, assert_invariants, on_both_engines};
use serde_json::json;

use super::scene::{DAY, SECOND, Scene};

on_both_engines!(
    every_history_is_cut_at_its_second,
    a_run_that_something_refers_to_stays,
    what_is_left_after_a_long_time_is_in_order,
);

/// Two rows of each history: one that is a second too old, and one exactly as old as it may be.
async fn every_history_is_cut_at_its_second(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let now = scene.micros();
    let connection = scene.id(&scene.home.connection);
    scene
        .app
        .database
        .tamper(&format!(
            "INSERT INTO consent_links (workspace_id, id, connection_id, link_hash, identity_version, scope_identifier,
                client_identifier, permission_set, created_at, expires_at)
            SELECT workspace_id, id, id, {hash}, 1, 'a', 'b', 'c', 1, {now} FROM provider_connections WHERE id = {connection};
            INSERT INTO call_attempts (workspace_id, id, connection_id, run_id, occurred_at, call_name, limit_name, attempt,
                outcome, took, time_lost)
            SELECT workspace_id, id, connection_id, id, {now}, 'a', 'b', 1, 'failed', 0, 0 FROM operation_runs
            WHERE operation_type = 'inventory.sync'",
            hash = scene.id(&scene.home.workspace).replace("::uuid", "::text::bytea"),
        ))
        .await;
    let histories = [
        ("audit_events", "occurred_at", 400, "pruned_audit_events", ""),
        (
            "connection_history",
            "occurred_at",
            400,
            "pruned_connection_history",
            "",
        ),
        ("compliance_snapshots", "taken_at", 400, "pruned_snapshots", ""),
        ("call_attempts", "occurred_at", 30, "pruned_call_attempts", ""),
        (
            "operation_runs",
            "completed_at",
            90,
            "pruned_runs",
            ", created_at = 1, started_at = 1, connection_id = NULL",
        ),
        (
            "consent_links",
            "expires_at",
            30,
            "pruned_consent_links",
            ", link_hash = id",
        ),
        ("outbox_events", "created_at", 30, "pruned_events", ""),
    ];
    for (table, time, days, _, more) in histories {
        for (at, sequence) in [(now - days * DAY - SECOND, 1), (now - days * DAY, 2)] {
            if table == "outbox_events" {
                // They begin the stream: it is cut from its beginning.
                scene
                    .app
                    .database
                    .tamper(&format!(
                        "UPDATE outbox_events SET {time} = {at} WHERE sequence = {sequence}"
                    ))
                    .await;
                continue;
            }
            let more = if scene.app.database.engine == Engine::Postgres {
                more.replace("= id", "= decode(md5(random()::text), 'hex')")
            } else {
                more.replace("= id", "= randomblob(16)")
            };
            scene
                .copies(table, 1, "TRUE", &format!("{time} = {at}{more}"))
                .await;
        }
    }
    let over = now - 30 * DAY;
    scene
        .app
        .database
        .tamper(&format!(
            "INSERT INTO expiry_notices (workspace_id, subject, expires_at, threshold_days, noticed_at)
            SELECT id, 'x', {}, 7, 1 FROM workspaces UNION ALL SELECT id, 'x', {over}, 7, 1 FROM workspaces",
            over - SECOND
        ))
        .await;

    let run = scene.clean().await;
    for (table, time, days, count, _) in histories {
        assert_eq!(run["counts"][count], json!(1), "{table}: {run}");
        let cut = scene
            .count(table, &format!("{time} = {}", now - days * DAY - SECOND))
            .await;
        let edge = scene
            .count(table, &format!("{time} = {}", now - days * DAY))
            .await;
        assert_eq!((cut, edge), (0, 1), "{table}");
    }
    assert_eq!(run["counts"]["pruned_expiry_notices"], json!(1));
    assert_eq!(run["counts"]["pruned"], json!(8));
    assert_eq!(scene.count("expiry_notices", "TRUE").await, 1);
    assert_eq!(scene.count("event_streams", "first_kept = 2").await, 1);
    let again = scene.clean().await;
    assert_eq!(again["counts"]["pruned"], json!(0), "{again}");
    scene.app.stop().await;
}

/// Everything is old, and what says how things are now keeps its run.
async fn a_run_that_something_refers_to_stays(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let old = scene.micros() - 1000 * DAY;
    let ended = "connection_id = NULL, outcome = 'succeeded'";
    scene
        .copies(
            "operation_runs",
            1,
            "operation_type = 'inventory.sync'",
            &format!("identity_hash = 'nobody', {ended}"),
        )
        .await;
    scene
        .copies(
            "operation_runs",
            1,
            "operation_type = 'inventory.sync'",
            &format!("identity_hash = 'parent', {ended}"),
        )
        .await;
    let parent = "(SELECT id FROM operation_runs WHERE identity_hash = 'parent')";
    scene
        .copies(
            "operation_runs",
            1,
            "operation_type = 'inventory.sync'",
            &format!("identity_hash = 'child', {ended}, parent_run_id = {parent}"),
        )
        .await;
    let child_keeps = "(SELECT id FROM operation_runs WHERE identity_hash = 'child')";
    let database = &scene.app.database;
    database
        .tamper(&format!("UPDATE compliance_snapshots SET taken_at = {old}"))
        .await;
    // The child is young: it stays for its own age, and the parent for the child.
    database
        .tamper(&format!(
            "UPDATE operation_runs SET created_at = {old}, started_at = {old}, completed_at = {old} WHERE identity_hash <> 'child'"
        ))
        .await;
    let waiting = scene
        .home
        .start(&scene.owner, "inventory.sync")
        .await
        .text("/run/id")
        .to_owned();
    database
        .tamper(&format!(
            "UPDATE operation_runs SET created_at = {old} WHERE id = {}",
            scene.id(&waiting)
        ))
        .await;
    scene.start().await;
    // The worker takes both; the inventory is new then, and its items are the new run's.
    database
        .tamper(&format!(
            "UPDATE operation_runs SET not_before = {} WHERE id = {}",
            scene.micros() + DAY,
            scene.id(&waiting)
        ))
        .await;
    assert_eq!(scene.app.drain().await, 1);
    let run = scene.listed().await.remove(0);
    assert_eq!(run["counts"]["pruned_runs"], json!(1), "{run}");
    let left = |which| scene.count("operation_runs", which);
    assert_eq!(left("identity_hash = 'nobody'").await, 0);
    assert_eq!(left("identity_hash = 'parent'").await, 1, "it has a child");
    assert_eq!(
        left("operation_type = 'inventory.sync' AND connection_id IS NOT NULL AND status = 'completed'")
            .await,
        1,
        "items name it"
    );
    assert_eq!(
        left("operation_type = 'compliance.snapshot'").await,
        1,
        "the newest snapshot is its"
    );
    assert_eq!(
        left("operation_type = 'provider.connection.check'").await,
        1,
        "the connection's axes name it"
    );
    assert_eq!(left("status = 'queued'").await, 1, "it is not over");
    // When the reason is gone, so is the run.
    database
        .tamper(&format!(
            "UPDATE operation_runs SET completed_at = {old}, created_at = {old} WHERE id = {child_keeps}"
        ))
        .await;
    assert_eq!(
        scene.clean().await["counts"]["pruned_runs"],
        json!(1),
        "the child"
    );
    assert_eq!(
        scene.clean().await["counts"]["pruned_runs"],
        json!(1),
        "then the parent"
    );
    scene.app.stop().await;
}

/// Years pass, and the product goes on: what is left contradicts nothing.
async fn what_is_left_after_a_long_time_is_in_order(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let years = 1000 * DAY;
    for (table, columns) in [
        ("audit_events", &["occurred_at"][..]),
        ("outbox_events", &["created_at"]),
        ("operation_runs", &["created_at", "started_at", "completed_at"]),
        ("compliance_snapshots", &["taken_at"]),
        ("connection_history", &["occurred_at"]),
    ] {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| format!("{column} = {column} - {years}"))
            .collect();
        scene
            .app
            .database
            .tamper(&format!("UPDATE {table} SET {}", columns.join(", ")))
            .await;
    }
    let operations = ["inventory.sync", "compliance.snapshot"];
    for operation in operations {
        assert_eq!(scene.home.start(&scene.owner, operation).await.status, 202);
        scene.app.drain().await;
    }
    assert_invariants(&scene.app.database).await;
    let run = scene.clean().await;
    assert_invariants(&scene.app.database).await;
    assert!(
        run["counts"]["pruned_audit_events"].as_u64().expect("a number") > 10,
        "{run}"
    );
    assert_eq!(
        run["counts"]["pruned_runs"],
        json!(2),
        "the axes still name the check: {run}"
    );
    assert_eq!(run["counts"]["pruned_snapshots"], json!(1));
    // Who is behind the first number that is kept can tell.
    let sequence = scene
        .app
        .database
        .number("SELECT first_kept FROM event_streams")
        .await;
    assert!(sequence > 10, "{sequence}");
    assert_eq!(
        scene
            .count("outbox_events", &format!("sequence < {sequence}"))
            .await,
        0
    );
    scene.app.stop().await;
}
