//! Whether what the database itself promises still stands: the indexes that decide races, and the
//! foreign keys. A unique index that is missing or broken is worse than any row, because nobody notices.

use kernel::StoreError;
use sea_orm::{ConnectionTrait as _, DbBackend};

use super::{
    Invariant, Looker, Promise,
    walk::{get, rows},
};

/// Unique indexes that decide something, with the table and the invariant that stands on them.
const DECIDING: [(&str, &str, Invariant); 6] = [
    (
        "operation_runs_active_scope_unique",
        "operation_runs",
        Invariant::V2,
    ),
    (
        "provider_connections_default_unique",
        "provider_connections",
        Invariant::V13,
    ),
    ("outbox_events_stream", "outbox_events", Invariant::V7),
    ("key_ring_active_unique", "key_ring", Invariant::V13),
    ("notifications_run_unique", "notifications", Invariant::V8),
    ("webhook_secrets_one_present", "webhook_secrets", Invariant::V13),
];

/// The same for those that are a part of their table: on SQLite they go with it alone.
const OF_TABLES: [(&str, &str, Invariant); 2] = [
    ("idempotency_records_pkey", "idempotency_records", Invariant::V3),
    ("webhook_deliveries_once", "webhook_deliveries", Invariant::V8),
];

pub(super) const CHECKS: u64 = 2;

pub(super) async fn look(looker: &mut Looker<'_>) -> Result<(), StoreError> {
    let of_tables = match looker.database.readers().get_database_backend() {
        DbBackend::Postgres => &OF_TABLES[..],
        _ => &[],
    };
    for (index, table, invariant) in DECIDING.iter().chain(of_tables).copied() {
        if !decides(looker, index, table).await? {
            let promise = Promise {
                invariant,
                check: "index_missing",
                what: "a unique index that decides between writers is missing, not unique or not valid",
                look: "stop all processes, mend the rows that stand against it, and create the index as the migrations do",
            };
            looker.violated(promise, None, index.to_owned());
        }
    }
    foreign_keys(looker).await
}

async fn decides(looker: &Looker<'_>, index: &str, table: &str) -> Result<bool, StoreError> {
    let sql = match looker.database.readers().get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT 1 AS one FROM pg_index i WHERE i.indexrelid = to_regclass('{index}')
                AND i.indrelid = to_regclass('{table}') AND i.indisunique AND i.indisvalid AND i.indisready"
        ),
        _ => format!(
            "SELECT 1 AS one FROM pragma_index_list('{table}') WHERE name = '{index}' AND \"unique\" = 1"
        ),
    };
    Ok(!rows(looker.database, &sql, Vec::new()).await?.is_empty())
}

async fn foreign_keys(looker: &mut Looker<'_>) -> Result<(), StoreError> {
    let promise = Promise {
        invariant: Invariant::V13,
        check: "foreign_key_broken",
        what: "a foreign key is not enforced, or rows stand against it",
        look: "SQLite: PRAGMA foreign_key_check. PostgreSQL: convalidated in pg_constraint, tgenabled in pg_trigger",
    };
    let sql = match looker.database.readers().get_database_backend() {
        // Whoever switched triggers off also switched off what a foreign key does.
        DbBackend::Postgres => {
            "SELECT DISTINCT c.conname::text AS subject FROM pg_constraint c
            LEFT JOIN pg_trigger g ON g.tgconstraint = c.oid
            WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
                AND (NOT c.convalidated OR g.tgenabled NOT IN ('O', 'A'))"
        }
        _ => {
            "SELECT DISTINCT m.name || ' to ' || k.parent AS subject
            FROM sqlite_master m JOIN pragma_foreign_key_check(m.name) k WHERE m.type = 'table'"
        }
    };
    for row in rows(looker.database, sql, Vec::new()).await? {
        let subject = get(&row, "subject")?;
        looker.violated(promise, None, subject);
    }
    Ok(())
}
