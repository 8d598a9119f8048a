//! Indexes for what was found by reading past everything else: a list that is filtered, the runs of a group,
//! what is active in one workspace, what happened to one thing, the workspaces of one principal.
//!
//! Most end with the order of their list. SQLite keeps no statistics here, and takes an index that spares it
//! the sorting rather than one that finds few rows.
//!
//! Each index is made by itself, and what it replaces goes at the end: on PostgreSQL writes to a table wait
//! for one index of it and not for all. To drop one waits for whoever reads, and whoever comes then waits behind it,
//! no longer than a lock is waited for. Whoever is interrupted begins again.

use sea_orm_migration::{prelude::*, sea_query::IndexCreateStatement};

use crate::columns::named_after_file;

pub(crate) struct Migration;
named_after_file!(Migration);

const RUNS: &str = "operation_runs";
const EVENTS: &str = "outbox_events";

/// An index that holds all rows, or those that have a value in `where_some`.
struct Plain {
    table: &'static str,
    name: &'static str,
    columns: &'static [&'static str],
    where_some: Option<&'static str>,
}

const fn of_runs(
    name: &'static str,
    columns: &'static [&'static str],
    where_some: Option<&'static str>,
) -> Plain {
    Plain {
        table: RUNS,
        name,
        columns,
        where_some,
    }
}

const fn all_of(table: &'static str, name: &'static str, columns: &'static [&'static str]) -> Plain {
    Plain {
        table,
        name,
        columns,
        where_some: None,
    }
}

const NEW: [Plain; 9] = [
    of_runs(
        "operation_runs_children_order",
        &["workspace_id", "parent_run_id", "created_at", "id"],
        Some("parent_run_id"),
    ),
    of_runs(
        "operation_runs_schedule_order",
        &["workspace_id", "schedule_id", "created_at", "id"],
        Some("schedule_id"),
    ),
    of_runs(
        "operation_runs_connection_order",
        &["workspace_id", "connection_id", "created_at", "id"],
        None,
    ),
    of_runs(
        "operation_runs_environment_order",
        &["workspace_id", "environment_id", "created_at", "id"],
        None,
    ),
    all_of(
        EVENTS,
        "outbox_events_subject_order",
        &["workspace_id", "subject_id", "sequence"],
    ),
    all_of(
        "inventory_items",
        "inventory_items_connection_order",
        &["workspace_id", "connection_id", "first_seen_at", "id"],
    ),
    // With the connection, so that this one is taken for what a run saw of it, and not the one above.
    all_of(
        "inventory_items",
        "inventory_items_run_order",
        &["workspace_id", "last_seen_run_id", "connection_id"],
    ),
    all_of(
        "compliance_snapshots",
        "compliance_snapshots_connection_order",
        &["workspace_id", "connection_id", "taken_at", "id"],
    ),
    all_of("members", "members_of_principal", &["principal_id"]),
];

/// What the first of them replace.
const OLD: [Plain; 6] = [
    of_runs(
        "operation_runs_children",
        &["workspace_id", "parent_run_id"],
        Some("parent_run_id"),
    ),
    of_runs(
        "operation_runs_of_schedule",
        &["workspace_id", "schedule_id", "created_at"],
        Some("schedule_id"),
    ),
    of_runs(
        "operation_runs_of_connection",
        &["workspace_id", "connection_id", "created_at"],
        None,
    ),
    of_runs(
        "operation_runs_of_environment",
        &["workspace_id", "environment_id", "created_at"],
        None,
    ),
    all_of(EVENTS, "outbox_events_subject", &["workspace_id", "subject_id"]),
    all_of(
        "inventory_items",
        "inventory_items_of_run",
        &["workspace_id", "last_seen_run_id"],
    ),
];

const ACTIVE: &str = "operation_runs_active_list";
const ACTIVE_BEFORE: &str = "operation_runs_active_order";
const GATHERING: &str = "operation_runs_gathering";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A lock is held for one index, on PostgreSQL too.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = &["workspace_id", "created_at", "id"];
        let unfinished = Expr::col("completed_at").is_null();
        // No wider than the index of all runs: of two that serve as well, SQLite takes the narrower one. Not by
        // status: it must not follow from `status = 'queued'`, or PostgreSQL claims through it and passes all that
        // waits of other types.
        manager.create_index(some(ACTIVE, columns, unfinished)).await?;
        manager.create_index(gathering()).await?;
        for plain in &NEW {
            manager.create_index(made(plain)).await?;
        }
        for plain in &OLD {
            drop_index(manager, plain.table, plain.name).await?;
        }
        drop_index(manager, RUNS, ACTIVE_BEFORE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for plain in &OLD {
            manager.create_index(made(plain)).await?;
        }
        let active = Expr::col("status").is_in(["queued", "running"]);
        let before = some(ACTIVE_BEFORE, &["status", "created_at"], active);
        manager.create_index(before).await?;
        for plain in &NEW {
            drop_index(manager, plain.table, plain.name).await?;
        }
        drop_index(manager, RUNS, GATHERING).await?;
        drop_index(manager, RUNS, ACTIVE).await
    }
}

fn index(table: &'static str, name: &str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table).if_not_exists();
    for column in columns {
        index.col(*column);
    }
    index
}

fn made(plain: &Plain) -> IndexCreateStatement {
    let mut made = index(plain.table, plain.name, plain.columns);
    if let Some(column) = plain.where_some {
        made.and_where(Expr::col(column).is_not_null());
    }
    made
}

fn some(name: &str, columns: &[&'static str], which: Expr) -> IndexCreateStatement {
    let mut some = index(RUNS, name, columns);
    some.and_where(which);
    some
}

/// The few groups that are not over.
fn gathering() -> IndexCreateStatement {
    let mut gathering = index(RUNS, GATHERING, &["workspace_id", "created_at"]);
    gathering
        .and_where(Expr::col("status").eq("running"))
        .and_where(Expr::col("kind").eq("group"));
    gathering
}

async fn drop_index(manager: &SchemaManager<'_>, table: &'static str, name: &str) -> Result<(), DbErr> {
    let drop = Index::drop().if_exists().name(name).table(table).to_owned();
    manager.drop_index(drop).await
}
