//! What the migrations make: the golden schema, the way back, and what must hold of every table.

use std::{collections::BTreeSet, fmt::Write as _};

use integration_tests::{Engine, TestDatabase};
use migration::{Migrator, MigratorTrait as _};
use operations::RunStatus;
use sea_orm::DatabaseConnection;
use storage_sea_orm::DatabaseUrl;

use super::{assert_golden, folder, on_an_empty_database, rows};

/// Tables that belong to no workspace. The last one is the migrations' own.
const INSTALLATION_WIDE: [&str; 5] = [
    "workspaces",
    "principals",
    "key_ring",
    "platform_targets",
    "seaql_migrations",
];

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() {
                super::on_an_empty_database(super::Engine::Sqlite, super::$name);
            })+
        }
        mod postgres {
            $(#[test] fn $name() {
                super::on_an_empty_database(super::Engine::Postgres, super::$name);
            })+
        }
    };
}

on_both!(
    up_down_and_up_again_end_in_the_golden_schema,
    active_states_equal_the_index_predicate,
    every_table_of_a_workspace_begins_its_key_with_the_workspace,
    every_foreign_key_stays_in_its_workspace,
);

async fn up_down_and_up_again_end_in_the_golden_schema(database: TestDatabase) {
    let raw = migrated(&database).await;
    let schema = dump(&raw, database.engine).await;
    assert!(schema.contains("operation_runs_active_scope_unique"), "{schema}");
    Migrator::down(&raw, None).await.expect("goes back");
    assert_eq!(dump(&raw, database.engine).await, "", "nothing is left");
    Migrator::up(&raw, None).await.expect("migrates again");
    assert_eq!(dump(&raw, database.engine).await, schema);
    assert_golden_schema(&raw, database.engine).await;
    raw.close().await.expect("closes");
}

/// The schema is the one in review.
pub(crate) async fn assert_golden_schema(raw: &DatabaseConnection, engine: Engine) {
    let schema = dump(raw, engine).await;
    let golden = folder().join(format!("schema.{}.sql", engine.name()));
    assert_golden(
        &golden,
        &format!("-- The schema as the migrations make it. Written by a test, for review.\n\n{schema}"),
    );
}

/// I1: what the code calls active is what the index holds unique, on both engines.
async fn active_states_equal_the_index_predicate(database: TestDatabase) {
    let raw = migrated(&database).await;
    let active: BTreeSet<_> = RunStatus::ALL
        .into_iter()
        .filter(|status| status.is_active())
        .map(RunStatus::as_str)
        .collect();
    let index = "operation_runs_active_scope_unique";
    let sql = match database.engine {
        Engine::Sqlite => {
            format!("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = '{index}'")
        }
        Engine::Postgres => format!("SELECT pg_get_indexdef('{index}'::regclass)"),
    };
    let [[definition]] = <[[String; 1]; 1]>::try_from(rows(&raw, &sql).await).expect("one index");
    let (_, predicate) = definition.split_once(" WHERE ").expect("a partial index");
    let named: BTreeSet<_> = predicate.split('\'').skip(1).step_by(2).collect();
    assert_eq!(named, active, "{definition}");
    assert!(
        predicate.contains("status") && !predicate.contains("NOT"),
        "{definition}"
    );
    assert!(definition.starts_with("CREATE UNIQUE INDEX"), "{definition}");
    raw.close().await.expect("closes");
}

async fn every_table_of_a_workspace_begins_its_key_with_the_workspace(database: TestDatabase) {
    let raw = migrated(&database).await;
    let sql = match database.engine {
        Engine::Sqlite => {
            "SELECT t.name, p.name FROM sqlite_master t
            LEFT JOIN pragma_table_info(t.name) p ON p.pk = 1 WHERE t.type = 'table' ORDER BY 1"
        }
        Engine::Postgres => {
            "SELECT c.relname::text, a.attname::text FROM pg_class c
            LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
        }
    };
    let keys: Vec<[String; 2]> = rows(&raw, sql).await;
    assert!(keys.len() > INSTALLATION_WIDE.len() + 8, "{keys:?}");
    for [table, first] in &keys {
        let of_workspace = !INSTALLATION_WIDE.contains(&table.as_str());
        assert_eq!(
            first == "workspace_id",
            of_workspace,
            "the key of {table} begins with {first:?}"
        );
    }
    raw.close().await.expect("closes");
}

