//! What follows from requests and events: kept answers, deliveries with their attempts, notifications, and
//! events that somebody still waits for.

use std::collections::BTreeSet;

use integration_tests::{Engine, TestDatabase, on_both_engines};
use operations::{
    CountKey, Retention as _, RetentionKind, SummaryCounts,
    retention::{PruneStep, Pruned},
};
use serde_json::{Value, json};

use super::scene::{DAY, SECOND, Scene};

on_both_engines!(
    what_follows_is_cut_at_its_second,
    an_event_stays_until_its_deliveries_are_over,
    a_message_of_a_pruned_event_cannot_be_sent_again,
    deliveries_go_in_batches_and_take_their_attempts_along,
);

impl Scene {
    /// A webhook, which nobody verified.
    async fn webhook(&self) {
        self.app
            .database
            .tamper(
                "INSERT INTO webhook_endpoints (workspace_id, id, url, event_types, exhausted_in_a_row, version, created_at,
                    updated_at)
                SELECT id, id, 'https://hooks.example.com/', '[]', 0, 1, 1, 1 FROM workspaces",
            )
            .await;
    }

    /// A verification of that webhook which arrived then, with its one attempt.
    async fn delivered(&self, finished_at: i64) {
        let random = match self.app.database.engine {
            Engine::Sqlite => "randomblob(16)",
            Engine::Postgres => "gen_random_uuid()",
        };
        self.app
            .database
            .tamper(&format!(
                "INSERT INTO webhook_deliveries (workspace_id, id, webhook_id, cycle, message_id, event_type, state, attempt,
                    made, created_at, finished_at)
                SELECT id, {random}, id, 'verification', 'a', 'b', 'delivered', 1, 1, {}, {finished_at} FROM workspaces;
                INSERT INTO webhook_attempts (workspace_id, delivery_id, attempt, cycle, occurred_at, took)
                SELECT workspace_id, id, 1, cycle, created_at, 1 FROM webhook_deliveries d WHERE d.made = 1 AND NOT EXISTS
                    (SELECT 1 FROM webhook_attempts a WHERE a.delivery_id = d.id)",
                finished_at - DAY
            ))
            .await;
    }
}

async fn what_follows_is_cut_at_its_second(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let now = scene.micros();
    scene.webhook().await;
    for at in [now - 30 * DAY - SECOND, now - 30 * DAY] {
        scene.delivered(at).await;
    }
    // As old, and still on its way.
    scene
        .app
        .database
        .tamper(
            "INSERT INTO webhook_deliveries (workspace_id, id, webhook_id, cycle, message_id, event_type, state, attempt, made,
                created_at, next_attempt_at)
            SELECT id, id, id, 'verification', 'a', 'b', 'pending', 0, 0, 1, 1 FROM workspaces",
        )
        .await;
    let over = now - DAY;
    for (key, at) in [("one", over - SECOND), ("two", over), ("three", now + DAY)] {
        scene
            .app
            .database
            .tamper(&format!(
                "INSERT INTO idempotency_records (workspace_id, principal_id, request_key, fingerprint, fence, locked_until,
                    expires_at)
                SELECT workspace_id, principal_id, '{key}', 'f', id, 1, {at} FROM members"
            ))
            .await;
    }
    let (cut, edge) = (now - 90 * DAY - SECOND, now - 90 * DAY);
    scene
        .app
        .database
        .tamper(&format!(
            "UPDATE notifications SET created_at = {edge};
            UPDATE notifications SET created_at = {cut} WHERE sequence = (SELECT min(sequence) FROM notifications)"
        ))
        .await;
    assert_eq!(scene.count("notifications", "TRUE").await, 3, "one for each run");

    let run = scene.clean().await;
    for (count, table, left) in [
        ("pruned_webhook_deliveries", "webhook_deliveries", 2),
        ("pruned_idempotency_records", "idempotency_records", 2),
        ("pruned_notifications", "notifications", 2),
    ] {
        assert_eq!(run["counts"][count], json!(1), "{table}: {run}");
        assert_eq!(scene.count(table, "TRUE").await, left, "{table}");
    }
    assert_eq!(run["counts"]["pruned"], json!(3));
    assert_eq!(scene.count("webhook_attempts", "TRUE").await, 1);
    assert_eq!(scene.count("webhook_deliveries", "state = 'pending'").await, 1);
    assert_eq!(
        scene
            .count("webhook_deliveries", &format!("finished_at = {}", now - 30 * DAY))
            .await,
        1
    );
    assert_eq!(
        scene
            .count("idempotency_records", &format!("expires_at < {over}"))
            .await,
        0
    );
    assert_eq!(
        scene
            .count("notifications", &format!("created_at = {edge}"))
            .await,
        2
    );
    assert_eq!(scene.clean().await["counts"]["pruned"], json!(0));
    scene.app.stop().await;
}

