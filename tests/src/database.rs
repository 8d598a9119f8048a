//! A database for one test, on either engine.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use kernel::{Clock, IdSource, Redacted, SystemClock, SystemIds};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database as SeaDatabase, DatabaseConnection};
use server::files;
use storage_sea_orm::{Database, DatabaseUrl, KeyRing};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::postgres;

const SQLITE_FILE: &str = "test.sqlite3";

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    /// As it is called in golden files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A database that nobody else uses.
pub struct TestDatabase {
    /// Which engine it is on.
    pub engine: Engine,
    /// Its address, as settings hold it.
    pub url: String,
    /// The text of its key ring.
    pub ring: String,
    /// A folder of the test's own. Gone with the database.
    pub folder: TempDir,
}

/// Runs a test on a fresh, migrated database of `engine`.
pub fn run<F, Fut>(engine: Engine, test: F)
where
    F: FnOnce(TestDatabase) -> Fut,
    Fut: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        match TestDatabase::create(engine, true).await {
            Some(database) => test(database).await,
            None => postgres::announce_skip(),
        }
    });
}

impl TestDatabase {
    /// A fresh database, with its schema if `migrated`. Nothing where the engine is missing.
    pub async fn create(engine: Engine, migrated: bool) -> Option<Self> {
        let folder = TempDir::with_prefix("tenantatlas-test-").expect("a folder");
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.path().join(SQLITE_FILE).display()),
            Engine::Postgres => postgres_database(migrated).await?,
        };
        let ring = KeyRing::generate_file("test").to_string();
        let database = Self {
            engine,
            url,
            ring,
            folder,
        };
        if migrated && engine == Engine::Sqlite {
            let file = database.folder.path().join(SQLITE_FILE);
            files::create_private(&file, sqlite_template().await).expect("a file");
        }
        Some(database)
    }

    /// A migrated database on a cluster that nobody else uses. Nothing where the engine is missing.
    pub async fn on_own_cluster() -> Option<(Self, postgres::Cluster)> {
        let cluster = postgres::Cluster::own()?;
        create(&cluster, "CREATE DATABASE own").await;
        let database = Self {
            engine: Engine::Postgres,
            url: cluster.url("own"),
            ring: KeyRing::generate_file("test").to_string(),
            folder: TempDir::with_prefix("tenantatlas-test-").expect("a folder"),
        };
        database.open_migrated().await.close().await.expect("closes");
        Some((database, cluster))
    }

    /// Another database with everything that is in this one, under the same key ring. On a server, whoever is
    /// connected to this one is sent away for it.
    #[must_use = "the copy is gone with its folder"]
    pub async fn copy(&self) -> Self {
        let folder = TempDir::with_prefix("tenantatlas-test-").expect("a folder");
        let url = match self.engine {
            Engine::Sqlite => {
                let file = folder.path().join(SQLITE_FILE).display().to_string();
                self.tamper(&format!("VACUUM INTO '{file}'")).await;
                format!("sqlite:{file}")
            }
            Engine::Postgres => {
                let cluster = postgres::cluster().expect("it was there for this one");
                let original = self.url.rsplit('/').next().expect("a path");
                let original = original.split('?').next().expect("a name");
                let name = format!("t{}", SystemIds.next_uuid().simple());
                let away = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
                create(cluster, &format!("{away} '{original}'")).await;
                create(cluster, &format!("CREATE DATABASE {name} TEMPLATE {original}")).await;
                cluster.url(&name)
            }
        };
        Self {
            engine: self.engine,
            url,
            ring: self.ring.clone(),
            folder,
        }
    }

    /// The parsed address.
    pub fn database_url(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&self.url).expect("an address")
    }

    /// Its key ring.
    pub fn key_ring(&self) -> KeyRing {
        KeyRing::parse(&self.ring).expect("a ring")
    }

    /// Opens it as the product does.
    pub async fn open(&self) -> Database {
        let (clock, ids) = clock_and_ids();
        Database::open(&self.database_url(), self.key_ring(), clock, ids)
            .await
            .expect("opens")
    }

    /// Opens it and runs its migrations.
    pub async fn open_migrated(&self) -> Database {
        let (clock, ids) = clock_and_ids();
        Database::open_migrated(&self.database_url(), self.key_ring(), clock, ids)
            .await
            .expect("opens")
    }

    /// A connection around the product, to look and to tamper.
    pub async fn raw(&self) -> DatabaseConnection {
        let url = match self.engine {
            Engine::Sqlite => self.url.replacen("sqlite:", "sqlite://", 1),
            Engine::Postgres => self.url.clone(),
        };
        let mut options = ConnectOptions::new(url);
        options.max_connections(2).sqlx_logging(false);
        SeaDatabase::connect(options).await.expect("connects")
    }

    /// Runs a statement around the product. Returns how many rows it changed.
    pub async fn tamper(&self, sql: &str) -> u64 {
        let raw = self.raw().await;
        let changed = raw.execute_unprepared(sql).await.expect("runs").rows_affected();
        raw.close().await.expect("closes");
        changed
    }

    /// The one number that a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let raw = self.raw().await;
        let statement = sea_orm::Statement::from_string(raw.get_database_backend(), sql);
        let row = raw.query_one_raw(statement).await.expect("runs").expect("a row");
        let number = row.try_get_by_index::<i64>(0).expect("a number");
        raw.close().await.expect("closes");
        number
    }

    /// Writes the key ring to a file, as `serve` wants it.
    pub fn ring_file(&self) -> PathBuf {
        // Several processes begin at once, and none may find half of it.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let path = self.folder.path().join("keyring");
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if !path.exists() {
            files::create_private(&path, self.ring.as_bytes()).expect("written");
        }
        path
    }
}

