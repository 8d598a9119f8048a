//! The database as the rest of the program holds it: a writer, readers, and what repositories
//! need beside a connection.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use kernel::{Clock, IdSource, SecretBytes, StoreError};
use sea_orm::{ConnectionTrait as _, DbBackend, SqliteTransactionMode, Statement, TransactionOptions};
use storage::{ReadSession, Storage, UnitOfWork};
use tokio::sync::{Notify, Semaphore};

use crate::{
    Queue, Vault,
    bounded::{Pool, Tx},
    cipher::ring::{KeyRing, KeyRingError},
    connect::{ConnectError, DatabaseUrl},
    error::OrStoreError as _,
    keys, postgres, schema,
    session::{Reader, Transaction},
    sqlite,
};

/// What repositories need beside a connection.
pub(crate) struct Context {
    pub(crate) ring: KeyRing,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    /// Notified after each commit of a unit of work or of the queue.
    pub(crate) committed: Arc<Notify>,
    /// The name of the oldest key that was in use when the database was opened.
    oldest_kid: OnceLock<String>,
}

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    writer: Pool,
    readers: Pool,
    context: Arc<Context>,
    /// The line in which the transactions of this handle wait before they wait for the writer.
    line: Option<Arc<Semaphore>>,
}

impl Database {
    /// How many connections a PostgreSQL pool has unless told.
    pub const POSTGRES_CONNECTIONS: u32 = 10;

    /// Opens the database, and refuses one whose schema or keys do not fit.
    pub async fn open(
        url: &DatabaseUrl,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, ConnectError> {
        let database = Self::connect(url, ring, clock, ids, false).await?;
        schema::check(&database.writer).await?;
        database.check_ring().await?;
        Ok(database)
    }

    /// Opens the database and runs the migrations that wait.
    pub async fn open_migrated(
        url: &DatabaseUrl,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, ConnectError> {
        let database = Self::connect(url, ring, clock, ids, true).await?;
        match url {
            DatabaseUrl::Sqlite(_) => schema::migrate(database.writer.without_limit()).await?,
            DatabaseUrl::Postgres(url) => {
                let unhurried = postgres::open_unhurried(url.expose()).await?;
                schema::migrate(&unhurried).await?;
                unhurried
                    .close()
                    .await
                    .or_store_error()
                    .map_err(ConnectError::Unreachable)?;
            }
        }
        database.check_ring().await?;
        Ok(database)
    }

    pub(crate) async fn connect(
        url: &DatabaseUrl,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        create: bool,
    ) -> Result<Self, ConnectError> {
        let (writer, readers) = match url {
            DatabaseUrl::Sqlite(path) => sqlite::open(path, create).await?,
            DatabaseUrl::Postgres(url) => {
                let pool = postgres::open(url.expose(), Self::POSTGRES_CONNECTIONS).await?;
                (pool.clone(), pool)
            }
        };
        Ok(Self {
            writer: Pool::new(writer),
            readers: Pool::new(readers),
            context: Arc::new(Context {
                ring,
                clock,
                ids,
                committed: Arc::default(),
                oldest_kid: OnceLock::new(),
            }),
            line: None,
        })
    }

    /// Compares the ring with the keys that the database knows.
    async fn check_ring(&self) -> Result<(), KeyRingError> {
        let oldest = keys::start::check(self).await?;
        self.context.oldest_kid.get_or_init(|| oldest);
        Ok(())
    }

    /// Opens credentials. For the worker alone.
    pub fn vault(&self) -> Vault {
        Vault::new(self.clone())
    }

    /// Notified when something was committed through this handle or a clone of it: an event may wait for
    /// its number. Wakes one sleeper.
    pub fn committed(&self) -> Arc<Notify> {
        Arc::clone(&self.context.committed)
    }

    /// The worker's side of runs.
    pub fn queue(&self) -> Queue {
        Queue::new(self.clone())
    }

    /// A key for another purpose, useless for anything else: the same in every process of this
    /// installation. It is derived from the oldest key that is in use, so it stays the same when
    /// another key becomes active, and changes for processes that start after the oldest one was
    /// retired or given up.
    ///
    /// # Panics
    /// Never: an open database knows its oldest key, and the ring has it.
    pub fn derived_key(&self, purpose: &str) -> SecretBytes {
        let kid = self.context.oldest_kid.get();
        kid.and_then(|kid| self.context.ring.derived(kid, purpose))
            .expect("the ring was checked when the database was opened")
    }

    /// Calls `watch` after every statement of this handle, of the clones that are made of it from
    /// now on and of their transactions. To count statements, or to have them explained; `BEGIN` and
    /// `COMMIT` are not told.
    pub fn watch_statements(&mut self, watch: impl Fn(&Statement) + Clone + Send + Sync + 'static) {
        for connections in [&mut self.writer, &mut self.readers] {
            connections.watch(watch.clone());
        }
    }

    /// How long one statement of this handle, and of the clones that are made of it from now on, may go
    /// unanswered before its connection counts as lost: 40 seconds unless told. A server that can be reached
    /// ends statements after 30 seconds itself.
    pub fn give_up_after(&mut self, limit: Duration) {
        self.writer.give_up_after(limit);
        self.readers.give_up_after(limit);
    }

    /// A handle for what may wait: on SQLite one of its transactions at a time stands in the line for the one
    /// writer, and the others behind it, so whoever comes through another handle waits for one of them and
    /// not for all. On PostgreSQL, with its many writers, it is a clone.
    #[must_use]
    pub fn in_background(&self) -> Self {
        let line = match self.writer.get_database_backend() {
            DbBackend::Sqlite => Some(Arc::new(Semaphore::new(1))),
            _ => None,
        };
        Self { line, ..self.clone() }
    }

    /// Closes the connections, after what is under way.
    pub async fn close(self) -> Result<(), StoreError> {
        if let DbBackend::Sqlite = self.writer.get_database_backend() {
            self.readers.close().await.or_store_error()?;
        }
        self.writer.close().await.or_store_error()
    }

    pub(crate) const fn writer(&self) -> &Pool {
        &self.writer
    }

    pub(crate) const fn readers(&self) -> &Pool {
        &self.readers
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Begins a transaction. Runs in a task of its own, so that a caller who goes away cannot
    /// drop the future while `BEGIN` is on its way (see [`crate::postgres_pool_options`]). On
    /// SQLite it takes the write lock at once: a transaction that reads first and writes later
    /// meets "busy" without waiting.
    pub(crate) async fn transaction(&self) -> Result<Tx, StoreError> {
        // Whoever goes away while he stands in line leaves it. Nobody closes it.
        let place = match &self.line {
            Some(line) => Arc::clone(line).acquire_owned().await.ok(),
            None => None,
        };
        let writer = self.writer.clone();
        let begin = tokio::spawn(async move {
            let options = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            };
            Ok(writer.begin(options).await?.holding(place))
        });
        begin
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?
            .or_store_error()
    }
}

#[async_trait]
impl Storage for Database {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(Transaction::new(
            self.transaction().await?,
            Arc::clone(&self.context),
        )))
    }

    async fn read(&self) -> Result<Box<dyn ReadSession>, StoreError> {
        Ok(Box::new(Reader::new(
            self.readers.clone(),
            Arc::clone(&self.context),
        )))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        schema::check(&self.readers)
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))
    }
}
