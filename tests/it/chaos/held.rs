//! Somebody holds a lock of the database and does not let go. Who wants to write waits for a while and
//! is told to come again; who reads is answered; and nobody is told of an error that is none.

use std::time::{Duration, Instant};

use integration_tests::{Engine, TestApp, TestDatabase, on_both_engines};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

on_both_engines!(whoever_cannot_write_is_told_to_come_again);

/// The longest wait for a lock is five seconds; the rest is for a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

async fn whoever_cannot_write_is_told_to_come_again(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let raw = app.database.raw().await;
    let holder = raw.begin().await.expect("begins");
    let hold = match app.database.engine {
        // A write makes the transaction the file's only writer.
        Engine::Sqlite => "UPDATE members SET role = role",
        Engine::Postgres => "LOCK TABLE operation_runs IN ACCESS EXCLUSIVE MODE",
    };
    holder.execute_unprepared(hold).await.expect("holds");

    let begin = Instant::now();
    let refused = home.start(&owner, "provider.connection.check").await;
    let (took, status) = (begin.elapsed(), refused.status);
    assert_eq!(status, 503, "{}", refused.body);
    assert!(took < PATIENCE, "{took:?}");
    assert_eq!(refused.text("/code"), "store_unavailable", "{}", refused.body);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let path = format!("{}/connections/{}", home.base, home.connection);
    assert_eq!(owner.get(&path).await.expect("an answer").status, 200);

    holder.rollback().await.expect("lets go");
    raw.close().await.expect("closes");
    let accepted = home.start(&owner, "provider.connection.check").await;
    assert_eq!(accepted.text("/disposition"), "accepted", "{}", accepted.body);
    app.worker.drain().await.expect("the queue answers");
    app.stop().await;
}
