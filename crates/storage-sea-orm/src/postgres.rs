//! PostgreSQL: the pool, and the cure for connections that come back inside a transaction or not at all.

use std::{io, time::Duration};

use sea_orm::{
    ConnectOptions, Database as SeaDatabase, DatabaseConnection,
    sqlx::{self, Connection as _, Executor as _},
};
use tokio::time::timeout;

use crate::{connect::ConnectError, error::store_error};

/// What every session is set to, whatever the server's defaults are. Nothing waits for a lock or a
/// statement without end: the host of a transaction may be gone, and its locks stay until the
/// server notices. The gate reads what others committed, statement by statement.
const SESSION: [(&str, &str); 4] = [
    ("lock_timeout", "5s"),
    ("statement_timeout", "30s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("default_transaction_isolation", "read committed"),
];

/// Options for a pool that never lends a connection with a transaction still open.
///
/// With sqlx 0.9, a future that is dropped while `BEGIN` is on its way leaves the connection
/// inside a transaction that the pool does not know of. The next borrower's writes join it, are
/// acknowledged, and are gone when the connection closes. `BEGIN; ROLLBACK` before each loan
/// ends whatever is open (the `BEGIN` keeps the server from warning when nothing is), at the
/// price of the ping that it replaces.
pub fn pool_options(url: &str, max_connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(max_connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .set_application_name("tenantatlas")
        .map_sqlx_postgres_opts(|options| options.options(SESSION))
        .map_sqlx_postgres_before_acquire(|connection, _metadata| {
            Box::pin(async move {
                sign_of_life(connection.execute(sqlx::raw_sql("BEGIN; ROLLBACK"))).await?;
                Ok(true)
            })
        })
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.after_release(|connection, _metadata| {
                Box::pin(async move {
                    sign_of_life(connection.ping()).await?;
                    Ok(true)
                })
            })
        });
    options
}

/// How long a connection that nobody uses may take to answer.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// A connection that does not answer is closed by the pool, and its place is free again. Without this, one
/// whose server is gone without a word would hold its place for as long as the system tries to reach it.
async fn sign_of_life<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(SIGN_OF_LIFE, answer)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
}

/// Opens the pool.
pub(crate) async fn open(url: &str, max_connections: u32) -> Result<DatabaseConnection, ConnectError> {
    connect(pool_options(url, max_connections)).await
}

/// Opens another pool, in which statements take as long as they take: a large table gets no index in thirty
/// seconds. Locks are not waited for any longer, since whoever wants the same table waits behind.
pub(crate) async fn open_unhurried(url: &str) -> Result<DatabaseConnection, ConnectError> {
    let mut options = pool_options(url, 2);
    options.map_sqlx_postgres_opts(|options| {
        let unhurried = SESSION.map(|(name, limit)| match name {
            "statement_timeout" => (name, "0"),
            _ => (name, limit),
        });
        options.options(unhurried)
    });
    connect(options).await
}

async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, ConnectError> {
    SeaDatabase::connect(options)
        .await
        .map_err(|error| ConnectError::Unreachable(store_error(&error)))
}
