//! What follows from requests, events and turns: each kind of damage is named, and nothing else is.

use std::collections::BTreeSet;

use integration_tests::{Engine, TestDatabase, assert_invariants, invariants::look, on_both_engines};

use super::{Case, followed::Followed};

on_both_engines!(
    a_workspace_in_which_everything_followed_is_in_order,
    a_named_request_has_one_run,
    a_turn_starts_one_run,
    who_started_a_run_is_told_of_its_end,
    a_delivery_belongs_to_its_event,
    the_log_of_a_delivery_tells_every_attempt,
);

async fn a_workspace_in_which_everything_followed_is_in_order(database: TestDatabase) {
    let followed = Followed::begin(database).await;
    assert_invariants(&followed.scene.app.database).await;
    // What the webhook wants is known for long.
    followed
        .damage(
            &followed.scene.app.database,
            "UPDATE webhook_endpoints SET updated_at = 1, verified_at = 1",
        )
        .await;
    assert_invariants(&followed.scene.app.database).await;
    followed.scene.app.stop().await;
}

/// Each case on a copy of its own: damage adds up.
async fn each(engine: Engine, cases: &[Case]) {
    let Some(database) = TestDatabase::create(engine, true).await else {
        return;
    };
    let mut followed = Followed::begin(database).await;
    followed.scene.app.stop_serving().await;
    for (damage, expected) in cases {
        let copy = followed.scene.app.database.copy().await;
        followed.damage(&copy, damage).await;
        let violations = look(&copy).await.violations;
        let noticed: BTreeSet<_> = violations.iter().map(|found| found.check).collect();
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        assert_eq!(noticed, expected, "{damage}: {violations:#?}");
    }
    followed.scene.app.stop().await;
}

async fn a_named_request_has_one_run(database: TestDatabase) {
    let cases: [Case; 4] = [
        (
            "UPDATE idempotency_records SET body = replace(body, 'inventory.sync', 'compliance.snapshot')",
            &["answer_of_another_run"],
        ),
        (
            "UPDATE idempotency_records SET body = replace(body, '{started}', '{nowhere}')",
            &["answer_without_run"],
        ),
        (
            "UPDATE idempotency_records SET body = replace(body, '{started}', '{nowhere}');
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'runs', {now} FROM workspaces",
            &[],
        ),
        (
            "INSERT INTO idempotency_records (workspace_id, principal_id, request_key, fingerprint, fence, locked_until,
                expires_at, status, headers, body)
            SELECT workspace_id, principal_id, 'another', fingerprint, fence, locked_until, expires_at, status, headers, body
            FROM idempotency_records",
            &["run_of_two_keys"],
        ),
    ];
    each(database.engine, &cases).await;
    if database.engine == Engine::Postgres {
        let dropped: [Case; 2] = [
            (
                "ALTER TABLE idempotency_records DROP CONSTRAINT idempotency_records_pkey",
                &["index_missing"],
            ),
            (
                "ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_once",
                &["index_missing"],
            ),
        ];
        each(database.engine, &dropped).await;
    }
}

async fn a_turn_starts_one_run(database: TestDatabase) {
    let cases: [Case; 6] = [
        (
            "CREATE TEMP TABLE copied AS SELECT * FROM audit_events WHERE action = 'schedule.fired';
            UPDATE copied SET id = {random};
            INSERT INTO audit_events SELECT * FROM copied; DROP TABLE copied",
            &["turn_taken_twice", "run_without_turn", "audit_without_event"],
        ),
        (
            "UPDATE operation_runs SET trigger_kind = 'schedule', schedule_id = workspace_id WHERE id = {started}",
            &["run_without_turn", "notification_of_no_end"],
        ),
        (
            "UPDATE schedules SET last_run_id = {started} WHERE last_run_id IS NOT NULL",
            &["turn_of_another_run"],
        ),
        (
            "UPDATE schedules SET last_run_id = {nowhere} WHERE last_run_id IS NOT NULL",
            &["turn_of_another_run"],
        ),
        (
            "UPDATE schedules SET paused_reason = 'initiator_not_entitled' WHERE state = 'paused'",
            &["pause_without_cause"],
        ),
        (
            "UPDATE schedules SET state = 'paused', next_tick_at = NULL, next_due_at = NULL WHERE state = 'active'",
            &["pause_without_cause"],
        ),
    ];
    each(database.engine, &cases).await;
}

