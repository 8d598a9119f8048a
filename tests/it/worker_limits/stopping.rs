//! The end of a process: runs are handed back at once and cost nothing, nobody waits for a lease
//! afterwards, and whatever hangs does not keep the process alive.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use integration_tests::{Engine, TestApp, TestDatabase, on_both_engines, process::Process};
use provider_core::testing::FakeProvider;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use tokio::net::TcpListener;

use super::kit::{AtWork, StubbornSite, another, column, quick, until_run};
use crate::{
    fake_provider::core::Core,
    throttling::kit::{PagedSite, Step, start},
};

on_both_engines!(
    what_was_being_worked_at_is_handed_back_at_once_and_costs_nothing,
    what_cannot_be_handed_back_by_itself_is_handed_back_from_outside,
    a_process_that_is_asked_to_end_hands_back_and_is_gone,
    a_process_that_is_asked_twice_is_gone_at_once,
    a_process_that_cannot_hand_back_is_gone_when_its_grace_is_over,
);

/// So long that nothing here waits for one.
const LEASE: Duration = Duration::from_mins(10);

async fn what_was_being_worked_at_is_handed_back_at_once_and_costs_nothing(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Hold, Step::Hold]);
    let core = Core::start_on(database, site.clone(), quick("first", LEASE)).await;
    let mut places = Vec::new();
    for name in ["site-1", "site-2", "site-3"] {
        places.push(core.connect(name, FakeProvider::SECRET).await);
    }
    for place in &mut places[..2] {
        start(&core, place, "inventory.sync").await;
    }
    let work = AtWork::new(&core.worker);
    site.reached().await;
    site.reached().await;
    let took = work.stop().await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    for place in &places[..2] {
        let run = until_run(&core, place, |_| true).await;
        assert_eq!(
            (&run["status"], &run["attempt"]),
            (&"queued".into(), &1.into()),
            "{run}"
        );
        assert_eq!(column(&core, place, "lost_leases").await, 0);
    }
    start(&core, &mut places[2], "inventory.sync").await;
    let other = another(&core, PagedSite::with(&[]), quick("second", LEASE));
    assert_eq!(other.drain().await.expect("answers"), 3, "all may begin at once");
    for (place, attempt) in places.iter().zip([2, 2, 1]) {
        let run = until_run(&core, place, |_| true).await;
        assert_eq!(
            (&run["outcome"], &run["attempt"]),
            (&"succeeded".into(), &attempt.into()),
            "{run}"
        );
    }
    core.stop().await;
}