fn clock_and_ids() -> (Arc<dyn Clock>, Arc<dyn IdSource>) {
    (Arc::new(SystemClock), Arc::new(SystemIds))
}

/// A migrated file of SQLite, made once for all tests.
async fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let made = TEMPLATE.get_or_init(|| async {
        let folder = TempDir::with_prefix("tenantatlas-template-").expect("a folder");
        let file = folder.path().join(SQLITE_FILE);
        let url = DatabaseUrl::parse(&format!("sqlite:{}", file.display())).expect("an address");
        migrate(&url).await;
        let raw = SeaDatabase::connect(format!("sqlite://{}", file.display()))
            .await
            .expect("connects");
        forget_the_key(raw).await;
        let log = folder.path().join(format!("{SQLITE_FILE}-wal"));
        assert!(!log.exists(), "whoever closes last leaves everything in the file");
        std::fs::read(&file).expect("the file")
    });
    made.await
}

/// Runs the migrations under a key that nobody keeps.
async fn migrate(url: &DatabaseUrl) {
    let (clock, ids) = clock_and_ids();
    let ring = KeyRing::parse(&KeyRing::generate_file("template")).expect("a ring");
    let database = Database::open_migrated(url, ring, clock, ids)
        .await
        .expect("migrates");
    database.close().await.expect("closes");
}

/// So that each copy takes the key of the ring that it is opened with.
async fn forget_the_key(raw: DatabaseConnection) {
    raw.execute_unprepared("DELETE FROM key_ring")
        .await
        .expect("runs");
    raw.close().await.expect("closes");
}

/// A database of the cluster; a migrated one is a copy of a template that is made once.
async fn postgres_database(migrated: bool) -> Option<String> {
    static TEMPLATE: OnceCell<()> = OnceCell::const_new();
    let cluster = postgres::cluster()?;
    let name = format!("t{}", SystemIds.next_uuid().simple());
    if migrated {
        TEMPLATE
            .get_or_init(|| async {
                // What a first try that failed left behind must not hide why it failed.
                create(cluster, "DROP DATABASE IF EXISTS template_migrated").await;
                create(cluster, "CREATE DATABASE template_migrated").await;
                let url = DatabaseUrl::Postgres(Redacted::new(cluster.url("template_migrated")));
                migrate(&url).await;
                let raw = SeaDatabase::connect(cluster.url("template_migrated"))
                    .await
                    .expect("connects");
                forget_the_key(raw).await;
            })
            .await;
        create(
            cluster,
            &format!("CREATE DATABASE {name} TEMPLATE template_migrated"),
        )
        .await;
    } else {
        create(cluster, &format!("CREATE DATABASE {name}")).await;
    }
    Some(cluster.url(&name))
}

/// One at a time: PostgreSQL refuses to copy a template that somebody else copies.
async fn create(cluster: &postgres::Cluster, sql: &str) {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    let raw = SeaDatabase::connect(cluster.url("postgres"))
        .await
        .expect("connects");
    raw.execute_unprepared(sql).await.expect("creates");
    raw.close().await.expect("closes");
}
