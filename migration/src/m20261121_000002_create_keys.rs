//! The keys that wrap others: check values of the key ring, and one wrapped data key for each
//! workspace and version. No key stands here in the clear.

use sea_orm_migration::prelude::*;

use crate::columns::{bytes, drop_tables, id, named_after_file, number, of_workspace, text};

pub(crate) struct Migration;
named_after_file!(Migration);

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(key_ring()).await?;
        manager.create_table(workspace_keys()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["workspace_keys", "key_ring"]).await
    }
}

fn key_ring() -> TableCreateStatement {
    Table::create()
        .table("key_ring")
        .col(text("kid").primary_key())
        .col(bytes("check_value"))
        .col(number("registered_at"))
        .to_owned()
}

fn workspace_keys() -> TableCreateStatement {
    Table::create()
        .table("workspace_keys")
        .col(id("workspace_id"))
        .col(number("version"))
        .col(text("kid"))
        .col(bytes("wrapped_key"))
        .col(number("created_at"))
        .primary_key(Index::create().col("workspace_id").col("version").primary())
        .foreign_key(&mut of_workspace("workspace_keys"))
        .foreign_key(
            ForeignKey::create()
                .from("workspace_keys", "kid")
                .to("key_ring", "kid"),
        )
        .to_owned()
}
