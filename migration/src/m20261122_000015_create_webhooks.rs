//! Webhooks: where events of a workspace go, the secrets that they are signed with, what is on its
//! way, and how each attempt went.
//!
//! Nothing of a receiver's answer stands here but its status.

use sea_orm_migration::prelude::*;

use crate::columns::{
    bytes, drop_tables, flag, id, json, named_after_file, number, of_workspace, optional_id, optional_number,
    optional_text, text, within_workspace, workspace_key,
};

pub(crate) struct Migration;
named_after_file!(Migration);

const CYCLES: [&str; 3] = ["event", "replay", "verification"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(endpoints()).await?;
        manager.create_index(endpoints_order()).await?;
        manager.create_table(secrets()).await?;
        manager.create_index(one_present_secret()).await?;
        manager.create_table(deliveries()).await?;
        manager.create_index(due()).await?;
        manager.create_index(deliveries_order()).await?;
        manager.create_table(attempts()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = [
            "webhook_attempts",
            "webhook_deliveries",
            "webhook_secrets",
            "webhook_endpoints",
        ];
        drop_tables(manager, &tables).await
    }
}

fn small(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.integer().not_null();
    column
}

fn endpoints() -> TableCreateStatement {
    Table::create()
        .table("webhook_endpoints")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(text("url"))
        .col(optional_text("description"))
        .col(json("event_types"))
        .col(optional_number("verified_at"))
        .col({
            let mut reason = optional_text("disabled_reason");
            reason.check(Expr::col("disabled_reason").is_in([
                "by_request",
                "receiver_gone",
                "deliveries_exhausted",
            ]));
            reason
        })
        .col(optional_number("disabled_at"))
        .col(small("exhausted_in_a_row"))
        // What a receiver asked for: nothing is sent to it before.
        .col(optional_number("paused_until"))
        .col(number("version"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .primary_key(&mut workspace_key())
        .check(
            Expr::col("disabled_reason")
                .is_null()
                .eq(Expr::col("disabled_at").is_null()),
        )
        .foreign_key(&mut of_workspace("webhook_endpoints"))
        .to_owned()
}

fn endpoints_order() -> IndexCreateStatement {
    Index::create()
        .name("webhook_endpoints_order")
        .table("webhook_endpoints")
        .col("workspace_id")
        .col("created_at")
        .col("id")
        .to_owned()
}

fn secrets() -> TableCreateStatement {
    Table::create()
        .table("webhook_secrets")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("webhook_id"))
        .col(number("created_at"))
        // Until when it signs beside a newer one.
        .col(optional_number("expires_at"))
        // Sealed like a credential, bound to the webhook and to its URL.
        .col(bytes("sealed"))
        .col(number("data_key_version"))
        .col(flag("undecryptable"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace("webhook_secrets"))
        .foreign_key(&mut within_workspace(
            "webhook_secrets",
            "webhook_id",
            "webhook_endpoints",
        ))
        .to_owned()
}

/// One secret of a webhook has no end.
fn one_present_secret() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("webhook_secrets_one_present")
        .table("webhook_secrets")
        .col("workspace_id")
        .col("webhook_id")
        .and_where(Expr::col("expires_at").is_null())
        .to_owned()
}

fn deliveries() -> TableCreateStatement {
    let states = ["pending", "delivered", "exhausted", "discarded"];
    Table::create()
        .table("webhook_deliveries")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("webhook_id"))
        .col(text("cycle").check(Expr::col("cycle").is_in(CYCLES)))
        // No foreign key: an event may be pruned before the log of its deliveries.
        .col(optional_id("event_id"))
        .col(text("message_id"))
        .col(text("event_type"))
        .col(text("state").check(Expr::col("state").is_in(states)))
        // The fence: counts up with each claim.
        .col(small("attempt"))
        // How many attempts of the present cycle ended.
        .col(small("made"))
        .col(optional_number("next_attempt_at"))
        .col(optional_number("lease_until"))
        .col(number("created_at"))
        .col(optional_number("finished_at"))
        .primary_key(&mut workspace_key())
        // However often an event is handed out, it is one delivery for each webhook.
        .index(
            Index::create()
                .unique()
                .name("webhook_deliveries_once")
                .col("workspace_id")
                .col("webhook_id")
                .col("event_id"),
        )
        .check(
            Expr::col("state")
                .eq("pending")
                .eq(Expr::col("next_attempt_at").is_not_null()),
        )
        .check(
            Expr::col("state")
                .eq("pending")
                .eq(Expr::col("finished_at").is_null()),
        )
        .check(
            Expr::col("cycle")
                .eq("verification")
                .eq(Expr::col("event_id").is_null()),
        )
        .foreign_key(&mut of_workspace("webhook_deliveries"))
        .foreign_key(&mut within_workspace(
            "webhook_deliveries",
            "webhook_id",
            "webhook_endpoints",
        ))
        .to_owned()
}

/// What waits: few rows, whatever the log's length.
fn due() -> IndexCreateStatement {
    Index::create()
        .name("webhook_deliveries_due")
        .table("webhook_deliveries")
        .col("next_attempt_at")
        .and_where(Expr::col("state").eq("pending"))
        .to_owned()
}

fn deliveries_order() -> IndexCreateStatement {
    Index::create()
        .name("webhook_deliveries_order")
        .table("webhook_deliveries")
        .col("workspace_id")
        .col("webhook_id")
        .col("created_at")
        .col("id")
        .to_owned()
}

fn attempts() -> TableCreateStatement {
    Table::create()
        .table("webhook_attempts")
        .col(id("workspace_id"))
        .col(id("delivery_id"))
        .col(small("attempt"))
        .col(text("cycle").check(Expr::col("cycle").is_in(CYCLES)))
        .col(number("occurred_at"))
        // In microseconds.
        .col(number("took"))
        .col(ColumnDef::new("http_status").integer().null())
        .col(optional_text("reason_code"))
        .primary_key(
            Index::create()
                .col("workspace_id")
                .col("delivery_id")
                .col("attempt")
                .primary(),
        )
        .foreign_key(&mut of_workspace("webhook_attempts"))
        .foreign_key(&mut within_workspace(
            "webhook_attempts",
            "delivery_id",
            "webhook_deliveries",
        ))
        .to_owned()
}
