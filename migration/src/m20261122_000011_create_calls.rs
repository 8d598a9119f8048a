//! What runs leave behind about their calls and about where they stopped: a resume point for
//! each run, a ledger for each connection and limit, a log of attempts that went wrong. And what
//! a run that was handed back says about its wait.
//!
//! `limit` is a word of SQL: the columns are called `limit_name` and `call_name`.

use sea_orm_migration::prelude::*;

use crate::columns::{
    bytes, drop_tables, id, named_after_file, number, of_workspace, optional_id, optional_number,
    optional_text, text, within_workspace, workspace_key,
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
                .table("operation_runs")
                .add_column(column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        manager.create_table(resume_points()).await?;
        manager.create_table(ledger()).await?;
        manager.create_table(attempts()).await?;
        manager.create_index(attempts_order()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(
            manager,
            &["call_attempts", "throttle_ledger", "run_resume_points"],
        )
        .await?;
        for column in new_columns() {
            let drop = Table::alter()
                .table("operation_runs")
                .drop_column(column.get_column_name())
                .to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

fn new_columns() -> Vec<ColumnDef> {
    let mut waited = number("waited");
    waited.default(0);
    vec![
        // When and why the run was handed back, while it waits.
        optional_number("waiting_since"),
        optional_text("waiting_reason"),
        // How long it waited like this before, all times together, in microseconds.
        waited,
    ]
}

/// One for each run that is not over. It goes with the end of its run.
fn resume_points() -> TableCreateStatement {
    Table::create()
        .table("run_resume_points")
        .col(id("workspace_id"))
        .col(id("run_id"))
        // The attempt that wrote it.
        .col(ColumnDef::new("attempt").integer().not_null())
        .col(number("written_at"))
        // A page link may hold names of things: it is sealed like a credential.
        .col(bytes("sealed"))
        .primary_key(Index::create().col("workspace_id").col("run_id").primary())
        .foreign_key(&mut of_workspace("run_resume_points"))
        .foreign_key(&mut within_workspace(
            "run_resume_points",
            "run_id",
            "operation_runs",
        ))
        .to_owned()
}

fn ledger() -> TableCreateStatement {
    Table::create()
        .table("throttle_ledger")
        .col(id("workspace_id"))
        .col(id("connection_id"))
        .col(text("limit_name"))
        .col(number("attempts"))
        .col(number("throttled"))
        .col(number("failed"))
        // In microseconds.
        .col(number("time_lost"))
        .col(optional_number("last_throttled_at"))
        .col(optional_number("paused_until"))
        .col(number("updated_at"))
        .primary_key(
            Index::create()
                .col("workspace_id")
                .col("connection_id")
                .col("limit_name")
                .primary(),
        )
        .foreign_key(&mut of_workspace("throttle_ledger"))
        .foreign_key(&mut within_workspace(
            "throttle_ledger",
            "connection_id",
            "provider_connections",
        ))
        .to_owned()
}

fn attempts() -> TableCreateStatement {
    Table::create()
        .table("call_attempts")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("connection_id"))
        .col(id("run_id"))
        .col(number("occurred_at"))
        .col(text("call_name"))
        .col(text("limit_name"))
        .col(ColumnDef::new("attempt").integer().not_null())
        .col(text("outcome").check(Expr::col("outcome").is_in(["throttled", "failed"])))
        .col(optional_text("reason_code"))
        .col(ColumnDef::new("http_status").integer().null())
        .col(optional_text("provider_code"))
        .col(optional_id("request_id"))
        .col(optional_id("trace_id"))
        .col(optional_id("correlation_id"))
        // In microseconds, both.
        .col(number("took"))
        .col(number("time_lost"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace("call_attempts"))
        .foreign_key(&mut within_workspace(
            "call_attempts",
            "connection_id",
            "provider_connections",
        ))
        .foreign_key(&mut within_workspace("call_attempts", "run_id", "operation_runs"))
        .to_owned()
}

/// How the log is read, and how its old end is found.
fn attempts_order() -> IndexCreateStatement {
    Index::create()
        .name("call_attempts_order")
        .table("call_attempts")
        .col("workspace_id")
        .col("connection_id")
        .col("occurred_at")
        .col("id")
        .to_owned()
}
