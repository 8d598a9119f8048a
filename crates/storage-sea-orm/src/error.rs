//! Database errors, stripped of what they must not tell. `Debug` and `Display` of a [`DbErr`] can
//! hold row contents, so it ends here: what goes on is a code and a constraint's name.

use kernel::StoreError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// What may be known about a database error.
#[derive(Debug, thiserror::Error)]
#[error("database error {code}{}", constraint.as_deref().map(|name| format!(" on {name}")).unwrap_or_default())]
pub(crate) struct Cause {
    /// SQLSTATE on PostgreSQL, the extended result code on SQLite, or our word for it.
    code: String,
    /// The constraint, if one was violated.
    constraint: Option<String>,
}

/// Translates what has no meaning of its own for the caller.
pub(crate) fn store_error(error: &DbErr) -> StoreError {
    let cause = cause(error);
    if is_unavailable(error, &cause.code) {
        StoreError::Unavailable(Box::new(cause))
    } else {
        // The one place that knows the code; whoever handles the error knows the request.
        tracing::error!(
            code = cause.code,
            constraint = cause.constraint,
            "the database refused a statement"
        );
        StoreError::Refused(Box::new(cause))
    }
}

/// Whether a unique index refused the statement.
pub(crate) fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Whether SQLite refused because somebody else has the file (`SQLITE_BUSY` and its extensions).
pub(crate) fn is_busy(error: &DbErr) -> bool {
    sqlite_code(error).is_some_and(|code| code & 0xff == 5)
}

fn sqlite_code(error: &DbErr) -> Option<i32> {
    let database = sqlx_error(error)?.as_database_error()?;
    database.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    database.code()?.parse().ok()
}

/// Whether the whole transaction in which this happened may be none any more, savepoints and all: SQLite ends
/// it by itself, and does not say so (<https://sqlite.org/lang_transaction.html>, "Response To Errors Within A
/// Transaction"). PostgreSQL refuses what follows until a savepoint is rolled back.
pub(crate) fn may_end_transaction(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(_)) => {
            sqlite_code(error).is_some_and(|code| ENDS_TRANSACTION.contains(&(code & 0xff)))
        }
        Some(_) => true,
        None => matches!(error, DbErr::Conn(_)),
    }
}

/// SQLite's primary result codes `SQLITE_ABORT`, `SQLITE_BUSY`, `SQLITE_NOMEM`, `SQLITE_INTERRUPT`, `SQLITE_IOERR` and
/// `SQLITE_FULL` (<https://sqlite.org/rescode.html>).
const ENDS_TRANSACTION: [i32; 6] = [4, 5, 7, 9, 10, 13];

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner))
        | DbErr::Conn(RuntimeErr::SqlxError(inner)) => Some(inner),
        _ => None,
    }
}

fn cause(error: &DbErr) -> Cause {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(database)) => Cause {
            code: database
                .code()
                .map_or_else(|| "unknown".to_owned(), std::borrow::Cow::into_owned),
            constraint: database.constraint().map(str::to_owned),
        },
        Some(sqlx::Error::PoolTimedOut) => Cause {
            code: "pool_timeout".to_owned(),
            constraint: None,
        },
        Some(sqlx::Error::Io(_)) => Cause {
            code: "io".to_owned(),
            constraint: None,
        },
        Some(_) | None => Cause {
            code: variant(error).to_owned(),
            constraint: None,
        },
    }
}

/// Pool exhaustion, lost connections, SQLite's busy, locked, input/output error and full (5, 6, 10, 13
/// and their extensions), and PostgreSQL's classes 08 (connection), 40 (rollback), 53 (resources),
/// 55 (lock not available), 57 (intervention) and 58 (system), a server that became read-only
/// (25006) and a transaction that was idle too long (25P03).
fn is_unavailable(error: &DbErr, code: &str) -> bool {
    if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return true;
    }
    match sqlx_error(error) {
        Some(sqlx::Error::Database(_)) => {
            let postgres = code.len() == 5
                && ["08", "40", "53", "55", "57", "58"]
                    .iter()
                    .any(|class| code.starts_with(class))
                || code == "25006"
                || code == "25P03";
            let sqlite = code
                .parse::<u32>()
                .is_ok_and(|number| code.len() < 5 && matches!(number & 0xFF, 5 | 6 | 10 | 13));
            postgres || sqlite
        }
        Some(
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
        ) => true,
        Some(_) | None => false,
    }
}

const fn variant(error: &DbErr) -> &'static str {
    match error {
        DbErr::ConnectionAcquire(_) => "connection_acquire",
        DbErr::Conn(_) => "connection",
        DbErr::Exec(_) => "execute",
        DbErr::Query(_) => "query",
        DbErr::Type(_) => "type",
        DbErr::Json(_) => "json",
        DbErr::RecordNotFound(_) => "not_found",
        _ => "other",
    }
}

/// Shorthand for the end of nearly every statement.
pub(crate) trait OrStoreError<T> {
    /// The value, or the error without its words.
    fn or_store_error(self) -> Result<T, StoreError>;
}

impl<T> OrStoreError<T> for Result<T, DbErr> {
    fn or_store_error(self) -> Result<T, StoreError> {
        self.map_err(|error| store_error(&error))
    }
}
