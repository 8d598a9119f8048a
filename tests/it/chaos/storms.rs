//! `kill -9` of a random process again and again, while 64 callers start operations.

use std::{io::Write as _, path::PathBuf, time::Duration};

use integration_tests::{
    Engine, TestDatabase,
    chaos::{
        depth::{self, Depth, SEED},
        plan::{self, Fault, What},
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
    let seconds = depth.pick(5, 120);
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
    let _turn = super::ALONE.lock().await;
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
        let every = Duration::from_secs(depth::of_environment().pick(1, 2));
        storm.faults = plan::kills(storm.seed, processes, every, storm.length);
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

/// The server crashes and recovers every ten seconds; in the quick form, once, and all sessions are
/// ended before and after.
#[test]
fn postgres_crashes() {
    on_own_cluster("PostgreSQL crashes", |length| match depth::of_environment() {
        Depth::Deep => plan::every(What::CrashDatabase, Duration::from_secs(10), length),
        Depth::Quick => [
            (1, What::EndSessions),
            (2, What::CrashDatabase),
            (4, What::EndSessions),
        ]
        .map(|(at, what)| Fault {
            at: Duration::from_secs(at),
            what,
        })
        .to_vec(),
    });
}

/// All sessions are ended every second. The quick form is part of the one above.
#[test]
fn postgres_ends_all_sessions() {
    if depth::of_environment() == Depth::Deep {
        on_own_cluster("sessions end", |length| {
            plan::every(What::EndSessions, Duration::from_secs(1), length)
        });
    }
}

fn on_own_cluster(name: &'static str, faults: impl FnOnce(Duration) -> Vec<Fault>) {
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
        storm.faults = faults(storm.length);
        let report = judge(storm).await;
        assert!(report.crashes + report.sessions_ended > 0);
    });
}
