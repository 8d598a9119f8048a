//! Observed items and compliance snapshots.

use sea_orm_migration::prelude::*;

use crate::columns::{
    drop_tables, id, json, named_after_file, number, of_workspace, text, within_workspace, workspace_key,
};

pub(crate) struct Migration;
named_after_file!(Migration);

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(items()).await?;
        manager.create_index(items_order()).await?;
        manager.create_table(snapshots()).await?;
        manager.create_index(snapshots_order()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["compliance_snapshots", "inventory_items"]).await
    }
}

fn items() -> TableCreateStatement {
    Table::create()
        .table("inventory_items")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("connection_id"))
        .col(text("kind"))
        .col(text("external_id"))
        .col(text("display_name"))
        .col(json("attributes"))
        .col(text("content_hash"))
        .col(number("version"))
        .col(number("first_seen_at"))
        .col(number("last_seen_at"))
        .col(id("last_seen_run_id"))
        // Which run saw it first, and which one last saw it changed: the counts of a run are
        // read from here, so they stay true when a run is taken again.
        .col(id("first_seen_run_id"))
        .col(id("changed_run_id"))
        .primary_key(&mut workspace_key())
        .index(
            Index::create()
                .unique()
                .name("inventory_items_external_unique")
                .col("workspace_id")
                .col("connection_id")
                .col("kind")
                .col("external_id"),
        )
        .foreign_key(&mut of_workspace("inventory_items"))
        .foreign_key(&mut within_workspace(
            "inventory_items",
            "connection_id",
            "provider_connections",
        ))
        .foreign_key(&mut within_workspace(
            "inventory_items",
            "last_seen_run_id",
            "operation_runs",
        ))
        .to_owned()
}

fn items_order() -> IndexCreateStatement {
    Index::create()
        .name("inventory_items_list_order")
        .table("inventory_items")
        .col("workspace_id")
        .col("first_seen_at")
        .col("id")
        .to_owned()
}

fn snapshots() -> TableCreateStatement {
    Table::create()
        .table("compliance_snapshots")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("connection_id"))
        .col(id("run_id"))
        .col(number("taken_at"))
        .col(json("controls"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace("compliance_snapshots"))
        .foreign_key(&mut within_workspace(
            "compliance_snapshots",
            "connection_id",
            "provider_connections",
        ))
        .foreign_key(&mut within_workspace(
            "compliance_snapshots",
            "run_id",
            "operation_runs",
        ))
        .to_owned()
}

fn snapshots_order() -> IndexCreateStatement {
    Index::create()
        .name("compliance_snapshots_list_order")
        .table("compliance_snapshots")
        .col("workspace_id")
        .col("taken_at")
        .col("id")
        .to_owned()
}
