//! What the life of a connection needs: tags, a history of its axes, the hint that a consent page
//! left behind, and a mark for connections that were deleted.
//!
//! A deleted connection keeps its row, so that runs and snapshots keep what they point at; its
//! target identifier becomes its own id, which frees the target for another connection.

use sea_orm_migration::prelude::*;

use crate::columns::{
    drop_tables, id, named_after_file, number, of_workspace, optional_id, optional_number, optional_text,
    text, within_workspace, workspace_key,
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
        // SQLite adds one column at a time.
        for column in new_columns() {
            let add = Table::alter()
                .table("provider_connections")
                .add_column(column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        let counter = "UPDATE provider_connections SET credential_version = coalesce((
                SELECT max(c.version) FROM provider_credentials c
                WHERE c.workspace_id = provider_connections.workspace_id
                    AND c.connection_id = provider_connections.id
            ), 0)";
        manager.get_connection().execute_unprepared(counter).await?;
        manager.create_table(tags()).await?;
        manager.create_table(history()).await?;
        manager.create_index(history_order()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["connection_history", "connection_tags"]).await?;
        for column in new_columns() {
            let drop = Table::alter()
                .table("provider_connections")
                .drop_column(column.get_column_name())
                .to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

fn new_columns() -> Vec<ColumnDef> {
    let counted = |name: &'static str, from: i64| {
        let mut column = number(name);
        column.default(from);
        column
    };
    vec![
        // Grows with each change of target, client, type or credential: what was found out or
        // agreed about an earlier identity says nothing about the present one.
        counted("identity_version", 1),
        // The version of the newest credential that there ever was; never used twice.
        counted("credential_version", 0),
        optional_number("consent_hint_at"),
        optional_text("consent_hint_client"),
        optional_number("verification_next_at"),
        optional_number("deleted_at"),
    ]
}

fn tags() -> TableCreateStatement {
    Table::create()
        .table("connection_tags")
        .col(id("workspace_id"))
        .col(id("connection_id"))
        .col(text("tag_key"))
        .col(text("tag_value"))
        .primary_key(
            Index::create()
                .col("workspace_id")
                .col("connection_id")
                .col("tag_key")
                .primary(),
        )
        .foreign_key(&mut within_workspace(
            "connection_tags",
            "connection_id",
            "provider_connections",
        ))
        .to_owned()
}

fn history() -> TableCreateStatement {
    Table::create()
        .table("connection_history")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("connection_id"))
        .col(text("axis").check(Expr::col("axis").is_in(["consent", "verification"])))
        .col(text("from_state"))
        .col(text("to_state"))
        .col(optional_text("reason_code"))
        .col(optional_id("run_id"))
        .col(number("occurred_at"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace("connection_history"))
        .foreign_key(&mut within_workspace(
            "connection_history",
            "connection_id",
            "provider_connections",
        ))
        .to_owned()
}

fn history_order() -> IndexCreateStatement {
    Index::create()
        .name("connection_history_list_order")
        .table("connection_history")
        .col("workspace_id")
        .col("connection_id")
        .col("occurred_at")
        .col("id")
        .to_owned()
}
