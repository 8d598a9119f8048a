//! A backup that was made while callers called and workers worked, and a process that is started on
//! it: every promise holds on the copy, what was being worked at comes to its end, and a run that was
//! acknowledged after the backup is unknown there, like any other id.

use std::{process::Command, sync::atomic::Ordering, time::Instant};

use integration_tests::{
    Engine, TestDatabase,
    chaos::{callers::Target, depth, invariants, order, raw::Raw},
    postgres,
};

use super::{
    failpoints::{
        after::{checked, is_quiet},
        load::Load,
    },
    stage::{Stage, until},
};

/// Acknowledged starts before the backup, and after it.
const STARTS: usize = 8;

#[test]
fn a_backup_under_load_on_sqlite() {
    a_backup_under_load(Engine::Sqlite);
}

#[test]
fn a_backup_under_load_on_postgres() {
    a_backup_under_load(Engine::Postgres);
}

fn a_backup_under_load(engine: Engine) {
    integration_tests::database::run(engine, |_| async move {
        let stage = Stage::new(engine, true).await.expect("the engine is there");
        backed_up(stage).await;
    });
}

async fn backed_up(mut stage: Stage) {
    let process = stage.serve();
    let client = stage.client(&process);
    let targets = stage.connect(&client).await;
    let (load, copy) = (Load::default(), empty(&stage.database).await);
    let raw = stage.raw().await;
    let work = async {
        until("there is something to lose", async || {
            load.accepted().len() >= STARTS
        })
        .await;
        let before = load.accepted();
        back_up(&raw, &stage.database, &copy).await;
        // What was on its way meanwhile may stand on either side.
        let copied = Instant::now();
        until("life goes on", async || {
            load.accepted_since(copied).len() >= STARTS
        })
        .await;
        load.over.store(true, Ordering::Relaxed);
        (before, copied)
    };
    let ((), (before, copied)) = tokio::join!(load.call(&client, &targets, depth::seed()), work);
    process.kill();

    // The folder of the original holds files that the settings name.
    let _original = std::mem::replace(&mut stage.database, copy);
    let raw = stage.raw().await;
    assert_sound(&raw).await;
    let process = stage.serve();
    let client = stage.client(&process);
    until("everything is over", async || is_quiet(&raw).await).await;
    checked(&client, &raw, &targets).await;
    assert_sound(&raw).await;
    let later = load.accepted_since(copied);
    assert!(later.len() >= STARTS);
    for run in &before {
        assert_eq!(
            status(&client, &targets[0], run).await,
            200,
            "{run} was acknowledged before"
        );
    }
    for run in &later {
        assert_eq!(status(&client, &targets[0], run).await, 404, "{run} came after");
    }
    process.kill();
    stage.simulator.stop().await;
}

async fn status(client: &cli::Client, target: &Target, run: &str) -> u16 {
    let path = format!("{}/operation-runs/{run}", target.base);
    client.get(&path).await.expect("an answer").status
}

/// What holds of rows, whether runs are active or not.
async fn assert_sound(raw: &Raw) {
    let violations = invariants::check(raw).await;
    assert!(violations.is_empty(), "{violations:#?}");
    if raw.engine() == Engine::Sqlite {
        // PostgreSQL's order of commits does not survive a dump.
        let violations = order::check(raw).await;
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

/// Nothing yet, under the same keys.
async fn empty(original: &TestDatabase) -> TestDatabase {
    let copy = TestDatabase::create(original.engine, false).await;
    TestDatabase {
        ring: original.ring.clone(),
        ..copy.expect("the engine is there")
    }
}

/// Without stopping anything.
async fn back_up(raw: &Raw, original: &TestDatabase, copy: &TestDatabase) {
    match original.engine {
        Engine::Sqlite => {
            let path = copy.url.strip_prefix("sqlite:").expect("a file");
            raw.change(&format!("VACUUM INTO '{path}'")).await;
        }
        Engine::Postgres => {
            let cluster = postgres::cluster().expect("it runs");
            let file = copy.folder.path().join("dump");
            let mut dump = cluster.program("pg_dump");
            dump.args(["--format=custom", "--dbname", &original.url, "--file"]);
            run(dump.arg(&file));
            let mut restore = cluster.program("pg_restore");
            restore.args(["--exit-on-error", "--dbname", &copy.url]);
            run(restore.arg(&file));
        }
    }
}

fn run(command: &mut Command) {
    let output = tokio::task::block_in_place(|| command.output()).expect("runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