/// Each foreign key between tables of workspaces carries the workspace along.
async fn every_foreign_key_stays_in_its_workspace(database: TestDatabase) {
    let raw = migrated(&database).await;
    let sql = match database.engine {
        Engine::Sqlite => {
            "SELECT t.name || ' ' || f.id, f.\"table\",
                group_concat(f.\"from\" || '=' || coalesce(f.\"to\", '?'), ',')
            FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f
            WHERE t.type = 'table' GROUP BY t.name, f.id, f.\"table\" ORDER BY 1"
        }
        Engine::Postgres => {
            "SELECT conname::text, confrelid::regclass::text,
                (SELECT string_agg(a.attname || '=' || b.attname, ',') FROM unnest(conkey, confkey) AS k(here, there)
                JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.here
                JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = k.there)
            FROM pg_constraint WHERE contype = 'f' ORDER BY 1"
        }
    };
    let keys: Vec<[String; 3]> = rows(&raw, sql).await;
    let mut inner = 0;
    for [name, target, columns] in &keys {
        if !INSTALLATION_WIDE.contains(&target.as_str()) {
            inner += 1;
            let carries = columns.split(',').any(|pair| pair == "workspace_id=workspace_id");
            assert!(carries, "{name} leads to {target} by {columns}");
        }
    }
    assert!(inner >= 9, "the keys are found: {keys:?}");
    raw.close().await.expect("closes");
}

async fn migrated(database: &TestDatabase) -> DatabaseConnection {
    if let DatabaseUrl::Sqlite(path) = database.database_url() {
        std::fs::File::create(path).expect("an empty file is an empty database");
    }
    let raw = database.raw().await;
    Migrator::up(&raw, None).await.expect("migrates");
    raw
}

/// The schema as text, in stable order. The migrations' own table is a library's business.
async fn dump(raw: &DatabaseConnection, engine: Engine) -> String {
    match engine {
        Engine::Sqlite => dump_sqlite(raw).await,
        Engine::Postgres => dump_postgres(raw).await,
    }
}

async fn dump_sqlite(raw: &DatabaseConnection) -> String {
    let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> 'seaql_migrations'
        ORDER BY tbl_name, type DESC, name";
    let statements: Vec<[String; 1]> = rows(raw, sql).await;
    statements.iter().fold(String::new(), |text, [statement]| {
        text + &one_part_a_line(statement) + ";\n\n"
    })
}

/// Breaks a statement after the commas and brackets of its outermost pair.
fn one_part_a_line(statement: &str) -> String {
    let (mut depth, mut quoted, mut text) = (0, false, String::new());
    for character in statement.chars() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        let breaks = !quoted && statement.starts_with("CREATE TABLE");
        match (character, depth) {
            (')', 0) if breaks => text.push_str("\n)"),
            ('(', 1) if breaks => text.push_str("(\n    "),
            (',', 1) if breaks => text.push_str(",\n    "),
            (' ', _) if text.ends_with("\n    ") => {}
            _ => text.push(character),
        }
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

async fn dump_postgres(raw: &DatabaseConnection) -> String {
    const TABLE: &str = "c.relnamespace = 'public'::regnamespace AND c.relname <> 'seaql_migrations'";
    let columns = format!(
        "SELECT c.relname::text, format('%I %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
            coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind = 'r' AND {TABLE} ORDER BY c.relname, a.attnum"
    );
    // NOT NULL stands with the columns; newer servers list it as a constraint too.
    let constraints = format!(
        "SELECT c.relname::text, format('CONSTRAINT %I %s', o.conname, pg_get_constraintdef(o.oid))
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        WHERE o.contype <> 'n' AND {TABLE} ORDER BY c.relname, o.conname"
    );
    let indexes = format!(
        "SELECT t.relname::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        WHERE t.relname <> 'seaql_migrations' AND {TABLE} ORDER BY t.relname, c.relname"
    );
    let columns: Vec<[String; 2]> = rows(raw, &columns).await;
    let constraints: Vec<[String; 2]> = rows(raw, &constraints).await;
    let indexes: Vec<[String; 2]> = rows(raw, &indexes).await;
    let tables: BTreeSet<_> = columns.iter().map(|[table, _]| table.as_str()).collect();
    let mut text = String::new();
    for table in tables {
        let of_table = |rows: &[[String; 2]]| -> Vec<String> {
            rows.iter()
                .filter(|[name, _]| name == table)
                .map(|[_, line]| line.clone())
                .collect()
        };
        let inner = [of_table(&columns), of_table(&constraints)]
            .concat()
            .join(",\n    ");
        writeln!(text, "CREATE TABLE {table} (\n    {inner}\n);").expect("writing to a string works");
        for index in of_table(&indexes) {
            writeln!(text, "{index};").expect("writing to a string works");
        }
        text.push('\n');
    }
    text
}
