//! Claims on PostgreSQL while its statistics are of a time when nothing waited, as they are when a backlog comes to an
//! installation that is mostly quiet: it believes that what waits is nearly nothing, and is right to read all of it.
//! What a claim reads must not grow with the backlog all the same.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use integration_tests::{Engine, TestDatabase, database::run};
use operations::{PerLane, QueueSettings, RunQueue as _, WorkerName};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::Value;
use storage_sea_orm::Database;
use webhooks::{ClaimLimits, DeliveryQueue};

use super::world::World;

/// How much is over: enough for a lookup of one row by its key to seem dearer than all that is believed to wait.
const OVER: u32 = 100_000;
/// How much waits.
const BACKLOG: u32 = 5_000;
/// How many rows a claim may pass, in all its steps together. (It takes two.)
const PASSES: f64 = 2_000.0;

#[test]
fn a_claim_of_runs_passes_few_of_those_that_wait() {
    run(Engine::Postgres, runs);
}

#[test]
fn a_claim_of_deliveries_passes_few_of_those_that_wait() {
    run(Engine::Postgres, deliveries);
}

async fn runs(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    world.queued(&place, &connection, "scope").await;
    let done = "completed_at = 1, status = 'completed', outcome = 'succeeded'";
    copies(
        &world,
        "operation_runs",
        OVER,
        &format!("{done}, scope_key = NULL"),
    )
    .await;
    world.database.tamper("ANALYZE").await;
    copies(
        &world,
        "operation_runs",
        BACKLOG,
        "scope_key = gen_random_uuid()::text",
    )
    .await;
    let (store, told) = listening(&world);
    let (settings, slots) = (QueueSettings::default(), PerLane { checks: 2, work: 2 });
    let claim = store
        .queue()
        .claim(&WorkerName::new("one"), &settings, slots)
        .await;
    assert_eq!(claim.expect("claims").len(), 2);
    few(&world, &told).await;
}

async fn deliveries(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let here = world.uuid(place.scope.workspace_id().as_uuid());
    let sql = format!(
        "INSERT INTO webhook_endpoints (workspace_id, id, url, event_types, exhausted_in_a_row, version, created_at, updated_at)
            VALUES ({here}, gen_random_uuid(), 'https://hooks.example.com', '[]', 0, 1, 1, 1);
        INSERT INTO webhook_deliveries (workspace_id, id, webhook_id, cycle, message_id, event_type, state, attempt, made,
                next_attempt_at, created_at)
            SELECT workspace_id, gen_random_uuid(), id, 'verification', 'message', 'webhook.verification', 'pending', 0, 0, 1, 1
            FROM webhook_endpoints"
    );
    world.database.tamper(&sql).await;
    let done = "state = 'delivered', next_attempt_at = NULL, finished_at = 1";
    copies(&world, "webhook_deliveries", OVER, done).await;
    world.database.tamper("ANALYZE").await;
    copies(&world, "webhook_deliveries", BACKLOG, "created_at = 1").await;
    let (store, told) = listening(&world);
    let limits = ClaimLimits {
        total: 2,
        per_webhook: 4,
        lease: Duration::from_secs(1),
    };
    let claimed = DeliveryQueue::claim(&store, world.now, limits).await;
    assert_eq!(claimed.expect("claims").len(), 2);
    few(&world, &told).await;
}

/// So many rows like the one that waits, but for `changed`.
async fn copies(world: &World, table: &str, count: u32, changed: &str) {
    let waits = match table {
        "operation_runs" => "status = 'queued'",
        _ => "state = 'pending'",
    };
    let sql = format!(
        "CREATE TEMP TABLE copied AS
            SELECT w.* FROM (SELECT * FROM {table} WHERE {waits} LIMIT 1) w, generate_series(1, {count});
        UPDATE copied SET id = gen_random_uuid(), {changed};
        INSERT INTO {table} SELECT * FROM copied;
        DROP TABLE copied"
    );
    world.database.tamper(&sql).await;
}

type Told = Arc<Mutex<Vec<Statement>>>;

/// A handle that tells what it asks.
fn listening(world: &World) -> (Database, Told) {
    let (mut store, told) = (world.store.clone(), Told::default());
    let asked = Arc::clone(&told);
    store.watch_statements(move |statement| asked.lock().expect("whole").push(statement.clone()));
    (store, told)
}

/// Claims once more, in the same words, and counts what PostgreSQL passes.
async fn few(world: &World, told: &Told) {
    let claim = told
        .lock()
        .expect("whole")
        .iter()
        .find(|one| one.sql.contains("picked"))
        .cloned();
    let mut claim = claim.expect("a claim");
    claim.sql = format!("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {}", claim.sql);
    let raw = world.database.raw().await;
    let row = raw.query_one_raw(claim).await.expect("explains").expect("a row");
    let plan: Value = row.try_get_by_index(0).expect("a plan");
    raw.close().await.expect("closes");
    let passed = passed(&plan[0]["Plan"]);
    assert!((2.0..PASSES).contains(&passed), "{passed} rows: {plan:#}");
}

/// How many rows a step and the steps below it handed on or left out.
fn passed(step: &Value) -> f64 {
    let number = |name: &str| step[name].as_f64().unwrap_or_default();
    let of_each = number("Actual Rows")
        + number("Rows Removed by Filter")
        + number("Rows Removed by Join Filter")
        + number("Rows Removed by Index Recheck");
    let below = step["Plans"].as_array().into_iter().flatten().map(passed);
    of_each * number("Actual Loops") + below.sum::<f64>()
}
