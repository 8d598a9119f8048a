//! Workers that stop in the middle of a run: frozen past their lease and woken again, or killed.
//! Another worker takes the run; what the frozen one still writes does not arrive, and it does not
//! go on calling the provider.

use std::{
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use integration_tests::{
    Home, TestApp, TestDatabase,
    chaos::{
        depth::{self, Depth},
        history::percentile,
        invariants,
        raw::{Frozen, Raw},
    },
    on_both_engines,
    process::Process,
};
use microsoft_simulator::CallFilter;

on_both_engines!(nothing_of_a_worker_that_was_away_arrives);

/// Rounds: every fourth worker is killed, the others are frozen.
const ROUNDS: (usize, usize) = (4, 200);
/// The lease in seconds. A machine that has no time for the worker that took over makes it lose the run as well,
/// which is right, and counted: the rounds on a quiet machine need two attempts each.
const LEASE: f64 = 2.0;
/// For everything that is waited for.
const DEADLINE: Duration = Duration::from_mins(1);

struct Bench {
    app: TestApp,
    raw: Raw,
    workers: Vec<Process>,
}

/// How it went.
#[derive(Default)]
struct Figures {
    reclaimed: Vec<Duration>,
    calls_after_waking: Vec<usize>,
    more_attempts: usize,
    /// Rounds in which everybody stood still with a process that was stopped with the lock.
    stood_still: usize,
}

impl Bench {
    fn worker(&self) -> Process {
        let simulator = self.app.simulator.as_ref().expect("runs").base_url();
        let lease = format!("{LEASE:.1}");
        let settings = [
            ("PROVIDER__LOOPBACK_ENDPOINT", simulator.as_str()),
            ("WORKER__LEASE_SECONDS", lease.as_str()),
            ("WORKER__SWEEP_SECONDS", "0.1"),
            ("WORKER__POLL_MILLISECONDS", "50"),
            ("WORKER__MAX_ATTEMPTS", "9"),
        ];
        let binary = Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test"));
        Process::start(binary, &["worker"], &self.app.database, &settings)
    }

    /// What the row says once `condition` holds for it.
    async fn until(&self, run: &str, condition: &str) -> String {
        let id = self.raw.uuid(run.parse().expect("an id"));
        let sql = format!(
            "SELECT status || ' ' || outcome || ' ' || CAST(attempt AS text) || ' ' || coalesce(lease_owner, '')
                || ' ' || CAST(coalesce(completed_at, 0) AS text) || ' ' || CAST(counts AS text)
            FROM operation_runs WHERE id = {id} AND {condition}"
        );
        let begin = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        while begin.elapsed() < DEADLINE {
            looks.tick().await;
            if let Some(row) = self.raw.rows(&sql).await.first() {
                return row.try_get_by_index(0).expect("text");
            }
        }
        let writes = self.raw.can_write().await;
        panic!("run {run} never was {condition}; somebody else can write: {writes}");
    }

    /// What happened to the run, when, in microseconds.
    async fn history(&self, run: &str) -> String {
        let sql = format!(
            "SELECT action || ' at ' || CAST(occurred_at AS text) || ' ' || CAST(metadata AS text)
            FROM audit_events WHERE target_id = '{run}' ORDER BY occurred_at"
        );
        let rows = self.raw.rows(&sql).await;
        let lines = rows
            .iter()
            .map(|row| row.try_get_by_index::<String>(0).expect("text"));
        lines.collect::<Vec<_>>().join("; ")
    }

    /// The worker that holds the run, and the number of its attempt.
    async fn holder(&self, run: &str) -> (usize, u32) {
        let row = self.until(run, "status = 'running'").await;
        let holds = |worker: &Process| row.contains(&format!("/{} ", worker.pid()));
        let worker = self.workers.iter().position(holds).expect("one of ours");
        (worker, row.split(' ').nth(2).and_then(attempt).expect("a number"))
    }

    async fn start(&self, home: &Home, operation: &str) -> String {
        let answer = home.start(&self.app.client("owner"), operation).await;
        assert_eq!(answer.text("/disposition"), "accepted", "{}", answer.body);
        answer.text("/run/id").to_owned()
    }

    fn calls(&self) -> Vec<u64> {
        let simulator = self.app.simulator.as_ref().expect("runs");
        let filter = CallFilter {
            tenant: Some(self.app.contoso.tenant_id),
            ..CallFilter::default()
        };
        let calls = simulator.control().find_calls(&filter);
        calls.iter().map(|call| call.sequence).collect()
    }

    /// A run is at work when its worker goes away. Returns the run, the worker, how long it took until another one
    /// had it, and how the worker went.
    async fn go_away(&mut self, home: &Home, kill: bool) -> (String, usize, Duration, Frozen) {
        let hold = self
            .app
            .simulator
            .as_ref()
            .expect("runs")
            .control()
            .hold("/users");
        let run = self.start(home, "inventory.sync").await;
        hold.reached().await;
        let (away, attempt) = self.holder(&run).await;
        let frozen = if kill {
            let other = self.worker();
            std::mem::replace(&mut self.workers[away], other).kill();
            Frozen::AtOnce
        } else {
            self.raw.freeze(&self.workers[away]).await
        };
        let since = Instant::now();
        self.until(&run, &format!("attempt > {attempt}")).await;
        let after = since.elapsed();
        hold.release();
        (run, away, after, frozen)
    }

    /// Wakes a frozen worker, and lets it do two other jobs, so that it is known to be awake.
    /// Returns how many calls it made for its old run, before the first of them was over and
    /// after.
    async fn wake(&self, away: usize, elsewhere: &Home) -> (usize, usize) {
        let before = self.calls().len();
        let other = 1 - away;
        self.raw.freeze(&self.workers[other]).await;
        self.workers[away].signal("CONT");
        let job = self.start(elsewhere, "provider.connection.check").await;
        self.until(&job, "status = 'completed'").await;
        let awake = self.calls().len();
        let job = self.start(elsewhere, "provider.connection.check").await;
        self.until(&job, "status = 'completed'").await;
        let later = self.calls().len();
        self.workers[other].signal("CONT");
        (awake - before, later - awake)
    }
}

async fn nothing_of_a_worker_that_was_away_arrives(database: TestDatabase) {
    let _alone = super::ALONE.lock().await;
    let depth = depth::of_environment();
    let engine = database.engine.name();
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let elsewhere = app.home(&owner, &app.fabrikam, &app.fabrikam.secret).await;
    let raw = Raw::open(&app.database).await;
    let mut bench = Bench {
        app,
        raw,
        workers: Vec::new(),
    };
    bench.workers = vec![bench.worker(), bench.worker()];
    let mut figures = Figures::default();
    for round in 0..depth.pick(ROUNDS.0, ROUNDS.1) {
        let kill = round % 4 == 3;
        let (run, away, after, frozen) = bench.go_away(&home, kill).await;
        figures.reclaimed.push(after);
        let done = bench.until(&run, "status = 'completed'").await;
        let attempt = done.strip_prefix("completed succeeded ").and_then(attempt);
        assert!(attempt >= Some(2), "round {round}: {done}");
        if attempt > Some(2) {
            let _ = writeln!(
                std::io::stderr(),
                "round {round}, {frozen:?}: {}",
                bench.history(&run).await
            );
        }
        // Whoever stood still for longer than its lease lost it, and that is no fault of anybody.
        figures.stood_still += usize::from(frozen == Frozen::Again);
        figures.more_attempts += usize::from(attempt > Some(2) && frozen == Frozen::AtOnce);
        if !kill {
            let (woken, later) = bench.wake(away, &elsewhere).await;
            assert_eq!(
                later, 0,
                "round {round}: calls for a run that another worker ended"
            );
            figures.calls_after_waking.push(woken);
        }
        let present = bench.until(&run, "status = 'completed'").await;
        assert_eq!(present, done, "round {round}: a late write arrived");
    }
    let violations = invariants::check(&bench.raw).await;
    assert!(violations.is_empty(), "{violations:#?}");
    report(engine, depth, &figures);
    bench.workers.clear();
    bench.app.stop().await;
}

fn attempt(row: &str) -> Option<u32> {
    row.split(' ').next()?.parse().ok()
}

fn report(engine: &str, depth: Depth, figures: &Figures) {
    let longest = figures.reclaimed.iter().max().copied().unwrap_or_default();
    let p50 = percentile(figures.reclaimed.clone(), 50);
    let most = figures
        .calls_after_waking
        .iter()
        .max()
        .copied()
        .unwrap_or_default();
    let _ = writeln!(
        std::io::stderr(),
        "| away | {engine} | {} rounds | lease {LEASE} s | re-claimed p50 {:.2} s, max {:.2} s | calls until the first heartbeat: at most {most} | a third attempt {} times, {} rounds in which all stood still | 0 stale writes |",
        figures.reclaimed.len(),
        p50.as_secs_f64(),
        longest.as_secs_f64(),
        figures.more_attempts,
        figures.stood_still
    );
    if depth == Depth::Deep {
        assert!(
            longest.as_secs_f64() <= LEASE * 1.5,
            "re-claimed after {longest:?}"
        );
        assert_eq!(figures.more_attempts, 0);
    }
}
