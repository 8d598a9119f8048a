//! Whether the schema is the one that this program knows.

use kernel::StoreError;
use migration::{Migrator, MigratorTrait as _};
use sea_orm::DatabaseConnection;

use crate::error::store_error;

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

/// Runs the migrations that wait. Other processes may do the same at this moment: a step that fails
/// because it was done elsewhere leaves fewer to do, and then the rest is tried again.
pub(crate) async fn migrate(connection: &DatabaseConnection) -> Result<(), SchemaError> {
    let mut before = usize::MAX;
    loop {
        let Err(error) = Migrator::up(connection, None).await else {
            return Ok(());
        };
        match check(connection).await {
            Ok(()) => return Ok(()),
            Err(SchemaError::Pending(left)) if left < before => before = left,
            Err(_) => {
                return Err(match error {
                    sea_orm::DbErr::Custom(_) => SchemaError::Unknown,
                    other => SchemaError::Store(store_error(&other)),
                });
            }
        }
    }
}

/// Reads only: a role that may not change the schema can still check it.
///
/// Refuses a schema with migrations that wait, or with ones that this program does not know.
/// Reads only: a program that may not change the schema can still ask.
pub(crate) async fn check(connection: &DatabaseConnection) -> Result<(), SchemaError> {
    let pending = Migrator::get_pending_migrations_read_only(connection)
        .await
        .map_err(|error| match error {
            sea_orm::DbErr::Custom(_) => SchemaError::Unknown,
            other => SchemaError::Store(store_error(&other)),
        })?;
    if pending.is_empty() {
        Ok(())
    } else {
        Err(SchemaError::Pending(pending.len()))
    }
}
