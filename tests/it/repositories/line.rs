//! The line of what may wait: on SQLite, with its one writer, nobody else waits for all of it.

use std::{sync::Arc, time::Duration};

use integration_tests::{Engine, TestDatabase, database::run};
use storage::Storage as _;
use storage_sea_orm::Database;
use tokio::sync::{Mutex, oneshot};

/// How many stand in the line.
const MANY: usize = 6;
/// After so long whoever began to wait does.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

#[test]
fn who_does_not_stand_in_the_line_waits_for_one_of_it() {
    run(Engine::Sqlite, in_turn);
}

async fn in_turn(database: TestDatabase) {
    let store = database.open().await;
    let background = store.in_background();
    let writer = store.begin().await.expect("begins");
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut turns = Vec::new();
    for (name, handle) in std::iter::repeat_n(("background", &background), MANY).chain([("front", &store)]) {
        turns.push(wait(name, handle.clone(), Arc::clone(&order)).await);
    }
    drop(writer);
    for turn in turns {
        turn.await.expect("has its turn");
    }
    let order = order.lock().await;
    assert_eq!(order.len(), MANY + 1);
    let front = order.iter().position(|name| *name == "front");
    // Not at once: on a slow machine the first of the line may come back to its end before it stands there.
    assert!(front < Some(MANY / 2), "{order:?}");
}

/// Waits for the writer, in a task; it does before this returns.
async fn wait(
    name: &'static str,
    store: Database,
    order: Arc<Mutex<Vec<&'static str>>>,
) -> tokio::task::JoinHandle<()> {
    let (begun, begins) = oneshot::channel();
    let turn = tokio::spawn(async move {
        let _ = begun.send(());
        let unit = store.begin().await.expect("begins");
        order.lock().await.push(name);
        drop(unit);
    });
    begins.await.expect("begins");
    // What the task started is on its way to the pool: in another task, which the machine may let wait.
    let mut ticks = tokio::time::interval(ON_ITS_WAY);
    for _ in 0..2 {
        ticks.tick().await;
    }
    turn
}
