//! What every process does, with a worker or without one, and what it costs when there is nothing to do.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use integration_tests::{TestApp, TestDatabase, on_both_engines, process::Process};
use operations::{PerLane, QueueSettings, RunQueue as _, WorkerName};
use server::compose::{CaretakerSettings, Crew, Program, ProviderSetup};
use tokio_util::sync::CancellationToken;
use worker::WorkerSettings;

on_both_engines!(
    a_process_without_a_worker_numbers_events_and_sweeps,
    an_idle_process_asks_little,
);

async fn until(app: &TestApp, sql: &str, wanted: i64) {
    let begin = Instant::now();
    loop {
        let number = app.database.number(sql).await;
        if number == wanted {
            return;
        }
        assert!(begin.elapsed() < Duration::from_mins(1), "{sql}: {number}");
    }
}

async fn a_process_without_a_worker_numbers_events_and_sweeps(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    home.start(&owner, "inventory.sync").await;
    let settings = QueueSettings {
        lease: Duration::from_secs(1),
        ..QueueSettings::default()
    };
    let gone = WorkerName::new("gone");
    let queue = app.program.database.queue();
    let claimed = queue.claim(&gone, &settings, PerLane::all(1)).await;
    assert_eq!(claimed.expect("claims").len(), 1);
    let key = app.database.folder.path().join("tokenkey");
    let secret = server::files::encode_key(&server::files::random_key());
    server::files::create_private(&key, secret.as_bytes()).expect("written");
    let settings = [
        ("ACCESS__LOCAL_KEY_FILE", key.to_str().expect("text")),
        ("WORKER__LEASE_SECONDS", "2"),
        ("WORKER__SWEEP_SECONDS", "0.2"),
        ("WORKER__POLL_MILLISECONDS", "50"),
    ];
    let binary = Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test"));
    let process = Process::start(binary, &["serve", "--no-worker"], &app.database, &settings);
    until(
        &app,
        "SELECT count(*) FROM outbox_events WHERE sequence IS NULL",
        0,
    )
    .await;
    let waits = "SELECT count(*) FROM operation_runs WHERE status = 'queued' AND lost_leases = 1";
    until(&app, waits, 1).await;
    drop(process);
    app.stop().await;
}

async fn an_idle_process_asks_little(database: TestDatabase) {
    let mut program = Program::open(
        &database.database_url(),
        database.key_ring(),
        false,
        ProviderSetup::default(),
    )
    .await
    .expect("opens");
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    program.database.watch_statements(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let crew = Crew {
        caretaker: program.caretaker(CaretakerSettings::default()),
        worker: Some(program.worker(WorkerSettings::named("idle")).expect("a worker")),
    };
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(crew.run(shutdown.clone()));
    let (begin, length) = (Instant::now(), Duration::from_secs(5));
    while begin.elapsed() < length {
        tokio::task::spawn_blocking(|| std::thread::park_timeout(Duration::from_millis(100)))
            .await
            .expect("joins");
    }
    let each_second = count.load(Ordering::SeqCst) / length.as_secs();
    shutdown.cancel();
    running.await.expect("joins").expect("leaves nothing behind");
    // Two to four looks for events, one or two polls, and a sweep every few seconds: five, measured.
    assert!((2..=8).contains(&each_second), "{each_second}");
}
