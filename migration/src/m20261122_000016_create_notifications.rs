//! Notifications, one for each run at the most, and the tickets that open streams of events.
//!
//! No ticket stands here: its hash does.

use sea_orm_migration::prelude::*;

use crate::columns::{
    bytes, drop_tables, id, named_after_file, number, of_workspace, optional_id, optional_number, text,
    workspace_key,
};

pub(crate) struct Migration;
named_after_file!(Migration);

const TABLE: &str = "notifications";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(notifications()).await?;
        manager.create_index(one_for_each_run()).await?;
        manager.create_index(list_order()).await?;
        manager.create_index(unread()).await?;
        manager.create_table(tickets()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["stream_tickets", TABLE]).await
    }
}

fn notifications() -> TableCreateStatement {
    let outcomes = [
        "succeeded",
        "partially_succeeded",
        "blocked",
        "failed",
        "canceled",
    ];
    Table::create()
        .table(TABLE)
        .col(id("workspace_id"))
        // That of the event.
        .col(id("id"))
        // Who is told.
        .col(id("principal_id"))
        .col(id("run_id"))
        .col(text("operation_type"))
        .col(text("outcome").check(Expr::col("outcome").is_in(outcomes)))
        .col(optional_id("environment_id"))
        // The number of the event.
        .col(number("sequence"))
        .col(number("created_at"))
        .col(optional_number("read_at"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace(TABLE))
        .foreign_key(
            ForeignKey::create()
                .from(TABLE, "principal_id")
                .to("principals", "id")
                .on_delete(ForeignKeyAction::Restrict),
        )
        // It goes with its run.
        .foreign_key(
            ForeignKey::create()
                .from(TABLE, ("workspace_id", "run_id"))
                .to("operation_runs", ("workspace_id", "id"))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn one_for_each_run() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("notifications_run_unique")
        .table(TABLE)
        .col("workspace_id")
        .col("run_id")
        .to_owned()
}

fn list_order() -> IndexCreateStatement {
    Index::create()
        .name("notifications_order")
        .table(TABLE)
        .col("workspace_id")
        .col("principal_id")
        .col("created_at")
        .col("id")
        .to_owned()
}

/// What is counted each time: few rows, whatever the history's length.
fn unread() -> IndexCreateStatement {
    Index::create()
        .name("notifications_unread")
        .table(TABLE)
        .col("workspace_id")
        .col("principal_id")
        .and_where(Expr::col("read_at").is_null())
        .to_owned()
}

fn tickets() -> TableCreateStatement {
    Table::create()
        .table("stream_tickets")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("principal_id"))
        .col(bytes("ticket_hash"))
        .col(number("created_at"))
        .col(number("expires_at"))
        .primary_key(&mut workspace_key())
        .index(
            Index::create()
                .unique()
                .name("stream_tickets_ticket_unique")
                .col("ticket_hash"),
        )
        .foreign_key(&mut of_workspace("stream_tickets"))
        .foreign_key(
            ForeignKey::create()
                .from("stream_tickets", "principal_id")
                .to("principals", "id")
                .on_delete(ForeignKeyAction::Restrict),
        )
        .to_owned()
}
