//! The journal: audit events, and the outbox of events that wait to be delivered.

use sea_orm_migration::prelude::*;

use crate::columns::{
    drop_tables, id, json, named_after_file, number, of_workspace, optional_id, optional_number,
    optional_text, text, workspace_key,
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
        manager.create_table(audit_events()).await?;
        manager.create_index(audit_order()).await?;
        manager.create_table(outbox_events()).await?;
        manager.create_index(undelivered()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["outbox_events", "audit_events"]).await
    }
}

fn audit_events() -> TableCreateStatement {
    Table::create()
        .table("audit_events")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(number("occurred_at"))
        .col(text("actor_kind").check(Expr::col("actor_kind").is_in(["principal", "system"])))
        .col(optional_id("actor_id"))
        .col(text("actor_label"))
        .col(text("action"))
        .col(text("target_kind"))
        .col(text("target_id"))
        .col(text("target_label"))
        .col(text("outcome").check(Expr::col("outcome").is_in(["success", "failure"])))
        .col(optional_text("request_id"))
        .col(optional_text("source_ip"))
        .col(json("metadata"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace("audit_events"))
        .to_owned()
}

fn audit_order() -> IndexCreateStatement {
    Index::create()
        .name("audit_events_list_order")
        .table("audit_events")
        .col("workspace_id")
        .col("occurred_at")
        .col("id")
        .to_owned()
}

fn outbox_events() -> TableCreateStatement {
    Table::create()
        .table("outbox_events")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(text("kind"))
        .col(text("subject_kind"))
        .col(text("subject_id"))
        .col(json("payload"))
        .col(number("created_at"))
        .col(optional_number("delivered_at"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace("outbox_events"))
        .to_owned()
}

fn undelivered() -> IndexCreateStatement {
    Index::create()
        .name("outbox_events_undelivered")
        .table("outbox_events")
        .col("created_at")
        .and_where(Expr::col("delivered_at").is_null())
        .to_owned()
}
