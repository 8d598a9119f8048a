//! One workspace floods the queue; another one's run must not wait behind it.

use std::{io::Write as _, time::Duration};

use integration_tests::{
    Home, TestApp, TestDatabase,
    chaos::{
        depth::{self, Depth},
        history::percentile,
        raw::Raw,
        world,
    },
    on_both_engines,
};
use kernel::{Clock as _, SystemClock, SystemIds};
use operations::{
    ConnectionChoice, OperationRun, OperationType, PerLane, QueueSettings, RunPlace, RunQueue as _,
    RunTrigger, StartRequest, WorkerName, change_target, gate,
};
use provider_core::{ProviderConnection, testing::FakeProvider};
use serde_json::Map;
use storage::Storage;
use tenancy::{AuditAction, Change};
use tokio_util::sync::CancellationToken;

on_both_engines!(
    a_quiet_workspace_is_claimed_second,
    a_quiet_workspace_starts_as_fast_as_ever
);

/// How many runs flood.
const FLOOD: (usize, usize) = (300, 10_000);
/// How many runs of the quiet workspace are measured.
const SAMPLES: usize = 60;

fn run(place: &world::Place, connection: &ProviderConnection) -> OperationRun {
    let request = StartRequest {
        operation_type: OperationType::InventorySync,
        environment_id: place.environment,
        inputs: Map::new(),
        trigger: RunTrigger::Api { retry_of: None },
    };
    let choice = ConnectionChoice::Use(Box::new(connection.clone()), Vec::new());
    gate::prepare(
        &place.scope,
        request,
        &choice,
        &FakeProvider,
        &SystemIds,
        SystemClock.now(),
    )
}

async fn insert(storage: &dyn Storage, place: &world::Place, runs: Vec<OperationRun>) {
    let mut unit = storage.begin().await.expect("begins");
    for run in runs {
        let now = SystemClock.now();
        let change = Change::new(
            &place.scope,
            AuditAction::OperationAccepted,
            change_target(&run),
            now,
            &SystemIds,
        );
        unit.runs()
            .insert(&place.scope, &run, &change)
            .await
            .expect("inserts");
    }
    unit.commit().await.expect("commits");
}

/// Fills the queue of a new workspace, through the repository: over HTTP each run would need a
/// connection of its own. The runs' targets are not their connection's, so a worker that takes one
/// ends it as blocked at the second gate, without a call.
async fn flood(storage: &dyn Storage, runs: usize) {
    let place = world::place(storage).await;
    let connection = world::connection(storage, &place).await;
    for batch in 0..runs.div_ceil(100) {
        let many = (0..100).map(|number| {
            let mut run = run(&place, &connection);
            if let RunPlace::Environment {
                target: Some(target), ..
            } = &mut run.place
            {
                target.scope_key = format!("fake/tenant/site-{batch}-{number}");
            }
            run
        });
        insert(storage, &place, many.collect()).await;
    }
}

async fn a_quiet_workspace_is_claimed_second(database: TestDatabase) {
    let store = database.open().await;
    flood(&store, FLOOD.0).await;
    let quiet = world::place(&store).await;
    let connection = world::connection(&store, &quiet).await;
    let mine = run(&quiet, &connection);
    let id = mine.id;
    insert(&store, &quiet, vec![mine]).await;
    let (queue, settings) = (store.queue(), QueueSettings::default());
    let mut claims = Vec::new();
    for _ in 0..4 {
        let claimed = queue
            .claim(&WorkerName::new("one"), &settings, PerLane::all(1))
            .await
            .expect("claims");
        claims.extend(claimed.into_iter().map(|claimed| claimed.run.id));
    }
    let place = claims.iter().position(|claimed| *claimed == id);
    assert_eq!(
        place,
        Some(1),
        "behind one run of the workspace that came first, and no other"
    );
    assert_eq!(claims.len(), 4, "the flood goes on after it");
}

/// Measures, so it has no quick form.
async fn a_quiet_workspace_starts_as_fast_as_ever(database: TestDatabase) {
    if depth::of_environment() == Depth::Quick {
        return;
    }
    let engine = database.engine.name();
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let raw = Raw::open(&app.database).await;
    let (stop, worker) = (CancellationToken::new(), app.worker.clone());
    let stopped = stop.clone();
    let working = tokio::spawn(async move { worker.run(stopped).await });
    let idle = waits(&app, &raw, &home).await;
    flood(&app.program.database, FLOOD.1).await;
    let busy = waits(&app, &raw, &home).await;
    let queued = "SELECT count(*) FROM operation_runs WHERE status = 'queued'";
    let left = raw.number(queued).await;
    stop.cancel();
    working.await.expect("joins");
    let (idle, busy) = (percentile(idle, 95), percentile(busy, 95));
    let _ = writeln!(
        std::io::stderr(),
        "| flood | {engine} | {} runs, {left} left at the end | start to running p95: {idle:?} idle, {busy:?} flooded |",
        FLOOD.1
    );
    assert!(left > 0, "the flood was over before the measurement was");
    assert!(busy < idle * 2, "{busy:?} is more than twice {idle:?}");
    raw.change("DELETE FROM operation_runs WHERE status = 'queued'")
        .await;
    app.stop().await;
}

/// How long each of a series of runs waited for a worker, by the database.
async fn waits(app: &TestApp, raw: &Raw, home: &Home) -> Vec<Duration> {
    let client = app.client("owner");
    let mut waits = Vec::new();
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..SAMPLES {
        let started = home.start(&client, "compliance.snapshot").await;
        assert_eq!(started.text("/disposition"), "accepted", "{}", started.body);
        let id = raw.uuid(started.text("/run/id").parse().expect("an id"));
        let sql = format!(
            "SELECT started_at - created_at FROM operation_runs WHERE id = {id} AND status = 'completed'"
        );
        let micros: i64 = loop {
            looks.tick().await;
            if let Some(row) = raw.rows(&sql).await.first() {
                break row.try_get_by_index(0).expect("it began");
            }
        };
        waits.push(Duration::from_micros(micros.unsigned_abs()));
    }
    waits
}
