//! What retention needs: whose turn it is, how far each history was pruned, and indexes without which
//! pruning would read whole tables.
//!
//! A foreign key is looked up from its far end when a run is deleted, so each one that leads to
//! `operation_runs` has an index that begins with its columns.

use sea_orm_migration::prelude::*;

use crate::columns::{drop_tables, id, named_after_file, number, of_workspace, text};

pub(crate) struct Migration;
named_after_file!(Migration);

/// Name, table, columns after `workspace_id`.
const INDEXES: [(&str, &str, &[&str]); 6] = [
    ("inventory_items_of_run", "inventory_items", &["last_seen_run_id"]),
    ("compliance_snapshots_of_run", "compliance_snapshots", &["run_id"]),
    ("call_attempts_of_run", "call_attempts", &["run_id"]),
    ("call_attempts_age", "call_attempts", &["occurred_at"]),
    ("consent_links_age", "consent_links", &["expires_at"]),
    ("connection_history_age", "connection_history", &["occurred_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(turns()).await?;
        manager.create_table(marks()).await?;
        for (name, table, columns) in INDEXES {
            let mut index = Index::create()
                .name(name)
                .table(table)
                .col("workspace_id")
                .to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, _) in INDEXES {
            manager
                .drop_index(Index::drop().name(name).table(table).to_owned())
                .await?;
        }
        drop_tables(manager, &["retention_marks", "housekeeping_turns"]).await
    }
}

/// When each workspace is looked after next. One row decides between processes.
fn turns() -> TableCreateStatement {
    Table::create()
        .table("housekeeping_turns")
        .col(id("workspace_id"))
        .col(number("next_at"))
        .primary_key(Index::create().col("workspace_id").primary())
        .foreign_key(&mut of_workspace("housekeeping_turns"))
        .to_owned()
}

/// Until when a history was pruned: what is older may be gone, and what is younger must be there.
fn marks() -> TableCreateStatement {
    Table::create()
        .table("retention_marks")
        .col(id("workspace_id"))
        .col(text("kind"))
        .col(number("pruned_until"))
        .primary_key(Index::create().col("workspace_id").col("kind").primary())
        .foreign_key(&mut of_workspace("retention_marks"))
        .to_owned()
}
