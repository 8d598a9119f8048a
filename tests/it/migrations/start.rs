//! The program and the schema: it refuses one that is older or newer than itself, and the schema
//! refuses rows that lead out of their workspace, whoever writes them.

use std::sync::Arc;

use integration_tests::{Engine, TestDatabase, on_both_engines};
use kernel::{SystemClock, SystemIds};
use migration::{Migrator, MigratorTrait as _};
use sea_orm::ConnectionTrait as _;
use storage::Storage as _;
use storage_sea_orm::{ConnectError, Database, DatabaseUrl, SchemaError};

use super::on_an_empty_database;

#[test]
fn pending_migrations_are_refused_on_sqlite() {
    on_an_empty_database(Engine::Sqlite, pending_migrations_are_refused);
}

#[test]
fn pending_migrations_are_refused_on_postgres() {
    on_an_empty_database(Engine::Postgres, pending_migrations_are_refused);
}

on_both_engines!(
    a_migration_that_is_missing_is_pending,
    a_newer_schema_is_unknown,
    a_foreign_key_cannot_leave_its_workspace,
);

async fn pending_migrations_are_refused(database: TestDatabase) {
    if let DatabaseUrl::Sqlite(path) = database.database_url() {
        assert!(matches!(open(&database).await, Err(ConnectError::NoSuchFile)));
        assert!(!path.exists(), "only whoever says so makes a file");
        std::fs::File::create(path).expect("an empty file is an empty database");
    }
    let all = Migrator::migrations().len();
    let refused = open(&database).await;
    assert!(matches!(refused, Err(ConnectError::Schema(SchemaError::Pending(count))) if count == all));
    let tables = match database.engine {
        Engine::Sqlite => "SELECT count(*) FROM sqlite_master",
        Engine::Postgres => "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    };
    assert_eq!(database.number(tables).await, 0, "looking changes nothing");
    database.open_migrated().await.close().await.expect("closes");
    open(&database)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
        .close()
        .await
        .expect("closes");
}

async fn a_migration_that_is_missing_is_pending(database: TestDatabase) {
    let store = database.open().await;
    store.ready().await.expect("ready");
    let last = "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)";
    assert_eq!(database.tamper(last).await, 1);
    assert!(matches!(
        open(&database).await,
        Err(ConnectError::Schema(SchemaError::Pending(1)))
    ));
    assert!(
        store.ready().await.is_err(),
        "whoever runs already is not ready any more"
    );
    store.close().await.expect("closes");
}

async fn a_newer_schema_is_unknown(database: TestDatabase) {
    let store = database.open().await;
    database
        .tamper("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0)")
        .await;
    assert!(matches!(
        open(&database).await,
        Err(ConnectError::Schema(SchemaError::Unknown))
    ));
    let (url, clock, ids) = (
        database.database_url(),
        Arc::new(SystemClock),
        Arc::new(SystemIds),
    );
    let migrated = Database::open_migrated(&url, database.key_ring(), clock, ids).await;
    assert!(
        matches!(migrated, Err(ConnectError::Schema(SchemaError::Unknown))),
        "nor is it migrated"
    );
    assert!(store.ready().await.is_err());
    store.close().await.expect("closes");
}

async fn a_foreign_key_cannot_leave_its_workspace(database: TestDatabase) {
    let (ours, theirs) = (id(&database, 1), id(&database, 2));
    let (at_ours, at_theirs) = (id(&database, 3), id(&database, 4));
    for (workspace, environment, slug) in [(&ours, &at_ours, "ours"), (&theirs, &at_theirs, "theirs")] {
        database
            .tamper(&format!(
                "INSERT INTO workspaces VALUES ({workspace}, '{slug}', 'A name', 0)"
            ))
            .await;
        database
            .tamper(&format!(
                "INSERT INTO environments VALUES ({workspace}, {environment}, 'one', 'A name', 0)"
            ))
            .await;
    }
    let connection = |workspace: &str, number, environment: &str| {
        format!(
            "INSERT INTO provider_connections (workspace_id, id, environment_id, version, display_name, connection_type,
                provider, scope_kind, scope_identifier, scope_display_name, realm, is_default, is_enabled,
                consent_state, consent_since, verification_state, verification_since, created_at)
            VALUES ({workspace}, {}, {environment}, 1, 'A name', 'dedicated', 'fake', 'tenant', 'site-1', 'A name',
                'main', false, true, 'unknown', 0, 'unknown', 0, 0)",
            id(&database, number)
        )
    };
    let raw = database.raw().await;
    let crossing = raw.execute_unprepared(&connection(&ours, 5, &at_theirs)).await;
    let error = crossing
        .expect_err("an environment of another workspace")
        .to_string();
    assert!(error.to_lowercase().contains("foreign key"), "{error}");
    raw.execute_unprepared(&connection(&ours, 5, &at_ours))
        .await
        .expect("the same within the workspace is fine");

    let run = |workspace: &str, environment: &str| {
        format!(
            "INSERT INTO operation_runs (workspace_id, id, environment_id, connection_id, operation_type, status, outcome,
                scope_key, identity_hash, inputs, initiator_label, attempt, lost_leases, context, counts, failures, created_at)
            VALUES ({workspace}, {}, {environment}, {}, 'inventory.sync', 'queued', 'pending', 'fake/tenant/site-1', 'hash',
                '{{}}', 'x', 0, 0, '{{}}', '{{}}', '[]', 0)",
            id(&database, 6),
            id(&database, 5)
        )
    };
    let crossing = raw.execute_unprepared(&run(&theirs, &at_theirs)).await;
    assert!(crossing.is_err(), "a connection of another workspace");
    raw.execute_unprepared(&run(&ours, &at_ours))
        .await
        .expect("the same within the workspace is fine");
    raw.close().await.expect("closes");
}

async fn open(database: &TestDatabase) -> Result<Database, ConnectError> {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
    Database::open(&database.database_url(), database.key_ring(), clock, ids).await
}

/// A UUID as the engine writes it.
fn id(database: &TestDatabase, number: u8) -> String {
    match database.engine {
        Engine::Sqlite => format!("x'{number:032x}'"),
        Engine::Postgres => format!("'{number:032x}'::uuid"),
    }
}
