//! SQLite: one writer, several readers, the settings without which it loses or leaks, and the cure for
//! connections that come back with a transaction that nobody can end.

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    path::Path,
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database as SeaDatabase, DatabaseConnection, DbBackend, DbErr,
    Statement,
    sqlx::{
        self, Connection as _, SqliteConnection,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};

use crate::{
    connect::ConnectError,
    error::{is_busy, store_error},
};

/// The first version without the write-ahead log reset defect
/// (SQLite release notes, 3.51.3: a checkpoint racing with a log reset could lose a commit).
const FIRST_GOOD_VERSION: (u32, u32, u32) = (3, 51, 3);

/// How many connections read at the same time.
const READERS: u32 = 4;

/// Opens the file; a missing one is made if `create` says so, readable by its owner alone: it will
/// hold names of people. SQLite gives its log and index files the mode of the database. Returns
/// the writer and the readers.
pub(crate) async fn open(
    path: &Path,
    create: bool,
) -> Result<(DatabaseConnection, DatabaseConnection), ConnectError> {
    make_if_missing(path, create)?;
    let unreachable = |error: DbErr| ConnectError::Unreachable(store_error(&error));
    let writer = connect_first(path).await.map_err(unreachable)?;
    assert_version(&writer).await?;
    let readers = connect(path, READERS, true).await.map_err(unreachable)?;
    Ok((writer, readers))
}

/// For how long a file may be busy that somebody else has just made.
const BUSY: Duration = Duration::from_secs(5);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(50);

/// The first connection to a new file gives it a write-ahead log, and SQLite does not wait for others then: the
/// statement holds a shared lock before it asks for more, and whoever holds one is refused at once, because two who
/// waited so would wait for each other (<https://sqlite.org/c3ref/busy_handler.html>).
#[expect(
    clippy::disallowed_methods,
    reason = "whoever does not want to wait any more drops the future"
)]
async fn connect_first(path: &Path) -> Result<DatabaseConnection, DbErr> {
    let begin = Instant::now();
    loop {
        match connect(path, 1, false).await {
            Err(error) if is_busy(&error) && begin.elapsed() < BUSY => tokio::time::sleep(LOOK).await,
            other => return other,
        }
    }
}

fn make_if_missing(path: &Path, create: bool) -> Result<(), ConnectError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match (path.exists(), create) {
        (true, _) => Ok(()),
        (false, false) => Err(ConnectError::NoSuchFile),
        (false, true) => match options.open(path) {
            Ok(_) => Ok(()),
            // Another process made it in between.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(ConnectError::File(error)),
        },
    }
}

/// One writer connection makes writers wait in a fair line instead of meeting SQLite's busy
/// handler, whose waits reach a second. Readers may not write, whatever they are told.
async fn connect(path: &Path, connections: u32, query_only: bool) -> Result<DatabaseConnection, DbErr> {
    let path = path.to_owned();
    let mut options = ConnectOptions::new("sqlite://");
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| {
            options
                .filename(&path)
                .create_if_missing(false)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
                .pragma("secure_delete", "ON")
                .pragma("trusted_schema", "OFF")
                .pragma("query_only", if query_only { "ON" } else { "OFF" })
        })
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _metadata| Box::pin(has_no_transaction(connection)))
        });
    SeaDatabase::connect(options).await
}

/// Whether a connection may be lent again; if not, the pool closes it, which ends what is open.
///
/// SQLite ends a transaction by itself when a write fails for want of room or an input/output error
/// (<https://sqlite.org/lang_transaction.html>, "Response To Errors Within A Transaction"). sqlx 0.9 counts
/// transactions, and counts one down only if `COMMIT` or `ROLLBACK` succeeded: on a connection with such a
/// failure the next one begins as a savepoint, the first that is rolled back leaves this savepoint open, and
/// whatever is committed after that is acknowledged and gone when the connection ends.
async fn has_no_transaction(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A rollback that was begun when its transaction was dropped is over when this is answered.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

async fn assert_version(connection: &DatabaseConnection) -> Result<(), ConnectError> {
    let statement = Statement::from_string(DbBackend::Sqlite, "SELECT sqlite_version()");
    let row = connection
        .query_one_raw(statement)
        .await
        .map_err(|error| ConnectError::Unreachable(store_error(&error)))?;
    let text: String = row
        .and_then(|row| row.try_get_by_index(0).ok())
        .unwrap_or_default();
    if parse_version(&text) < FIRST_GOOD_VERSION {
        return Err(ConnectError::SqliteTooOld { found: text });
    }
    Ok(())
}

fn parse_version(text: &str) -> (u32, u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or_default());
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

/// The steps by which a statement is read on an empty file.
#[cfg(test)]
pub(crate) async fn steps(sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let (writer, _) = open(&directory.path().join("file"), true).await.expect("opens");
    crate::schema::migrate(&writer).await.expect("migrates");
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let explain = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    let rows = writer.query_all_raw(explain).await.expect("explains");
    rows.iter()
        .map(|row| row.try_get("", "detail").expect("text"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A commit of another process, in a file that has no write-ahead log yet. SQLite refuses at once then, and never
    /// asks how long it may wait.
    #[tokio::test]
    async fn a_file_that_somebody_else_is_making_ready_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        make_if_missing(&path, true).expect("makes it");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut other = SqliteConnection::connect_with(&options).await.expect("opens");
        let mut say = async |sql: &'static str| sqlx::query(sql).execute(&mut other).await.expect("does it");
        say("BEGIN IMMEDIATE").await;
        let file = path.clone();
        let opening = tokio::spawn(async move { open(&file, true).await });
        let begin = Instant::now();
        while !opening.is_finished() && begin.elapsed() < Duration::from_millis(300) {
            say("SELECT 1").await;
        }
        assert!(!opening.is_finished(), "it waits");
        say("COMMIT").await;
        let (writer, readers) = opening.await.expect("joins").expect("opens");
        for pool in [writer, readers] {
            pool.close().await.expect("closes");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(parse_version("3.51.10") > FIRST_GOOD_VERSION);
        assert!(parse_version("3.51.2") < FIRST_GOOD_VERSION);
        assert!(parse_version("garbage") < FIRST_GOOD_VERSION);
    }
}