async fn who_started_a_run_is_told_of_its_end(database: TestDatabase) {
    let cases: [Case; 5] = [
        ("DELETE FROM notifications", &["end_without_notification"]),
        (
            "DELETE FROM notifications;
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'notifications', {now} FROM workspaces",
            &[],
        ),
        (
            "UPDATE notifications SET outcome = 'failed'",
            &["notification_of_no_end"],
        ),
        (
            "UPDATE notifications SET run_id = {scheduled}",
            &["notification_of_no_end", "end_without_notification"],
        ),
        ("DROP INDEX notifications_run_unique", &["index_missing"]),
    ];
    each(database.engine, &cases).await;
}

async fn a_delivery_belongs_to_its_event(database: TestDatabase) {
    let cases: [Case; 6] = [
        (
            "UPDATE webhook_deliveries SET event_id = {nowhere}, message_id = '{nowhere}'
            WHERE state = 'delivered' AND cycle = 'event' AND made = 2",
            &["delivery_without_event"],
        ),
        (
            "UPDATE webhook_deliveries SET event_id = {nowhere}, message_id = '{nowhere}'
            WHERE state = 'delivered' AND cycle = 'event' AND made = 2;
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'events', {now} FROM workspaces",
            &[],
        ),
        (
            "UPDATE webhook_deliveries SET event_id = {nowhere}, message_id = '{nowhere}' WHERE state = 'pending';
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'events', {now} FROM workspaces",
            &["delivery_without_event"],
        ),
        (
            "UPDATE webhook_deliveries SET message_id = '{nowhere}' WHERE state = 'pending'",
            &["delivery_under_another_id"],
        ),
        (
            "UPDATE webhook_endpoints SET updated_at = 1, verified_at = 1;
            DELETE FROM webhook_attempts WHERE delivery_id IN (SELECT id FROM webhook_deliveries WHERE made = 2);
            DELETE FROM webhook_deliveries WHERE made = 2",
            &["event_without_delivery"],
        ),
        (
            "UPDATE webhook_endpoints SET updated_at = 1, verified_at = 1;
            DELETE FROM webhook_attempts WHERE delivery_id IN (SELECT id FROM webhook_deliveries WHERE made = 2);
            DELETE FROM webhook_deliveries WHERE made = 2;
            INSERT INTO retention_marks (workspace_id, kind, pruned_until) SELECT id, 'webhook_deliveries', {now} FROM workspaces",
            &[],
        ),
    ];
    each(database.engine, &cases).await;
}

async fn the_log_of_a_delivery_tells_every_attempt(database: TestDatabase) {
    let cases: [Case; 8] = [
        (
            "DELETE FROM webhook_attempts WHERE attempt = 1
                AND delivery_id IN (SELECT id FROM webhook_deliveries WHERE made = 2)",
            &["attempts_not_counted"],
        ),
        (
            "UPDATE webhook_deliveries SET made = 0 WHERE state = 'pending'",
            &["attempts_not_counted"],
        ),
        (
            "UPDATE webhook_attempts SET attempt = attempt + 5
            WHERE delivery_id IN (SELECT id FROM webhook_deliveries WHERE state = 'pending')",
            &["attempts_not_counted"],
        ),
        (
            "UPDATE webhook_deliveries SET state = 'exhausted' WHERE made = 2",
            &["attempts_not_counted"],
        ),
        (
            "UPDATE webhook_deliveries SET lease_until = {now} + 3600000000 WHERE state = 'pending'",
            &["delivery_held"],
        ),
        (
            "UPDATE webhook_deliveries SET lease_until = {now} WHERE made = 2",
            &["delivery_held"],
        ),
        (
            "UPDATE webhook_deliveries SET lease_until = 1 WHERE state = 'pending'",
            &["delivery_left"],
        ),
        (
            "UPDATE webhook_deliveries SET lease_until = 1 WHERE state = 'pending';
            UPDATE webhook_endpoints SET paused_until = {now} + 3600000000",
            &[],
        ),
    ];
    each(database.engine, &cases).await;
}
