//! Schedules: what is started again and again. One row each; the turn that it waits for stands on the
//! row, so taking a turn is one guarded update of it.

use sea_orm_migration::prelude::*;

use crate::columns::{
    drop_tables, id, json, named_after_file, number, of_workspace, optional_id, optional_number,
    optional_text, text, within_workspace, workspace_key,
};

pub(crate) struct Migration;
named_after_file!(Migration);

const TABLE: &str = "schedules";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(schedules()).await?;
        manager.create_index(due_order()).await?;
        manager.create_index(list_order()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &[TABLE]).await
    }
}

fn schedules() -> TableCreateStatement {
    let results = [
        "started",
        "skipped_active",
        "skipped_busy",
        "skipped_empty",
        "blocked",
    ];
    let active = || Expr::col("state").eq("active");
    Table::create()
        .table(TABLE)
        .col(id("workspace_id"))
        .col(id("id"))
        .col(text("display_name"))
        .col(text("operation_type"))
        .col(json("inputs"))
        // Nothing: all environments that there are at that moment.
        .col(optional_id("environment_id"))
        // No reference: a connection may be deleted, and the next turn says so.
        .col(optional_id("connection_id"))
        .col(text("cron"))
        .col(text("time_zone"))
        .col(number("jitter_seconds").check(Expr::col("jitter_seconds").gte(0)))
        .col(text("state").check(Expr::col("state").is_in(["active", "paused"])))
        // Why the system paused it; nothing if a person did.
        .col(optional_text("paused_reason"))
        .col(optional_number("next_tick_at"))
        .col(optional_number("next_due_at"))
        .col(id("responsible_principal_id"))
        .col(text("responsible_label"))
        .col(optional_text("last_result").check(Expr::col("last_result").is_in(results)))
        .col(optional_number("last_turn_at"))
        .col(optional_id("last_run_id"))
        .col(number("consecutive_skips"))
        .col(number("version"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace(TABLE))
        .foreign_key(&mut within_workspace(TABLE, "environment_id", "environments"))
        .foreign_key(
            ForeignKey::create()
                .from(TABLE, "responsible_principal_id")
                .to("principals", "id"),
        )
        // What goes on waits for a turn; what is paused waits for a person.
        .check(active().eq(Expr::col("next_tick_at").is_not_null()))
        .check(active().eq(Expr::col("next_due_at").is_not_null()))
        .check(
            Expr::col("state")
                .eq("paused")
                .or(Expr::col("paused_reason").is_null()),
        )
        .check(
            Expr::col("environment_id")
                .is_not_null()
                .or(Expr::col("connection_id").is_null()),
        )
        .check(
            Expr::col("last_result")
                .is_null()
                .eq(Expr::col("last_turn_at").is_null()),
        )
        .to_owned()
}

fn due_order() -> IndexCreateStatement {
    Index::create()
        .name("schedules_due")
        .table(TABLE)
        .col("next_due_at")
        .and_where(Expr::col("state").eq("active"))
        .to_owned()
}

fn list_order() -> IndexCreateStatement {
    Index::create()
        .name("schedules_list_order")
        .table(TABLE)
        .col("workspace_id")
        .col("created_at")
        .col("id")
        .to_owned()
}
