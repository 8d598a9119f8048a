//! After the death: another process takes over, and the database, the callers and the receivers of
//! webhooks are asked whether every promise was kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use cli::Client;
use integration_tests::{
    Engine,
    chaos::{
        callers::{self, Target},
        history::{AMONG_MANY, Heard},
        invariants, order,
        raw::Raw,
    },
};
use operations::OperationType;

use super::{Act, Row, death::Scene};
use crate::chaos::stage::{Armed, DEADLINE, Stage, until};

/// What a dead process held until a time in the future: that time comes by hand, not by waiting.
const HELD: [&str; 2] = [
    "UPDATE idempotency_records SET locked_until = 0 WHERE status IS NULL",
    "UPDATE webhook_deliveries SET lease_until = 0 WHERE lease_until IS NOT NULL",
];

/// Another process takes over, and everything comes to its end.
pub(super) async fn judge(
    stage: &Stage,
    mut scene: Scene,
    (armed, act): (Armed, Act),
    died_after: Duration,
) -> Row {
    let raw = stage.raw().await;
    // A commit that was sent before the death may still be on its way.
    if raw.engine() == Engine::Postgres {
        let sessions = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'tenantatlas'";
        until("its sessions are over", async || raw.number(sessions).await == 0).await;
    }
    for held in HELD {
        raw.change(held).await;
    }
    let process = stage.serve();
    let client = stage.client(&process);
    if let Some(down) = &mut scene.down {
        down.1 = Some(Instant::now());
    }
    let (unanswered, replayed) = scene.load.send_again(&client).await;
    let quiet_after = until("everything is over", async || is_quiet(&raw).await).await;
    let mut runs = scene.load.accepted();
    let accepted = runs.len();
    runs.extend(checked(&client, &raw, &scene.targets).await);
    if act == Act::Rotate {
        // Half of it was moved, and all of it was open. So it is when everything was moved.
        the_rotation_ends(stage, &raw).await;
        runs.extend(checked(&client, &raw, &scene.targets).await);
    }
    let mut wrong = promises(&raw, &scene).await;
    wrong.extend(nothing_happened_twice(&raw, &runs).await);
    if armed.0 == "api.after_commit_before_response" && replayed == 0 {
        wrong.push("an answer that was committed was not kept".to_owned());
    }
    if act == Act::Deliver {
        wrong.extend(deliveries(&raw, &scene).await);
    }
    process.kill();
    // Refuses a schema that is not whole and keys that are not there.
    stage.done(&["keys", "status"]);
    Row {
        armed,
        engine: raw.engine(),
        died_after,
        quiet_after,
        accepted,
        unanswered,
        replayed,
        wrong,
    }
}

/// Nothing is active, no event waits for its number and no message for its receiver.
pub(crate) async fn is_quiet(raw: &Raw) -> bool {
    let waiting = "SELECT (SELECT count(*) FROM outbox_events WHERE sequence IS NULL)
        + (SELECT count(*) FROM webhook_deliveries WHERE state = 'pending')";
    invariants::active(raw).await.is_empty() && raw.number(waiting).await == 0
}

/// Each connection is checked: its target is free and its credential opens. Returns the runs.
pub(crate) async fn checked(client: &Client, raw: &Raw, targets: &[Target]) -> BTreeSet<String> {
    let mut runs = BTreeSet::new();
    for target in targets {
        let operation = OperationType::ConnectionCheck.as_str();
        let begin = Instant::now();
        let run = loop {
            match callers::start(client, target, operation).await {
                Heard::Accepted(run) => break run,
                Heard::Unavailable if begin.elapsed() < DEADLINE => {}
                other => panic!("a target is not free: {other:?}"),
            }
        };
        runs.insert(run);
    }
    until("the checks are over", async || is_quiet(raw).await).await;
    let ids: Vec<_> = runs
        .iter()
        .map(|run| raw.uuid(run.parse().expect("an id")))
        .collect();
    let failed = format!(
        "SELECT count(*) FROM operation_runs WHERE outcome <> 'succeeded' AND id IN ({})",
        ids.join(", ")
    );
    assert_eq!(raw.number(&failed).await, 0, "a check did not succeed");
    runs
}

async fn promises(raw: &Raw, scene: &Scene) -> Vec<String> {
    let down: BTreeMap<_, _> = [(0, scene.down.into_iter().collect())].into();
    let mut violations = invariants::check(raw).await;
    violations.extend(invariants::active(raw).await);
    violations.extend(invariants::left_open(raw).await);
    violations.extend(order::check(raw).await);
    violations.extend(scene.load.history().check(raw, &down, AMONG_MANY).await);
    violations.iter().map(ToString::to_string).collect()
}

/// Every run that was started is one that somebody was told is his: none is a second effect of a
/// request that was sent again.
async fn nothing_happened_twice(raw: &Raw, told: &BTreeSet<String>) -> Option<String> {
    let types: Vec<_> = OperationType::STARTABLE
        .iter()
        .map(|operation| format!("'{}'", operation.as_str()))
        .collect();
    let sql = format!(
        "SELECT count(*) FROM operation_runs WHERE operation_type IN ({})",
        types.join(", ")
    );
    let (rows, told) = (raw.number(&sql).await, told.len());
    (i64::try_from(told) != Ok(rows)).then(|| format!("{rows} runs, and {told} were acknowledged"))
}

/// Every message arrived, and the one whose arrival was not written down came again under its id.
async fn deliveries(raw: &Raw, scene: &Scene) -> Vec<String> {
    let receiver = scene.receiver.as_ref().expect("there is one");
    let mut arrived = BTreeMap::<String, usize>::new();
    for message in receiver.take() {
        *arrived.entry(message.id().to_owned()).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for row in raw.rows("SELECT message_id, state FROM webhook_deliveries").await {
        let message: String = row.try_get_by_index(0).expect("text");
        let state: String = row.try_get_by_index(1).expect("text");
        if state != "delivered" || !arrived.contains_key(&message) {
            wrong.push(format!("message {message} is {state} and did not arrive"));
        }
    }
    if !arrived.values().any(|times| *times > 1) {
        wrong.push("no message came again".to_owned());
    }
    wrong
}

async fn the_rotation_ends(stage: &Stage, raw: &Raw) {
    stage.done(&["keys", "rotate"]);
    let left = "SELECT (SELECT count(*) FROM provider_credentials WHERE kid <> 'next' OR undecryptable)
        + (SELECT count(*) FROM workspace_keys WHERE kid <> 'next')";
    assert_eq!(raw.number(left).await, 0, "everything is under the new key");
    stage.done(&["keys", "retire", "test"]);
}

/// A step that was interrupted left nothing; the next call makes the schema whole.
pub(super) async fn the_schema_is_made(stage: &Stage, hit: u64) {
    let raw = stage.raw().await;
    let steps = raw.number("SELECT count(*) FROM seaql_migrations").await;
    assert_eq!(u64::try_from(steps), Ok(hit - 1), "steps that count");
    let refused = stage.command(&["serve"], None);
    assert_eq!(refused.status.code(), Some(78), "half a schema is refused");
    stage.done(&["migrate"]);
    let raw = stage.database.raw().await;
    crate::migrations::schema::assert_golden_schema(&raw, stage.database.engine).await;
    raw.close().await.expect("closes");
}