async fn what_cannot_be_handed_back_by_itself_is_handed_back_from_outside(database: TestDatabase) {
    let site = Arc::new(StubbornSite::default());
    let core = Core::start_on(database, site.clone(), quick("stubborn", LEASE)).await;
    let mut place = core.connect("site-1", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let work = AtWork::new(&core.worker);
    until_run(&core, &place, |_| site.begun.load(Ordering::SeqCst)).await;
    let took = work.stop().await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(!site.over.load(Ordering::SeqCst), "it is still at it");
    let run = until_run(&core, &place, |_| true).await;
    assert_eq!(run["status"], "queued", "{run}");
    assert_eq!(column(&core, &place, "lost_leases").await, 0);
    site.let_go();
    core.stop().await;
}

/// A process that works: `worker` or `serve`.
fn process(app: &TestApp, command: &str, grace: &str) -> Process {
    let simulator = app.simulator.as_ref().expect("runs").base_url();
    let key_file = key_file(&app.database);
    let settings = [
        ("PROVIDER__LOOPBACK_ENDPOINT", simulator.as_str()),
        ("ACCESS__LOCAL_KEY_FILE", key_file.as_str()),
        ("WORKER__LEASE_SECONDS", "600"),
        ("WORKER__POLL_MILLISECONDS", "50"),
        ("WORKER__STOP_GRACE_SECONDS", grace),
    ];
    let binary = Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test"));
    Process::start(binary, &[command], &app.database, &settings)
}

/// What `serve` does not start without.
fn key_file(database: &TestDatabase) -> String {
    let path = database.folder.path().join("tokenkey");
    let key = server::files::encode_key(&server::files::random_key());
    server::files::create_private(&path, key.as_bytes()).expect("written");
    path.to_str().expect("text").to_owned()
}

/// A process in the middle of an inventory.
async fn in_the_middle(
    app: &TestApp,
    command: &str,
    grace: &str,
) -> (Process, microsoft_simulator::Hold, String) {
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let hold = app.simulator.as_ref().expect("runs").control().hold("/users");
    let started = home.start(&owner, "inventory.sync").await;
    let path = format!("{}/operation-runs/{}", home.base, started.text("/run/id"));
    let process = process(app, command, grace);
    hold.reached().await;
    (process, hold, path)
}

async fn a_process_that_is_asked_to_end_hands_back_and_is_gone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (process, hold, path) = in_the_middle(&app, "worker", "30").await;
    let begin = Instant::now();
    process.signal("TERM");
    assert_eq!(process.wait_for_end(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let owner = app.client("owner");
    let run = owner.get(&path).await.expect("an answer").body;
    assert_eq!(
        (&run["status"], &run["attempt"]),
        (&"queued".into(), &1.into()),
        "{run}"
    );
    let lost = "SELECT CAST(sum(lost_leases) AS BIGINT) FROM operation_runs";
    assert_eq!(app.database.number(lost).await, 0);
    hold.release();
    app.drain().await;
    let run = owner.get(&path).await.expect("an answer").body;
    assert_eq!(
        (&run["outcome"], &run["attempt"]),
        (&"succeeded".into(), &2.into()),
        "nobody waits for a lease: {run}"
    );
    app.stop().await;
}

/// Somebody holds the run's row, or the whole file, so that nothing can be handed back.
async fn held_up(app: &TestApp) -> sea_orm::DatabaseTransaction {
    let raw = app.database.raw().await;
    let options = sea_orm::TransactionOptions {
        sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
        ..sea_orm::TransactionOptions::default()
    };
    let transaction = raw.begin_with_options(options).await.expect("begins");
    if app.database.engine == Engine::Postgres {
        let sql = "SELECT id FROM operation_runs FOR UPDATE";
        transaction.execute_unprepared(sql).await.expect("locks");
    }
    transaction
}

async fn a_process_that_is_asked_twice_is_gone_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (process, hold, _) = in_the_middle(&app, "worker", "600").await;
    let lock = held_up(&app).await;
    process.signal("TERM");
    process.wait_for_log("asked to end");
    let begin = Instant::now();
    process.signal("TERM");
    assert_eq!(process.wait_for_end(), Some(143));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    lock.rollback().await.expect("ends");
    hold.release();
    app.stop().await;
}

async fn a_process_that_cannot_hand_back_is_gone_when_its_grace_is_over(database: TestDatabase) {
    let app = TestApp::start(database).await;
    // Each of the two with one engine.
    let command = match app.database.engine {
        Engine::Sqlite => "serve",
        Engine::Postgres => "worker",
    };
    let (process, hold, _) = in_the_middle(&app, command, "12").await;
    let lock = held_up(&app).await;
    let (begin, log) = (Instant::now(), process.log.clone());
    process.signal("TERM");
    assert_eq!(process.wait_for_end(), Some(1), "something is left behind");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let said = std::fs::read_to_string(log).expect("a log");
    assert!(said.contains("not everything was handed back in time"), "{said}");
    lock.rollback().await.expect("ends");
    hold.release();
    app.stop().await;
}

/// The database lets everybody in and says nothing.
#[tokio::test]
async fn a_process_that_is_asked_to_end_while_it_starts_ends() {
    let database = TestDatabase::create(Engine::Sqlite, false)
        .await
        .expect("a folder");
    let key_file = key_file(&database);
    for command in ["serve", "worker"] {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("an address");
        let url = format!("postgres://somebody@{address}/nothing");
        let binary = Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test"));
        let settings = [
            ("DATABASE__URL", url.as_str()),
            ("ACCESS__LOCAL_KEY_FILE", key_file.as_str()),
        ];
        let process = Process::spawn(binary, &[command], &database, &settings, None);
        let open = tokio::time::timeout(Duration::from_secs(30), silent.accept()).await;
        let _open = open.expect("it starts").expect("accepts");
        process.signal("TERM");
        assert_eq!(process.wait_for_end(), Some(0), "{command}");
    }
}
