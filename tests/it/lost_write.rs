//! PostgreSQL behind sqlx 0.9: a future that is dropped while `BEGIN` is on its way leaves the
//! connection inside a transaction that the pool does not know of. Shown without the cure, and
//! gone with it.

use std::task::Poll;

use integration_tests::{Engine, TestDatabase, database::run};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, TransactionTrait as _};
use storage_sea_orm::postgres_pool_options;

/// How often BEGIN is dropped. Whether the server has it by then is a race that the test must
/// win at least once without the cure.
const ROUNDS: i32 = 60;

#[test]
fn without_the_cure_acknowledged_writes_are_lost() {
    run(Engine::Postgres, |database| async move {
        let mut options = ConnectOptions::new(&database.url);
        options.max_connections(1).min_connections(1).sqlx_logging(false);
        let lost = lost_writes(&database, options).await;
        assert!(lost > 0, "the driver no longer loses writes: the cure may go");
    });
}

#[test]
fn with_the_cure_none_is_lost() {
    run(Engine::Postgres, |database| async move {
        let options = postgres_pool_options(&database.url, 1);
        assert_eq!(lost_writes(&database, options).await, 0);
    });
}

/// Drops a BEGIN after each possible number of polls, writes through the same pool, and counts
/// the acknowledged writes that are not there afterwards.
async fn lost_writes(database: &TestDatabase, options: ConnectOptions) -> i32 {
    database
        .tamper("CREATE TABLE acknowledged (round integer NOT NULL)")
        .await;
    let pool = Database::connect(options).await.expect("connects");
    for round in 0..ROUNDS {
        drop_begin_on_its_way(&pool, round % 6).await;
        let sql = format!("INSERT INTO acknowledged (round) VALUES ({round})");
        let written = pool.execute_unprepared(&sql).await.expect("acknowledged");
        assert_eq!(written.rows_affected(), 1);
    }
    // The server's own end of the connection, as when a process dies.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.tamper(end).await;
    let there = database.number("SELECT count(*) FROM acknowledged").await;
    ROUNDS - i32::try_from(there).expect("small")
}

/// Lets `begin` be woken so many times and drops it where it then waits: for the pool, for a
/// ping, or for the server's answer to BEGIN.
async fn drop_begin_on_its_way(pool: &DatabaseConnection, wakes: i32) {
    let mut begin = Box::pin(pool.begin());
    let mut polls = 0;
    std::future::poll_fn(|context| {
        polls += 1;
        match begin.as_mut().poll(context) {
            Poll::Pending if polls <= wakes => Poll::Pending,
            Poll::Pending | Poll::Ready(_) => Poll::Ready(()),
        }
    })
    .await;
}
