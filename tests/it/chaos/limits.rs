//! A process that is short of something: room for its file, descriptors, a place for its log. Callers
//! are told to come again, nothing that was acknowledged is lost, and it goes on as soon as it can.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Instant};

use integration_tests::{
    Engine,
    chaos::{
        callers::Target,
        depth,
        history::{AMONG_MANY, Event, Heard},
        invariants, order,
        raw::Raw,
    },
};

use super::{
    failpoints::{
        after::{checked, is_quiet},
        load::Load,
    },
    stage::{Stage, until},
};

/// Acknowledged starts that each part of a test waits for.
const STARTS: usize = 8;
/// Of 512 bytes: as far as a file may be written. The log is never so long that it is moved into the file (SQLite
/// does that after 1,000 pages) and begun anew.
const BLOCKS: u64 = 6_500;
/// Answers that are waited for after the first refusal: what one of them acknowledges counts.
const AFTERWARDS: usize = 40;
/// More sockets than the process has descriptors.
const SOCKETS: usize = 120;

fn on(engine: Engine, test: impl AsyncFnOnce(Stage) + Send + 'static) {
    integration_tests::database::run(engine, |_| async move {
        test(Stage::new(engine, true).await.expect("the engine is there")).await;
    });
}

#[test]
fn a_log_without_room_on_sqlite() {
    on(Engine::Sqlite, a_log_without_room);
}

#[test]
fn a_log_without_room_on_postgres() {
    on(Engine::Postgres, a_log_without_room);
}

#[test]
fn descriptors_run_out_on_sqlite() {
    on(Engine::Sqlite, descriptors_run_out);
}

#[test]
fn descriptors_run_out_on_postgres() {
    on(Engine::Postgres, descriptors_run_out);
}

#[test]
fn a_file_that_may_not_grow_on_sqlite() {
    on(Engine::Sqlite, a_file_that_may_not_grow);
}

/// Every line that is logged fails, and there are many. (What cannot be written down is lost; what was asked for
/// is done.)
async fn a_log_without_room(stage: Stage) {
    let script = r#"TENANTATLAS__TELEMETRY__LOG=debug exec "$0" "$@" 2>/dev/full"#;
    let process = stage.serve_under(script);
    let client = stage.client(&process);
    let (load, targets) = (Load::default(), stage.connect(&client).await);
    more(&load, &client, &targets).await;
    let raw = stage.raw().await;
    until("everything is over", async || is_quiet(&raw).await).await;
    process.kill();
    judge(stage, &load, &targets).await;
}

/// Connections that nobody uses take all descriptors: nobody new is let in, whoever is there is answered, and
/// when they are gone everybody is.
async fn descriptors_run_out(stage: Stage) {
    let mut process = stage.serve_under(r#"ulimit -n 64; exec "$0" "$@""#);
    let client = stage.client(&process);
    let (load, targets) = (Load::default(), stage.connect(&client).await);
    let address = process.base_url();
    let address = address.trim_start_matches("http://");
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(
            tokio::net::TcpStream::connect(address)
                .await
                .expect("the queue of the system"),
        );
    }
    more(&load, &client, &targets).await;
    assert_eq!(process.ended(), None, "{}", process.said());
    drop(sockets);
    // A new client, which needs a new connection.
    more(&load, &stage.client(&process), &targets).await;
    process.kill();
    judge(stage, &load, &targets).await;
}

/// Many are told to come again, the process goes on, and whoever reads is answered. The process may write no
/// further than this into a file (`RLIMIT_FSIZE`: SQLite meets an error of input and output instead of a full disk,
/// and ends transactions by itself in both cases). Afterwards one without the limit takes over.
async fn a_file_that_may_not_grow(stage: Stage) {
    let process = stage.serve();
    let client = stage.client(&process);
    let (load, targets) = (Load::default(), stage.connect(&client).await);
    more(&load, &client, &targets).await;
    process.kill();
    let script = format!(r#"trap "" XFSZ; ulimit -f {BLOCKS}; exec "$0" "$@""#);
    load.over.store(false, Ordering::Relaxed);
    let mut process = stage.serve_under(&script);
    let client = stage.client(&process);
    let full = async {
        until("there is no more room", async || {
            let history = load.history();
            let full = |event: &&Event| event.heard != Heard::Unavailable;
            history.0.iter().skip_while(full).count() >= AFTERWARDS
        })
        .await;
        load.over.store(true, Ordering::Relaxed);
    };
    tokio::join!(load.call(&client, &targets, depth::seed()), full);
    let path = format!("{}/operation-runs", targets[0].base);
    let listed = client.get(&path).await.expect("an answer");
    assert_eq!(listed.status, 200, "who reads is answered: {}", listed.body);
    assert_eq!(process.ended(), None, "{}", process.said());
    let file = stage.database.url.strip_prefix("sqlite:").expect("a file");
    let log = std::fs::metadata(format!("{file}-wal")).expect("its log").len();
    assert!(log > (BLOCKS - 64) * 512, "it was full: {log}");
    process.kill();
    judge(stage, &load, &targets).await;
}

/// Some starts more are acknowledged.
async fn more(load: &Load, client: &cli::Client, targets: &[Target]) {
    let from = Instant::now();
    let enough = async {
        until("callers are answered", async || {
            load.accepted_since(from).len() >= STARTS
        })
        .await;
        load.over.store(true, Ordering::Relaxed);
    };
    load.over.store(false, Ordering::Relaxed);
    tokio::join!(load.call(client, targets, depth::seed()), enough);
}

/// A process that lacks nothing brings everything to its end, and every promise was kept.
async fn judge(stage: Stage, load: &Load, targets: &[Target]) {
    let raw = stage.raw().await;
    let process = stage.serve();
    let client = stage.client(&process);
    until("everything is over", async || is_quiet(&raw).await).await;
    checked(&client, &raw, targets).await;
    let wrong = promises(&raw, load).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(load.accepted().len() >= STARTS);
    process.kill();
    stage.simulator.stop().await;
}

pub(super) async fn promises(raw: &Raw, load: &Load) -> Vec<invariants::Violation> {
    let mut violations = invariants::check(raw).await;
    violations.extend(invariants::active(raw).await);
    violations.extend(invariants::left_open(raw).await);
    violations.extend(order::check(raw).await);
    violations.extend(load.history().check(raw, &BTreeMap::new(), AMONG_MANY).await);
    violations
}
