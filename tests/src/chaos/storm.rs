//! A storm: callers on one side, faults on the other, the product in between. Then quiet, and the
//! question whether everything that was promised was kept.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kernel::{Clock as _, SystemClock};
use microsoft_simulator::{Simulator, SimulatorOptions};
use tokio::task::JoinHandle;

use super::{
    callers::{self, Callers},
    fleet::{Fleet, Role},
    history::{AMONG_MANY, Heard, History},
    invariants, order,
    plan::{Fault, What},
    raw::Raw,
    report::{Reclaims, Report},
};
use crate::{Engine, TestDatabase, postgres::Cluster};

/// The lease, and how often workers sweep. As settings, and as durations.
const LEASE: (&str, Duration) = ("3.0", Duration::from_secs(3));
const SWEEP: (&str, Duration) = ("0.5", Duration::from_millis(500));
/// For how long a run is handed back when the store failed it (`worker::execution`).
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// What a loaded machine may add before "not over yet" counts.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a storm is made of.
pub struct Storm {
    /// How it is called in reports.
    pub name: &'static str,
    /// The product's binary.
    pub binary: PathBuf,
    /// The database.
    pub database: TestDatabase,
    /// Its server, if faults are to hit it.
    pub cluster: Option<Cluster>,
    /// Everything random follows from it.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// For how long callers call.
    pub length: Duration,
    /// How many callers there are.
    pub callers: usize,
    /// How long each waits between two requests.
    pub pace: Duration,
}

impl Storm {
    /// The processes that an engine allows: one API and worker on a file and a worker beside it,
    /// two of each on a server.
    pub const fn roles(engine: Engine) -> &'static [Role] {
        match engine {
            Engine::Sqlite => &[Role::Serve, Role::Worker],
            Engine::Postgres => &[Role::Api, Role::Api, Role::Worker, Role::Worker],
        }
    }

    /// Lets it rage, waits for quiet, and reports.
    pub async fn rage(self) -> Report {
        let customers = callers::customers(24);
        let options = SimulatorOptions {
            tenants: customers.iter().map(callers::tenant).collect(),
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options).await.expect("the simulator starts");
        let endpoint = simulator.base_url();
        let settings = [
            ("PROVIDER__LOOPBACK_ENDPOINT", endpoint.as_str()),
            ("WORKER__LEASE_SECONDS", LEASE.0),
            ("WORKER__SWEEP_SECONDS", SWEEP.0),
            ("WORKER__POLL_MILLISECONDS", "50"),
            ("WORKER__MAX_ATTEMPTS", "5"),
            ("WORKER__WORKSPACE_LIMIT", "16"),
            ("HTTP__THREADS", "1"),
            ("TELEMETRY__LOG", "warn"),
        ];
        let Self {
            name,
            binary,
            database,
            cluster,
            seed,
            faults,
            length,
            callers,
            pace,
        } = self;
        let (engine, database) = (database.engine, Arc::new(database));
        let fleet = Fleet::start(binary, Arc::clone(&database), Self::roles(engine), &settings).await;
        let raw = Raw::open(&database).await;
        let first = fleet.client(fleet.answering()[0]);
        let targets = callers::connect(&first, &customers, 4).await;
        let shared = Callers {
            fleet: fleet.clone(),
            targets: Arc::new(targets),
            history: Arc::default(),
            done: Arc::new(AtomicBool::new(false)),
            pace,
        };
        let tasks: Vec<_> = (0..callers)
            .map(|number| tokio::spawn(shared.clone().call(seed, number)))
            .collect();
        let mut report = Report {
            name,
            engine,
            seed,
            length,
            ..Report::default()
        };
        let mut weather = Weather {
            fleet: fleet.clone(),
            raw: raw.clone(),
            cluster,
            restarts: Vec::new(),
        };
        weather.blow(&faults, length, &mut report).await;
        shared.done.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.expect("a caller ends");
        }
        weather.settle().await;
        let stores_fail = faults.iter().any(|fault| !matches!(fault.what, What::Kill(_)));
        report.quiet_after = quiet(&raw, stores_fail).await;
        let history = std::mem::take(&mut *shared.history.lock().unwrap_or_else(PoisonError::into_inner));
        judge(&mut report, &fleet, &raw, &history).await;
        drop(weather);
        simulator.stop().await;
        report
    }
}

