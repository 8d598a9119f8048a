//! Connections and transactions whose statements are not waited for without end.
//!
//! PostgreSQL ends a statement after thirty seconds itself. But a server that vanishes, or a way to it that
//! does, says nothing: sqlx 0.9 sets no keepalive on its sockets
//! (<https://github.com/launchbadge/sqlx/issues/3540>), so the answer would be waited for for ever, by a
//! request or by a loop of the worker. Here it counts as lost after a while; the connection is not used again
//! ([`crate::postgres_pool_options`]). A file is on this machine: SQLite is waited for.
//!
//! In a transaction nothing is done after a statement that failed, except a rollback. SQLite may have ended the
//! transaction, so what followed would be done at once and for good; and a commit of one that PostgreSQL has
//! given up is answered with success, though it rolls back (sqlx 0.9 does not look).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, TransactionOptions, TransactionTrait as _,
};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use crate::error::may_end_transaction;

/// How long one statement may go unanswered, unless told. More than the server's own limit, so that its word
/// comes first while there is somebody to say it.
const GIVE_UP_AFTER: Duration = Duration::from_secs(40);

/// A pool: each statement takes a connection for itself.
#[derive(Clone)]
pub(crate) struct Pool {
    inner: DatabaseConnection,
    limit: Duration,
}

/// A transaction, or a savepoint of one.
pub(crate) struct Tx {
    inner: DatabaseTransaction,
    limit: Duration,
    /// Set when a statement was given up, since nobody knows what it did, and when one may have ended the
    /// transaction: nothing more is done in the whole of it, and it is not committed.
    spoilt: Arc<AtomicBool>,
    /// Set when a statement was refused: nothing more is done before a rollback, of the savepoint if it is one.
    failed: AtomicBool,
    /// A place in a line, given up with the transaction.
    _place: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// A pool with the usual patience.
    pub(crate) fn new(inner: DatabaseConnection) -> Self {
        let limit = match inner.get_database_backend() {
            DbBackend::Sqlite => Duration::MAX,
            _ => GIVE_UP_AFTER,
        };
        Self { inner, limit }
    }

    /// Changes the patience with a server, for this pool and for the transactions that begin from now on.
    pub(crate) fn give_up_after(&mut self, limit: Duration) {
        if self.limit < Duration::MAX {
            self.limit = limit;
        }
    }

    /// What is below, for what takes as long as it takes.
    pub(crate) const fn without_limit(&self) -> &DatabaseConnection {
        &self.inner
    }

    /// Calls `watch` after every statement.
    pub(crate) fn watch(&mut self, watch: impl Fn(&Statement) + Send + Sync + 'static) {
        self.inner.set_metric_callback(move |info| watch(info.statement));
    }

    /// Waits for `answer` as for that of one statement.
    pub(crate) async fn answer<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        timeout(self.limit, answer)
            .await
            .unwrap_or_else(|_| Err(no_answer()))
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self, options: TransactionOptions) -> Result<Tx, DbErr> {
        Ok(Tx {
            inner: self.answer(self.inner.begin_with_options(options)).await?,
            limit: self.limit,
            spoilt: Arc::default(),
            failed: AtomicBool::new(false),
            _place: None,
        })
    }

    /// Closes the connections, after what is under way.
    pub(crate) async fn close(self) -> Result<(), DbErr> {
        let closed = self.inner.clone().close();
        self.answer(closed).await
    }
}

impl Tx {
    /// Begins a savepoint.
    pub(crate) async fn savepoint(&self) -> Result<Self, DbErr> {
        Ok(Self {
            inner: self.answer(self.inner.begin()).await?,
            limit: self.limit,
            spoilt: Arc::clone(&self.spoilt),
            failed: AtomicBool::new(false),
            _place: None,
        })
    }

    /// The same, with a place in a line that others wait for.
    pub(crate) fn holding(self, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            _place: place,
            ..self
        }
    }

    /// Commits. If the answer does not come, nobody knows whether it did. Refused after a statement that failed,
    /// whatever became of its error.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(after_failure());
        }
        within(self.limit, &self.spoilt, self.inner.commit()).await
    }

    /// Rolls back.
    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        within(self.limit, &self.spoilt, self.inner.rollback()).await
    }

    async fn answer<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(after_failure());
        }
        let answer = within(self.limit, &self.spoilt, answer).await;
        if answer.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        answer
    }
}

/// The answer, unless it does not come in time, or an earlier one spoilt the transaction.
async fn within<T>(
    limit: Duration,
    spoilt: &AtomicBool,
    answer: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    if spoilt.load(Ordering::Relaxed) {
        return Err(after_failure());
    }
    let answer = timeout(limit, answer).await.unwrap_or_else(|_| Err(no_answer()));
    if answer.as_ref().is_err_and(may_end_transaction) {
        spoilt.store(true, Ordering::Relaxed);
    }
    answer
}

fn no_answer() -> DbErr {
    lost("no answer in time")
}

fn after_failure() -> DbErr {
    lost("an earlier statement failed")
}

fn lost(why: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(why.to_owned()))
}

