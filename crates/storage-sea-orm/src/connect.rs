//! Where the database is, and why it cannot be used.

use std::path::PathBuf;

use kernel::{Redacted, StoreError};

use crate::{cipher::ring::KeyRingError, schema::SchemaError};

/// Where the database is. `Debug` shows no password.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Redacted<String>),
}

impl DatabaseUrl {
    /// Understands `sqlite:path`, `sqlite://path`, `postgres://…` and `postgresql://…`.
    pub fn parse(text: &str) -> Result<Self, ConnectError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('?') || path.contains(":memory:") {
                return Err(ConnectError::BadUrl);
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(Redacted::new(text.to_owned())));
        }
        Err(ConnectError::BadUrl)
    }
}

/// Why the database cannot be used. No variant holds an address or a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither of the forms that are understood.
    #[error("the database address must begin with sqlite: and a path, or with postgres://")]
    BadUrl,
    /// There is no such file, and nobody said that it should be made.
    #[error("the database file does not exist: `tenantatlas migrate` or `serve --migrate` makes it")]
    NoSuchFile,
    /// The file cannot be made.
    #[error("the database file cannot be made")]
    File(#[source] std::io::Error),
    /// No connection came about.
    #[error("the database cannot be opened")]
    Unreachable(#[source] StoreError),
    /// A version that can lose commits.
    #[error("SQLite {found} can lose commits: 3.51.3 or later is needed")]
    SqliteTooOld {
        /// What is there.
        found: String,
    },
    /// The schema is not the one that this program knows.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The key ring does not fit the database.
    #[error(transparent)]
    KeyRing(#[from] KeyRingError),
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn urls() {
        assert!(
            matches!(DatabaseUrl::parse("sqlite:a.db"), Ok(DatabaseUrl::Sqlite(path)) if path == Path::new("a.db"))
        );
        assert!(
            matches!(DatabaseUrl::parse("sqlite:///a/b"), Ok(DatabaseUrl::Sqlite(path)) if path == Path::new("/a/b"))
        );
        for text in [
            "",
            "mysql://x",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://a?mode=ro",
        ] {
            assert!(
                matches!(DatabaseUrl::parse(text), Err(ConnectError::BadUrl)),
                "{text}"
            );
        }
        let url = DatabaseUrl::parse("postgres://me:hunter2@host/db").expect("understood");
        assert!(!format!("{url:?}").contains("hunter2"));
    }
}
