//! Whether the schema is the one that this program knows.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    time::Duration,
};

use kernel::StoreError;
use migration::{Migrator, MigratorTrait as _};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement,
    TransactionTrait as _,
};

use crate::{bounded::Pool, error::store_error};

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Migrations wait to be run.
    #[error("{0} migrations are pending: run `tenantatlas migrate` first")]
    Pending(usize),
    /// The database was migrated by a later version of this program, or is not ours.
    #[error("the database's schema is newer than this program, or is not its own")]
    Unknown,
    /// A migration failed.
    #[error("the schema cannot be read or changed")]
    Store(#[source] StoreError),
}

/// What processes that migrate the same server hold against each other: any number, the same for all versions.
const TURN: i64 = 0x7465_6e61_6e74;
/// How often a process asks whether its turn has come.
const ASK: Duration = Duration::from_millis(50);

/// Runs the migrations that wait. Other processes may want the same at this moment: they take turns, because a
/// step that is done twice at once can undo a later one (a table that is made anew has no column that came after).
pub(crate) async fn migrate(connection: &DatabaseConnection) -> Result<(), SchemaError> {
    let turn = turn(connection).await?;
    let done = Migrator::up(connection, None).await.map_err(unusable);
    let given_back = match turn {
        Turn::OnServer(held) => held.rollback().await.map_err(unusable),
        Turn::OfFolder(held) => {
            drop(held);
            Ok(())
        }
        Turn::Nobody => Ok(()),
    };
    done.and(given_back)
}

/// What a process holds while it migrates. Gone with the process.
enum Turn {
    /// A transaction with a lock.
    OnServer(DatabaseTransaction),
    /// A lock on the folder of the file. The file itself must not be opened beside SQLite: closing it again
    /// would drop SQLite's own locks (sqlite.org/howtocorrupt.html, 2.2).
    OfFolder(File),
    /// There is nobody else in memory.
    Nobody,
}

async fn turn(connection: &DatabaseConnection) -> Result<Turn, SchemaError> {
    if connection.get_database_backend() == DbBackend::Postgres {
        loop {
            let held = connection.begin().await.map_err(unusable)?;
            // It does nothing while the steps are done beside it, however long they take.
            held.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0")
                .await
                .map_err(unusable)?;
            let ask = format!("SELECT pg_try_advisory_xact_lock({TURN})");
            let ask = Statement::from_string(DbBackend::Postgres, ask);
            let row = held.query_one_raw(ask).await.map_err(unusable)?;
            let mine = row
                .map(|row| row.try_get_by_index(0))
                .transpose()
                .map_err(unusable)?;
            if mine == Some(true) {
                return Ok(Turn::OnServer(held));
            }
            held.rollback().await.map_err(unusable)?;
            rest().await;
        }
    }
    let ask = Statement::from_string(
        DbBackend::Sqlite,
        "SELECT file FROM pragma_database_list WHERE name = 'main'",
    );
    let row = connection.query_one_raw(ask).await.map_err(unusable)?;
    let file = row
        .map(|row| row.try_get_by_index::<String>(0))
        .transpose()
        .map_err(unusable)?;
    let folder = file.as_deref().map(Path::new).and_then(Path::parent);
    let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(Turn::Nobody);
    };
    let failed = |error: io::Error| SchemaError::Store(StoreError::Unavailable(Box::new(error)));
    let folder = File::open(folder).map_err(failed)?;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(Turn::OfFolder(folder)),
            Err(TryLockError::WouldBlock) => rest().await,
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever does not want to wait any more drops the future, or ends the command"
)]
async fn rest() {
    tokio::time::sleep(ASK).await;
}

fn unusable(error: DbErr) -> SchemaError {
    match error {
        DbErr::Custom(_) => SchemaError::Unknown,
        other => SchemaError::Store(store_error(&other)),
    }
}

/// Refuses a schema with migrations that wait, or with ones that this program does not know.
/// Reads only: a role that may not change the schema can still ask.
pub(crate) async fn check(connection: &Pool) -> Result<(), SchemaError> {
    let asked = Migrator::get_pending_migrations_read_only(connection.without_limit());
    let pending = connection.answer(asked).await.map_err(unusable)?;
    if pending.is_empty() {
        Ok(())
    } else {
        Err(SchemaError::Pending(pending.len()))
    }
}