/// What hits the fleet, and what comes up again.
struct Weather {
    fleet: Fleet,
    raw: Raw,
    cluster: Option<Cluster>,
    restarts: Vec<JoinHandle<()>>,
}

impl Weather {
    /// Lets each fault happen in its time.
    async fn blow(&mut self, faults: &[Fault], length: Duration, report: &mut Report) {
        let begin = tokio::time::Instant::now();
        for fault in faults {
            tokio::time::sleep_until(begin + fault.at).await;
            match fault.what {
                What::Kill(slot) => self.kill(slot, report).await,
                What::CrashDatabase => {
                    report.crashes += 1;
                    let cluster = self.cluster.take().expect("a server of our own");
                    let back = tokio::task::spawn_blocking(move || {
                        cluster.crash_and_recover();
                        cluster
                    });
                    self.cluster = Some(back.await.expect("it comes up"));
                }
                What::EndSessions => {
                    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()";
                    // Our own connections are among those that end.
                    report.sessions_ended += self.raw.try_rows(sql).await.map_or(0, |rows| rows.len());
                }
            }
        }
        tokio::time::sleep_until(begin + length).await;
    }

    async fn kill(&mut self, slot: usize, report: &mut Report) {
        let fleet = self.fleet.clone();
        let killed = tokio::task::spawn_blocking(move || fleet.kill(slot))
            .await
            .expect("joins");
        let Some((slot, pid)) = killed else {
            return;
        };
        report.kills += 1;
        if self.fleet.role(slot).works() {
            let at = SystemClock.now();
            report.reclaims.orphaned(&self.raw, pid, at).await;
        }
        let fleet = self.fleet.clone();
        self.restarts
            .push(tokio::spawn(async move { fleet.bring_up(slot).await }));
    }

    /// Waits for everything that is on its way up.
    async fn settle(&mut self) {
        for restart in self.restarts.drain(..) {
            restart.await.expect("it comes up");
        }
    }
}

/// Waits until no run is active, and tells how long that took; nothing if it did not come.
async fn quiet(raw: &Raw, stores_fail: bool) -> Option<Duration> {
    let begin = Instant::now();
    let pause = if stores_fail { STORE_PAUSE } else { Duration::ZERO };
    let deadline = LEASE.1 * 2 + SWEEP.1 + pause + PATIENCE;
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    while begin.elapsed() < deadline {
        ticks.tick().await;
        if invariants::active(raw).await.is_empty() {
            return Some(begin.elapsed());
        }
    }
    None
}

async fn judge(report: &mut Report, fleet: &Fleet, raw: &Raw, history: &History) {
    let down: BTreeMap<_, _> = (0..fleet.len()).map(|slot| (slot, fleet.down(slot))).collect();
    report.violations.extend(invariants::check(raw).await);
    report.violations.extend(invariants::active(raw).await);
    report.violations.extend(invariants::left_open(raw).await);
    report.violations.extend(order::check(raw).await);
    report
        .violations
        .extend(history.check(raw, &down, AMONG_MANY).await);
    report.fallen = fleet.fallen();
    report.accepted = history.count(|heard| matches!(heard, Heard::Accepted(_)));
    report.deduplicated = history.count(|heard| matches!(heard, Heard::Deduplicated(_)));
    report.busy = history.count(|heard| matches!(heard, Heard::ScopeBusy(_)));
    report.canceled = history.count(|heard| *heard == Heard::Canceled);
    report.unavailable = history.count(|heard| *heard == Heard::Unavailable);
    report.unknown = history.count(|heard| matches!(heard, Heard::Unknown(_)));
    report.p50 = history.percentile(50);
    report.p95 = history.percentile(95);
    report.outcomes = outcomes(raw).await;
    let reclaims: &mut Reclaims = &mut report.reclaims;
    reclaims.look(raw).await;
}

/// How runs ended and why, with how many did.
async fn outcomes(raw: &Raw) -> String {
    let sql = "SELECT ended || ' ' || CAST(count(*) AS text) FROM (
        SELECT outcome || coalesce(' ' || (context ->> 'reason_code'), '') AS ended FROM operation_runs) o
        GROUP BY ended ORDER BY 1";
    let rows = raw.rows(sql).await;
    let texts = rows
        .iter()
        .map(|row| row.try_get_by_index::<String>(0).expect("text"));
    texts.collect::<Vec<_>>().join(", ")
}
