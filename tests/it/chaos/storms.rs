//! `kill -9` of a random process again and again, while 64 callers start operations.

use std::{io::Write as _, path::PathBuf, time::Duration};

use integration_tests::{
    Engine, TestDatabase,
    chaos::{
        depth::{self, Depth, SEED},
        plan::{self, What},
        report::Report,
        storm::Storm,
    },
    postgres::Cluster,
};

/// What a deep storm of kills on PostgreSQL must have seen to count.
const KILLS: usize = 40;
const ACKNOWLEDGED: usize = 5_000;

fn storm(name: &'static str, database: TestDatabase, cluster: Option<Cluster>) -> Storm {
    let depth = depth::of_environment();
    let seconds = depth.pick(10, 120);
    Storm {
        name,
        binary: PathBuf::from(env!("CARGO_BIN_EXE_tenantatlas-under-test")),
        database,
        cluster,
        seed: depth::seed(),
        faults: Vec::new(),
        length: Duration::from_secs(seconds),
        callers: 64,
        pace: Duration::from_millis(depth.pick(400, 250)),
    }
}

async fn judge(storm: Storm) -> Report {
    let seed = storm.seed;
    let report = storm.rage().await;
    let _ = writeln!(std::io::stderr(), "{}\n{report}", Report::HEAD);
    assert!(report.wrong().is_empty(), "{SEED}={seed}: {:#?}", report.wrong());
    assert!(
        report.accepted > 0,
        "{SEED}={seed}: nothing was started, so this proves nothing"
    );
    report
}

fn kills(engine: Engine) {
    integration_tests::database::run(engine, |database| async {
        let mut storm = storm("kill -9", database, None);
        let processes = Storm::roles(engine).len();
        storm.faults = plan::kills(storm.seed, processes, Duration::from_secs(2), storm.length);
        let report = judge(storm).await;
        assert!(report.kills > 0);
        if engine == Engine::Postgres && depth::of_environment() == Depth::Deep {
            let enough = report.kills >= KILLS && report.acknowledged() >= ACKNOWLEDGED;
            assert!(
                enough,
                "does not count: {} kills, {} acknowledged",
                report.kills,
                report.acknowledged()
            );
        }
    });
}

#[test]
fn kills_on_postgres() {
    kills(Engine::Postgres);
}

#[test]
fn kills_on_sqlite() {
    kills(Engine::Sqlite);
}

/// The server crashes and recovers every ten seconds; in the quick form, twice.
#[test]
fn postgres_crashes() {
    on_own_cluster(
        "PostgreSQL crashes",
        What::CrashDatabase,
        depth::of_environment().pick(4, 10),
    );
}

/// All sessions are ended every second.
#[test]
fn postgres_ends_all_sessions() {
    on_own_cluster("sessions end", What::EndSessions, 1);
}

fn on_own_cluster(name: &'static str, what: What, seconds: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let Some((database, cluster)) = TestDatabase::on_own_cluster().await else {
            return integration_tests::postgres::announce_skip();
        };
        let mut storm = storm(name, database, Some(cluster));
        storm.faults = plan::every(what, Duration::from_secs(seconds), storm.length);
        let report = judge(storm).await;
        assert!(report.crashes + report.sessions_ended > 0);
    });
}
