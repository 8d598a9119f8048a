//! The invariants checker has teeth: each kind of damage is done to a busy, healthy database behind the
//! product's back, and the report names it and nothing else.

mod busy;
mod follow_ups;
mod followed;

use std::collections::BTreeSet;

use integration_tests::{Engine, TestDatabase, assert_invariants, invariants::look, on_both_engines};

use self::busy::Busy;

on_both_engines!(
    a_busy_and_healthy_database_breaks_nothing,
    what_a_run_holds_is_looked_at,
    the_history_of_a_run_is_looked_at,
    the_journal_and_the_stream_are_looked_at,
    what_is_stuck_is_looked_at,
    what_others_lead_to_is_looked_at,
    what_was_pruned_proves_nothing,
    a_long_list_is_cut_and_says_so,
);

/// What is done, and the checks that must notice it.
type Case = (&'static str, &'static [&'static str]);

async fn a_busy_and_healthy_database_breaks_nothing(database: TestDatabase) {
    let busy = Busy::begin(database).await;
    assert_invariants(&busy.app.database).await;
    busy.end().await;
}

/// Each case on a copy of its own: damage adds up.
async fn each(engine: Engine, cases: &[Case]) {
    let Some(database) = TestDatabase::create(engine, true).await else {
        return;
    };
    let mut busy = Busy::begin(database).await;
    busy.app.stop_serving().await;
    for (damage, expected) in cases {
        let copy = busy.app.database.copy().await;
        busy.damage(&copy, damage).await;
        let report = look(&copy).await;
        let noticed: BTreeSet<_> = report.violations.iter().map(|found| found.check).collect();
        assert_eq!(
            noticed,
            expected.iter().copied().collect(),
            "{damage}: {:#?}",
            report.violations
        );
        for violation in &report.violations {
            assert!(!violation.what.is_empty() && !violation.look.is_empty());
            let subject = &violation.subject;
            assert!(
                subject.parse::<uuid::Uuid>().is_ok() || !subject.contains(char::is_uppercase),
                "an id or a name of the schema: {subject}"
            );
        }
    }
    busy.end().await;
}

async fn what_a_run_holds_is_looked_at(database: TestDatabase) {
    let cases: [Case; 5] = [
        (
            "DROP INDEX operation_runs_active_scope_unique",
            &["index_missing"],
        ),
        ("DROP INDEX outbox_events_stream", &["index_missing"]),
        (
            "DROP INDEX operation_runs_active_scope_unique;
            CREATE INDEX operation_runs_active_scope_unique ON operation_runs (workspace_id, scope_key)",
            &["index_missing"],
        ),
        (
            "DROP INDEX operation_runs_active_scope_unique;
            UPDATE operation_runs SET scope_key = (SELECT scope_key FROM operation_runs WHERE id = {working})
            WHERE id = {queued}",
            &["index_missing", "scope_held_twice", "scope_held_at_the_same_time"],
        ),
        (
            "UPDATE operation_runs SET started_at = started_at - 3600000000 WHERE id = {measured}",
            &["scope_held_at_the_same_time"],
        ),
    ];
    each(database.engine, &cases).await;
    if database.engine == Engine::Postgres {
        let invalid: Case = (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'operation_runs_active_scope_unique'::regclass",
            &["index_missing"],
        );
        each(database.engine, &[invalid]).await;
    }
}

async fn the_history_of_a_run_is_looked_at(database: TestDatabase) {
    let cases: [Case; 9] = [
        (
            "UPDATE audit_events SET action = 'x' WHERE action = 'operation.accepted' AND target_id = '{synced}';
            UPDATE outbox_events SET kind = 'x' WHERE kind = 'operation.accepted' AND subject_id = '{synced}'",
            &["not_accepted_once"],
        ),
        (
            "UPDATE audit_events SET action = 'operation.canceled' WHERE action = 'operation.completed' AND target_id = '{synced}';
            UPDATE outbox_events SET kind = 'operation.canceled' WHERE kind = 'operation.completed' AND subject_id = '{synced}'",
            &["canceled_at_work"],
        ),
        (
            "UPDATE audit_events SET action = 'x' WHERE action = 'operation.completed' AND target_id = '{synced}';
            UPDATE outbox_events SET kind = 'x' WHERE kind = 'operation.completed' AND subject_id = '{synced}'",
            &["no_end"],
        ),
        (
            "UPDATE audit_events SET action = 'operation.canceled' WHERE action = 'operation.accepted' AND target_id = '{synced}';
            UPDATE outbox_events SET kind = 'operation.canceled' WHERE kind = 'operation.accepted' AND subject_id = '{synced}'",
            &["many_ends"],
        ),
        (
            "UPDATE audit_events SET action = 'operation.blocked' WHERE action = 'operation.accepted' AND target_id = '{waiting}';
            UPDATE outbox_events SET kind = 'operation.blocked' WHERE kind = 'operation.accepted' AND subject_id = '{waiting}'",
            &["end_while_active"],
        ),
        (
            "UPDATE audit_events SET action = 'x' WHERE action = 'operation.started' AND target_id = '{working}' AND metadata ->> 'attempt' IN ('1', 1);
            UPDATE outbox_events SET kind = 'x' WHERE kind = 'operation.started' AND subject_id = '{working}'
                AND payload -> 'metadata' ->> 'attempt' IN ('1', 1)",
            &["attempts_with_gaps"],
        ),
        ("UPDATE operation_runs SET attempt = attempt + 1 WHERE id = {measured}", &["last_attempt_elsewhere"]),
        (
            "UPDATE operation_runs SET status = 'queued', lease_owner = NULL, lease_until = NULL, attempt = 3
            WHERE id = {working}",
            &["last_attempt_elsewhere"],
        ),
        (
            "UPDATE operation_runs SET status = 'completed', outcome = 'failed', completed_at = created_at + 1000000
            WHERE id = {waiting}",
            &["no_end"],
        ),
    ];
    let cases = cases.map(|(damage, expected)| (of_engine(database.engine, damage), expected));
    each(database.engine, &cases).await;
}

/// A number in JSON is text to PostgreSQL and a number to SQLite.
fn of_engine(engine: Engine, damage: &'static str) -> &'static str {
    let spelling = match engine {
        Engine::Sqlite => "= 1",
        Engine::Postgres => "= '1'",
    };
    damage.replace("IN ('1', 1)", spelling).leak()
}

async fn the_journal_and_the_stream_are_looked_at(database: TestDatabase) {
    let cases: [Case; 6] = [
        (
            "DELETE FROM outbox_events WHERE kind = 'operation.accepted' AND subject_id = '{waiting}'",
            &["audit_without_event", "stream_with_gaps"],
        ),
        (
            "DELETE FROM audit_events WHERE action = 'operation.accepted' AND target_id = '{waiting}'",
            &["event_without_audit", "not_accepted_once"],
        ),
        (
            "UPDATE outbox_events SET created_at = created_at + 1 WHERE kind = 'operation.accepted' AND subject_id = '{waiting}'",
            &["audit_without_event", "event_without_audit"],
        ),
        (
            "DELETE FROM audit_events WHERE action = 'connection.created';
            DELETE FROM outbox_events WHERE kind = 'connection.created'",
            &["stream_with_gaps"],
        ),
        (
            "UPDATE event_streams SET last_sequence = last_sequence + 1",
            &["stream_with_gaps"],
        ),
        (
            "UPDATE event_streams SET last_sequence = last_sequence - 1",
            &["number_outside_of_stream"],
        ),
    ];
    each(database.engine, &cases).await;
}

async fn what_is_stuck_is_looked_at(database: TestDatabase) {
    let cases: [Case; 3] = [
        (
            "UPDATE operation_runs SET queued_at = 1 WHERE id = {waiting}",
            &["queued_beyond_its_time"],
        ),
        (
            "UPDATE operation_runs SET lease_until = 1 WHERE id = {working}",
            &["lease_long_over"],
        ),
        (
            "UPDATE operation_runs SET kind = 'group', created_at = created_at - 600000000 WHERE id = {waiting}",
            &["group_without_work"],
        ),
    ];
    each(database.engine, &cases).await;
}

async fn what_others_lead_to_is_looked_at(database: TestDatabase) {
    let common: [Case; 3] = [
        ("UPDATE members SET role = 'manager'", &["no_owner"]),
        (
            "DROP INDEX provider_connections_default_unique; UPDATE provider_connections SET is_default = true",
            &["index_missing", "two_defaults"],
        ),
        (
            "UPDATE run_resume_points SET run_id = {synced}",
            &["resume_point_of_no_active_run"],
        ),
    ];
    each(database.engine, &common).await;
    let own: [Case; 3] = match database.engine {
        Engine::Sqlite => [
            (
                "PRAGMA foreign_keys = OFF; UPDATE inventory_items SET last_seen_run_id = workspace_id",
                &["item_without_run", "foreign_key_broken"],
            ),
            (
                "PRAGMA foreign_keys = OFF; UPDATE compliance_snapshots SET run_id = workspace_id",
                &["snapshot_without_run", "foreign_key_broken"],
            ),
            (
                "PRAGMA foreign_keys = OFF; UPDATE call_attempts SET run_id = workspace_id;
                UPDATE operation_runs SET environment_id = workspace_id WHERE id = {waiting}",
                &["foreign_key_broken"],
            ),
        ],
        Engine::Postgres => [
            (
                "SET session_replication_role = replica; UPDATE inventory_items SET last_seen_run_id = workspace_id",
                &["item_without_run"],
            ),
            (
                "SET session_replication_role = replica; UPDATE compliance_snapshots SET run_id = workspace_id",
                &["snapshot_without_run"],
            ),
            (
                "ALTER TABLE compliance_snapshots DISABLE TRIGGER ALL",
                &["foreign_key_broken"],
            ),
        ],
    };
    each(database.engine, &own).await;
}

/// What retention removed is no violation; what is younger than its mark still is.
async fn what_was_pruned_proves_nothing(database: TestDatabase) {
    let cases: [Case; 4] = [
        (
            "DELETE FROM outbox_events WHERE sequence <= 3;
            UPDATE event_streams SET first_kept = 4;
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'events', {now} FROM workspaces",
            &[],
        ),
        (
            "DELETE FROM outbox_events WHERE sequence <= 3;
            UPDATE event_streams SET first_kept = 4;
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'events', 1 FROM workspaces",
            &["audit_without_event"],
        ),
        (
            "DELETE FROM outbox_events WHERE sequence <= 3;
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'events', {now} FROM workspaces",
            &["stream_with_gaps"],
        ),
        (
            "DELETE FROM audit_events;
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'audit_events', {now} FROM workspaces",
            &[],
        ),
    ];
    each(database.engine, &cases).await;
}

async fn a_long_list_is_cut_and_says_so(database: TestDatabase) {
    let busy = Busy::begin(database).await;
    busy.damage(
        &busy.app.database,
        "DELETE FROM outbox_events WHERE sequence > 3; UPDATE event_streams SET last_sequence = 3",
    )
    .await;
    let lost = look(&busy.app.database).await.violations.len();
    assert!(lost > 3, "{lost}");
    let store = busy.app.database.open().await;
    let options = storage_sea_orm::invariants::InvariantOptions {
        most: 2,
        ..Default::default()
    };
    let report = storage_sea_orm::invariants::check(&store, &options)
        .await
        .expect("looks");
    assert_eq!(report.violations.len(), 2);
    assert_eq!(report.unlisted["audit_without_event"], lost as u64 - 2);
    busy.end().await;
}