async fn an_event_stays_until_its_deliveries_are_over(database: TestDatabase) {
    let scene = Scene::new(database).await;
    scene.webhook().await;
    let years = 1000 * DAY;
    scene
        .app
        .database
        .tamper(&format!(
            "UPDATE outbox_events SET created_at = created_at - {years};
            INSERT INTO webhook_deliveries (workspace_id, id, webhook_id, cycle, event_id, message_id, event_type, state,
                attempt, made, created_at, next_attempt_at)
            SELECT workspace_id, id, workspace_id, 'event', id, 'a', kind, 'pending', 0, 0, created_at, created_at
            FROM outbox_events WHERE sequence = 3"
        ))
        .await;
    let first_kept = || async {
        scene
            .app
            .database
            .number("SELECT first_kept FROM event_streams")
            .await
    };
    let run = scene.clean().await;
    assert_eq!(run["counts"]["pruned_events"], json!(2), "{run}");
    assert_eq!(first_kept().await, 3);
    // Somebody holds it at this moment.
    let held = format!(
        "UPDATE webhook_deliveries SET attempt = 1, lease_until = {}",
        scene.micros() + DAY
    );
    scene.app.database.tamper(&held).await;
    assert_eq!(scene.clean().await["counts"]["pruned"], json!(0));
    assert_eq!(first_kept().await, 3);
    scene
        .app
        .database
        .tamper(
            "UPDATE webhook_deliveries SET state = 'discarded', next_attempt_at = NULL, lease_until = NULL, finished_at = 1",
        )
        .await;
    let run = scene.clean().await;
    assert_eq!(
        run["counts"]["pruned_webhook_deliveries"],
        json!(1),
        "deliveries go first: {run}"
    );
    assert!(first_kept().await > 4, "{run}");
    scene.app.stop().await;
}

/// Deliveries are kept from their end on, events from their beginning: a delivery that took days is there for longer.
async fn a_message_of_a_pruned_event_cannot_be_sent_again(database: TestDatabase) {
    let scene = Scene::new(database).await;
    scene.webhook().await;
    let (now, years) = (scene.micros(), 1000 * DAY);
    scene
        .app
        .database
        .tamper(&format!(
            "UPDATE webhook_endpoints SET verified_at = 1;
            UPDATE outbox_events SET created_at = created_at - {years} WHERE sequence <= 3;
            INSERT INTO webhook_deliveries (workspace_id, id, webhook_id, cycle, event_id, message_id, event_type, state,
                attempt, made, created_at, finished_at)
            SELECT workspace_id, id, workspace_id, 'event', id, 'a', kind, 'delivered', 1, 1, {now}, {now}
            FROM outbox_events WHERE sequence IN (3, 4)"
        ))
        .await;
    let hook = format!("{}/webhooks/{}", scene.home.base, scene.home.workspace);
    let log = async || {
        let page = scene.owner.get(&format!("{hook}/deliveries")).await;
        let page = page.expect("an answer").body["items"].clone();
        page.as_array().expect("a list").clone()
    };
    let before = log().await;
    let mut answers = Vec::new();
    assert_eq!(scene.clean().await["counts"]["pruned_events"], json!(3));
    for delivery in &before {
        let id = delivery["id"].as_str().expect("an id");
        let path = format!("{hook}/deliveries/{id}/replay");
        let answer = scene.owner.post(&path, &json!({})).await.expect("an answer");
        answers.push((answer.status, answer.body["code"].clone()));
    }
    answers.sort_by_key(|answer| answer.0);
    assert_eq!(
        answers,
        [(202, Value::Null), (410, json!("delivery_event_pruned"))]
    );
    let states: BTreeSet<_> = log().await.iter().map(|one| one["state"].to_string()).collect();
    assert_eq!(
        states,
        BTreeSet::from(["\"delivered\"".to_owned(), "\"pending\"".to_owned()]),
        "what was refused is as it was"
    );
    assert_eq!(
        scene
            .count("audit_events", "action = 'webhook.delivery_replayed'")
            .await,
        1
    );
    scene.app.stop().await;
}

async fn deliveries_go_in_batches_and_take_their_attempts_along(database: TestDatabase) {
    let scene = Scene::new(database).await;
    scene.webhook().await;
    scene.delivered(DAY).await;
    scene
        .copies("webhook_deliveries", 24, "TRUE", "event_type = event_type")
        .await;
    scene
        .app
        .database
        .tamper(
            "INSERT INTO webhook_attempts (workspace_id, delivery_id, attempt, cycle, occurred_at, took)
            SELECT workspace_id, id, 2, cycle, created_at, 1 FROM webhook_deliveries",
        )
        .await;
    scene.start().await;
    let claimed = scene.claim().await;
    let mut counts = SummaryCounts::default();
    let mut sizes = Vec::new();
    let mut after = None;
    loop {
        let step = PruneStep {
            kind: RetentionKind::WebhookDeliveries,
            before: scene.now,
            after,
            batch: 10,
            counts: &counts,
        };
        let database = &scene.app.program.database;
        let Pruned::Batch { counts: sum, next } =
            database.prune(&claimed.lease, &step).await.expect("prunes")
        else {
            panic!("the lease holds");
        };
        let key = CountKey::PrunedWebhookDeliveries;
        sizes.push(sum.get(key) - counts.get(key));
        (counts, after) = (sum, next);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(scene.count("webhook_attempts", "TRUE").await, 0);
    assert_eq!(scene.count("webhook_deliveries", "TRUE").await, 0);
    scene.app.stop().await;
}
