//! Connections and transactions whose statements are not waited for without end.
//!
//! PostgreSQL ends a statement after thirty seconds itself. But a server that vanishes, or a way to it that
//! does, says nothing: sqlx 0.9 sets no keepalive on its sockets
//! (<https://github.com/launchbadge/sqlx/issues/3540>), so the answer would be waited for for ever, by a
//! request or by a loop of the worker. Here it counts as lost after a while; the connection is not used again
//! ([`crate::postgres_pool_options`]). A file is on this machine: SQLite is waited for.

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
use tokio::time::timeout;

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
    /// Set when a statement was given up: nobody knows what it did, so nothing more is done in the whole
    /// transaction, and it is not committed.
    given_up: Arc<AtomicBool>,
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
    pub(crate) fn watch(&mut self, watch: impl Fn(Duration) + Send + Sync + 'static) {
        self.inner.set_metric_callback(move |info| watch(info.elapsed));
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
            given_up: Arc::default(),
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
            given_up: Arc::clone(&self.given_up),
        })
    }

    /// Commits. If the answer does not come, nobody knows whether it did.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        within(self.limit, &self.given_up, self.inner.commit()).await
    }

    /// Rolls back.
    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        within(self.limit, &self.given_up, self.inner.rollback()).await
    }

    async fn answer<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        within(self.limit, &self.given_up, answer).await
    }
}

/// The answer, unless it does not come in time, or an earlier one did not.
async fn within<T>(
    limit: Duration,
    given_up: &AtomicBool,
    answer: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    if given_up.load(Ordering::Relaxed) {
        return Err(no_answer());
    }
    timeout(limit, answer).await.unwrap_or_else(|_| {
        given_up.store(true, Ordering::Relaxed);
        Err(no_answer())
    })
}

fn no_answer() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("no answer in time".to_owned()))
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
