//! Several processes begin at the same moment on a database without a schema: all of them come to one
//! schema and one key, whoever makes them.

use std::sync::Arc;

use integration_tests::{Engine, chaos::depth, postgres};

use super::stage::Stage;

/// How many begin at once, and how often.
const PROCESSES: usize = 8;
const ROUNDS: (usize, usize) = (1, 20);

#[test]
fn eight_at_once_on_sqlite() {
    eight_at_once(Engine::Sqlite);
}

#[test]
fn eight_at_once_on_postgres() {
    eight_at_once(Engine::Postgres);
}

fn eight_at_once(engine: Engine) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for round in 0..depth::of_environment().pick(ROUNDS.0, ROUNDS.1) {
            let Some(stage) = Stage::new(engine, false).await else {
                return postgres::announce_skip();
            };
            begin(Arc::new(stage), round).await;
        }
    });
}

async fn begin(stage: Arc<Stage>, round: usize) {
    // Made before: two processes of an installation share a ring, they do not make it.
    stage.database.ring_file();
    let processes: Vec<_> = (0..PROCESSES)
        .map(|_| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.command(&["migrate"], None) })
        })
        .collect();
    for process in processes {
        let output = process.await.expect("joins");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "round {round}: {}: {error}",
            output.status
        );
    }
    let raw = stage.database.raw().await;
    crate::migrations::schema::assert_golden_schema(&raw, stage.database.engine).await;
    raw.close().await.expect("closes");
    assert_eq!(stage.database.number("SELECT count(*) FROM key_ring").await, 1);
    stage.database.open().await.close().await.expect("closes");
}
