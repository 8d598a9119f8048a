//! A connection around the product, in plain SQL of both engines, and one of the product where it is wanted.

use std::{path::PathBuf, sync::Arc};

use kernel::{SystemClock, SystemIds};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement};
use storage_sea_orm::{Database, DatabaseUrl, KeyRing};
use uuid::Uuid;

use crate::{Engine, TestDatabase, process::Process};

/// How often a process is stopped until it holds no lock.
const FREEZES: usize = 100;

/// How a process was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    /// At the first try.
    AtOnce,
    /// It held a lock first: everybody stood still with it, for as long as it takes to see that.
    Again,
}

/// The connection. Clones share it.
#[derive(Clone)]
pub struct Raw {
    connection: DatabaseConnection,
    database: DatabaseUrl,
    ring_file: PathBuf,
    engine: Engine,
}

impl Raw {
    /// To the database of a test.
    pub async fn open(database: &TestDatabase) -> Self {
        Self {
            connection: database.raw().await,
            database: database.database_url(),
            ring_file: database.ring_file(),
            engine: database.engine,
        }
    }

    /// A handle of the product's own, for what the product looks for itself, with the key ring as it is by now.
    pub async fn store(&self) -> Database {
        let ring = std::fs::read_to_string(&self.ring_file).expect("a ring");
        let ring = KeyRing::parse(&ring).expect("a ring");
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
        let opened = Database::open(&self.database, ring, clock, ids).await;
        opened.expect("opens")
    }

    /// Which engine it is.
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// A UUID as the engine writes it.
    pub fn uuid(&self, uuid: Uuid) -> String {
        match self.engine {
            Engine::Sqlite => format!("x'{}'", uuid.simple()),
            Engine::Postgres => format!("'{uuid}'::uuid"),
        }
    }

    /// SQL for a column of ids as text, the way the journal writes ids.
    pub fn id_text(&self, column: &str) -> String {
        match self.engine {
            Engine::Postgres => format!("CAST({column} AS text)"),
            Engine::Sqlite => {
                let hex = format!("lower(hex({column}))");
                [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]
                    .map(|(from, length)| format!("substr({hex}, {from}, {length})"))
                    .join(" || '-' || ")
            }
        }
    }

    /// What a query gives.
    pub async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        self.try_rows(sql).await.expect("runs")
    }

    /// The same where the database may be gone at the moment.
    pub async fn try_rows(&self, sql: &str) -> Result<Vec<QueryResult>, sea_orm::DbErr> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        self.connection.query_all_raw(statement).await
    }

    /// The one number that a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let rows = self.rows(sql).await;
        rows[0].try_get_by_index(0).expect("a number")
    }

    /// Stops a process, but not while it holds the lock of a file: that would stop everybody.
    pub async fn freeze(&self, process: &Process) -> Frozen {
        for attempt in 0..FREEZES {
            process.freeze();
            if self.can_write().await {
                return match attempt {
                    0 => Frozen::AtOnce,
                    _ => Frozen::Again,
                };
            }
            process.signal("CONT");
        }
        panic!("whenever the process stands still, nobody else can write");
    }

    /// Whether somebody could write now. On a file, a process that was stopped within a transaction
    /// keeps everybody else from it.
    pub async fn can_write(&self) -> bool {
        let nothing = "UPDATE members SET role = role WHERE 1 = 0";
        self.connection.execute_unprepared(nothing).await.is_ok()
    }

    /// Runs a statement, and tells how many rows it changed.
    pub async fn change(&self, sql: &str) -> u64 {
        self.connection
            .execute_unprepared(sql)
            .await
            .expect("runs")
            .rows_affected()
    }
}
