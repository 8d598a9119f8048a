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
const FLOOD: (usize, usize) = (300, 15_000);
/// How many of the many wait all the time.
const WAITING: i64 = 10_000;
/// How many runs of the quiet workspace are measured, after a few that are not: what is done for the first time
/// takes longer.
const SAMPLES: usize = 120;
const FIRST: usize = 10;

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

/// A workspace that fills the queue through the repository: over HTTP each run would need a connection of its
/// own. The runs' targets are not their connection's, so a worker that takes one ends it as blocked at the
/// second gate, without a call: nothing else keeps a worker as busy.
struct Flood {
    place: world::Place,
    connection: ProviderConnection,
    runs: usize,
}

impl Flood {
    async fn begin(storage: &dyn Storage, runs: usize) -> Self {
        let place = world::place(storage).await;
        let connection = world::connection(storage, &place).await;
        let mut flood = Self {
            place,
            connection,
            runs: 0,
        };
        for _ in 0..runs.div_ceil(100) {
            flood.rise(storage, 100).await;
        }
        flood
    }

    /// So many runs more, in one transaction.
    async fn rise(&mut self, storage: &dyn Storage, by: usize) {
        let many = (0..by).map(|_| {
            let mut run = run(&self.place, &self.connection);
            if let RunPlace::Environment {
                target: Some(target), ..
            } = &mut run.place
            {
                self.runs += 1;
                target.scope_key = format!("fake/tenant/site-{}", self.runs);
            }
            run
        });
        let many = many.collect();
        insert(storage, &self.place, many).await;
    }
}

const QUEUED: &str = "SELECT count(*) FROM operation_runs WHERE status = 'queued'";

async fn a_quiet_workspace_is_claimed_second(database: TestDatabase) {
    let store = database.open().await;
    Flood::begin(&store, FLOOD.0).await;
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
    let idle = at_work(&app, async || waits(&app, &raw, &home).await).await;
    Flood::begin(&app.program.database, FLOOD.1).await;
    let busy = at_work(&app, async || waits(&app, &raw, &home).await).await;
    let left = raw.number(QUEUED).await;
    let (idle, busy) = (percentile(idle, 95), percentile(busy, 95));
    let _ = writeln!(
        std::io::stderr(),
        "| flood | {engine} | {} runs, {left} at the end | start to running p95: {idle:?} idle, {busy:?} flooded |",
        FLOOD.1
    );
    assert!(left > WAITING, "the flood was over before the measurement was");
    assert!(busy < idle * 2, "{busy:?} is more than twice {idle:?}");
    raw.change("DELETE FROM operation_runs WHERE status = 'queued'")
        .await;
    app.stop().await;
}

/// What is done while the worker works.
async fn at_work<T>(app: &TestApp, what: impl AsyncFnOnce() -> T) -> T {
    let (stop, worker) = (CancellationToken::new(), app.worker.clone());
    let stopped = stop.clone();
    let working = tokio::spawn(async move { worker.run(stopped).await });
    let done = what().await;
    stop.cancel();
    working.await.expect("joins").expect("leaves nothing behind");
    done
}

/// How long each of a series of runs waited for a worker, by the database.
async fn waits(app: &TestApp, raw: &Raw, home: &Home) -> Vec<Duration> {
    let client = app.client("owner");
    let mut waits = Vec::new();
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..FIRST + SAMPLES {
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
    waits.split_off(FIRST)
}