#[async_trait::async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.answer(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.answer(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if self.get_database_backend() == DbBackend::Sqlite {
            // With the first row sqlx 0.9 resets the statement, and forgets what the reset says: for a write that
            // returns rows, whether it was committed. Read to the end, it is told.
            return Ok(self.query_all_raw(statement).await?.into_iter().next());
        }
        self.answer(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.answer(self.inner.query_all_raw(statement)).await
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.answer(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.answer(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.answer(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.answer(self.inner.query_all_raw(statement)).await
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::SqliteTransactionMode;

    use super::*;
    use crate::sqlite;

    async fn file(directory: &tempfile::TempDir) -> Pool {
        let (writer, _) = sqlite::open(&directory.path().join("file"), true)
            .await
            .expect("opens");
        Pool::new(writer)
    }

    async fn begin(pool: &Pool) -> Tx {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        pool.begin(options).await.expect("begins")
    }

    /// The rows that somebody else sees.
    async fn seen(directory: &tempfile::TempDir) -> i64 {
        let statement = Statement::from_string(DbBackend::Sqlite, "SELECT count(*) FROM t");
        let row = file(directory).await.query_one_raw(statement).await;
        row.expect("runs")
            .expect("a row")
            .try_get_by_index(0)
            .expect("a number")
    }

    /// Ended by the database, as for want of room. Afterwards one that is rolled back, and one that is not.
    #[tokio::test]
    async fn what_is_acknowledged_after_a_transaction_that_sqlite_ended_is_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let pool = file(&directory).await;
        pool.execute_unprepared("CREATE TABLE t (a INTEGER PRIMARY KEY)")
            .await
            .expect("runs");
        for row in [1, 2] {
            let ended = begin(&pool).await;
            let insert = "INSERT OR ROLLBACK INTO t VALUES (1)";
            let failed = ended.execute_unprepared(insert).await.is_err();
            assert_eq!(failed, row == 2);
            assert_eq!(ended.commit().await.is_err(), row == 2);
        }
        let back = begin(&pool).await;
        back.execute_unprepared("INSERT INTO t VALUES (2)")
            .await
            .expect("runs");
        back.rollback().await.expect("rolls back");
        let kept = begin(&pool).await;
        kept.execute_unprepared("INSERT INTO t VALUES (3)")
            .await
            .expect("runs");
        kept.commit().await.expect("commits");
        assert_eq!(seen(&directory).await, 2);
    }

    /// As when the disk is full just then: the row comes, and the commit after it fails.
    #[tokio::test]
    async fn a_write_that_returns_rows_is_done_only_if_it_was_committed() {
        let directory = tempfile::tempdir().expect("a directory");
        let pool = file(&directory).await;
        for sql in [
            "CREATE TABLE p (a INTEGER PRIMARY KEY)",
            "CREATE TABLE t (a INTEGER REFERENCES p (a) DEFERRABLE INITIALLY DEFERRED)",
        ] {
            pool.execute_unprepared(sql).await.expect("runs");
        }
        let orphan = Statement::from_string(DbBackend::Sqlite, "INSERT INTO t VALUES (1) RETURNING a");
        pool.query_one_raw(orphan).await.expect_err("it has no parent");
        assert_eq!(seen(&directory).await, 0);
    }

    /// Whoever forgets the error hears it again, and a savepoint keeps it from the rest.
    #[tokio::test]
    async fn a_statement_that_failed_is_not_committed_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let pool = file(&directory).await;
        pool.execute_unprepared("CREATE TABLE t (a INTEGER PRIMARY KEY)")
            .await
            .expect("runs");
        let insert = |row: i32| format!("INSERT INTO t VALUES ({row})");
        for in_savepoint in [true, false] {
            let whole = begin(&pool).await;
            let row = 1 + i32::from(in_savepoint);
            whole.execute_unprepared(&insert(row)).await.expect("runs");
            if in_savepoint {
                let part = whole.savepoint().await.expect("begins");
                part.execute_unprepared(&insert(row))
                    .await
                    .expect_err("it is there");
                part.rollback().await.expect("rolls back");
            } else {
                whole
                    .execute_unprepared(&insert(row))
                    .await
                    .expect_err("it is there");
            }
            assert_eq!(whole.commit().await.is_ok(), in_savepoint);
        }
        assert_eq!(seen(&directory).await, 1);
    }

    /// What follows would be done at once, and stay when the caller is told that nothing was.
    #[tokio::test]
    async fn nothing_is_done_after_a_statement_that_may_have_ended_the_transaction() {
        let directory = tempfile::tempdir().expect("a directory");
        let pool = file(&directory).await;
        for sql in ["CREATE TABLE t (a BLOB)", "PRAGMA max_page_count = 8"] {
            pool.execute_unprepared(sql).await.expect("runs");
        }
        let full = begin(&pool).await;
        let large = "INSERT INTO t VALUES (zeroblob(1000000))";
        full.execute_unprepared(large)
            .await
            .expect_err("there is no room");
        let small = "INSERT INTO t VALUES (1)";
        let refused = full.execute_unprepared(small).await.expect_err("it is over");
        assert!(
            refused.to_string().contains("an earlier statement failed"),
            "{refused}"
        );
        full.commit().await.expect_err("it is over");
        assert_eq!(seen(&directory).await, 0);
    }
}
