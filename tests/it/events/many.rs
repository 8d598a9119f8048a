//! A thousand watchers ask the store as much as one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use integration_tests::{Engine, TestDatabase, on_both_engines};

use tokio::sync::{Mutex, MutexGuard};

use super::{
    kit::{Scene, n, quick},
    reader::Reader,
};

on_both_engines!(
    a_thousand_watchers_of_a_stream_cost_as_much_as_one,
    a_thousand_watchers_of_a_thousand_runs_cost_as_much_as_one,
);

/// The watch of one run is in memory: which engine is behind cannot matter.
#[test]
fn a_thousand_watchers_of_one_run_cost_as_much_as_one() {
    integration_tests::database::run(Engine::Sqlite, of_one_run);
}

/// A thousand sockets take a machine for themselves.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// How often the process looks.
const PACE: Duration = Duration::from_millis(100);
/// What one look may ask: numbers that wait, ends of streams, their events, marks of runs, the runs themselves, and
/// memberships; and what giving numbers takes.
const EACH_LOOK: f64 = 12.0;
const MANY: usize = 1000;

/// Another process, and what it asks.
struct Counted {
    scene: Scene,
    api: integration_tests::Beside,
    statements: Arc<AtomicUsize>,
    _turn: MutexGuard<'static, ()>,
}

impl Counted {
    async fn begin(database: TestDatabase) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let scene = Scene::begin(database).await;
        let statements = Arc::new(AtomicUsize::new(0));
        let mut settings = quick(|streams| {
            streams.per_principal = 5000;
            streams.per_process = 5000;
        });
        settings.wait_poll = PACE;
        let api = scene.app.beside(settings, Arc::clone(&statements)).await;
        Self {
            scene,
            api,
            statements,
            _turn: turn,
        }
    }

    async fn open(&self, belows: &[String]) -> Vec<Reader> {
        let mut readers = Vec::new();
        for part in belows.chunks(100) {
            let open = part
                .iter()
                .map(|below| self.scene.watch(&self.api.base_url, "owner", below, None));
            for mut reader in join_all(open).await {
                assert_eq!(reader.status, 200, "{}", reader.head);
                reader.next().await;
                readers.push(reader);
            }
        }
        readers
    }

    /// Statements for each look that there was time for, while `work` is done.
    async fn cost(&self, work: impl Future<Output = ()>) -> f64 {
        let (begin, before) = (Instant::now(), self.statements.load(Ordering::SeqCst));
        work.await;
        let asked = self.statements.load(Ordering::SeqCst) - before;
        let looks = begin.elapsed().as_secs_f64() / PACE.as_secs_f64() + 1.0;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let cost = asked as f64 / looks;
        cost
    }

    async fn stop(self) {
        self.api.stop().await;
        self.scene.stop().await;
    }
}

/// Three changes, each of which every reader has got before the next one.
async fn hear(readers: &mut [Reader], scene: &Scene, first: usize) {
    for number in first..first + 3 {
        scene.flood(number, 1, "environment.created", 0).await;
        for event in join_all(readers.iter_mut().map(Reader::event)).await {
            assert_eq!(n(&event.expect("an event").data), number as u64);
        }
    }
}

async fn a_thousand_watchers_of_a_stream_cost_as_much_as_one(database: TestDatabase) {
    let counted = Counted::begin(database).await;
    let stream = "/events/stream".to_owned();
    let mut readers = counted.open(std::slice::from_ref(&stream)).await;
    let alone = counted.cost(hear(&mut readers, &counted.scene, 1)).await;
    readers.extend(counted.open(&vec![stream; MANY - 1]).await);
    // Whoever comes reads once what is there already; whoever heard of something new has done so.
    hear(&mut readers, &counted.scene, 4).await;
    let together = counted.cost(hear(&mut readers, &counted.scene, 7)).await;
    assert_bounded(alone, together);
    counted.stop().await;
}

fn assert_bounded(alone: f64, together: f64) {
    assert!(alone > 0.5, "what is counted is the product's: {alone}");
    assert!(
        together < EACH_LOOK,
        "{alone} statements a look for one, {together} for a thousand"
    );
}

/// Three steps of progress, each of which every reader has seen before the next one.
async fn progress(readers: &mut [Reader], scene: &Scene) {
    for step in 1..=3 {
        let sql = format!("UPDATE operation_runs SET progress_processed = {step}, progress_total = 10");
        scene.app.database.tamper(&sql).await;
        let seen = readers.iter_mut().map(|reader| async move {
            while reader.event().await.expect("a state").data["progress"]["processed"] != step {}
        });
        join_all(seen).await;
    }
}

async fn of_one_run(database: TestDatabase) {
    let counted = Counted::begin(database).await;
    let owner = counted.scene.app.client("owner");
    let started = counted.scene.home.start(&owner, "inventory.sync").await;
    let below = format!("/operation-runs/{}/stream", started.text("/run/id"));
    let mut readers = counted.open(std::slice::from_ref(&below)).await;
    let alone = counted.cost(progress(&mut readers, &counted.scene)).await;
    readers.extend(counted.open(&vec![below; MANY - 1]).await);
    let together = counted.cost(progress(&mut readers, &counted.scene)).await;
    assert_bounded(alone, together);
    counted.scene.app.drain().await;
    counted.stop().await;
}

/// Everything of a run but what tells it from the others.
const COPIED: &str = "workspace_id, environment_id, connection_id, operation_type, status, outcome, identity_hash, \
    inputs, initiator_principal_id, initiator_label, attempt, lost_leases, context, counts, failures, created_at, \
    waited, kind, trigger_kind";

async fn a_thousand_watchers_of_a_thousand_runs_cost_as_much_as_one(database: TestDatabase) {
    let counted = Counted::begin(database).await;
    let scene = &counted.scene;
    let owner = scene.app.client("owner");
    scene.home.start(&owner, "inventory.sync").await;
    let id = match scene.app.database.engine {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    let copies = format!(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})
        INSERT INTO operation_runs (id, scope_key, {COPIED})
        SELECT {id}, scope_key || i, {COPIED} FROM operation_runs, n"
    );
    assert_eq!(scene.app.database.tamper(&copies).await, MANY as u64 - 1);
    let (mut belows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = scene
            .get("owner", &format!("/operation-runs?limit=200{cursor}"))
            .await;
        let items = page.body["items"].as_array().expect("items");
        belows.extend(
            items
                .iter()
                .map(|run| format!("/operation-runs/{}/stream", run["id"].as_str().expect("an id"))),
        );
        let Some(next) = page.body["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(belows.len(), MANY);
    let mut readers = counted.open(&belows[..1]).await;
    let alone = counted.cost(progress(&mut readers, scene)).await;
    readers.extend(counted.open(&belows[1..]).await);
    let together = counted.cost(progress(&mut readers, scene)).await;
    assert_bounded(alone, together);
    scene
        .app
        .database
        .tamper("DELETE FROM operation_runs WHERE started_at IS NULL")
        .await;
    counted.stop().await;
}
