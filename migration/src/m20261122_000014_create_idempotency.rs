//! Answers that are kept so that a request can be repeated, and the indexes that the list and the
//! timeline of runs read.

use sea_orm_migration::prelude::*;

use crate::columns::{drop_tables, id, named_after_file, number, of_workspace, optional_text, text};

pub(crate) struct Migration;
named_after_file!(Migration);

const TABLE: &str = "idempotency_records";
const RUNS: &str = "operation_runs";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(records()).await?;
        for index in [expiry(), of_environment(), of_schedule(), of_subject()] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let indexes = [
            ("outbox_events", "outbox_events_subject"),
            (RUNS, "operation_runs_of_schedule"),
            (RUNS, "operation_runs_of_environment"),
        ];
        for (table, index) in indexes {
            manager
                .drop_index(Index::drop().name(index).table(table).to_owned())
                .await?;
        }
        drop_tables(manager, &[TABLE]).await
    }
}

/// A row without a status is a reservation: somebody is at it until `locked_until`, and proves it
/// with `fence`. A row with a status holds the answer. Neither the key nor the body that came with
/// it is kept, only digests of them.
fn records() -> TableCreateStatement {
    let mut status = ColumnDef::new("status");
    status.integer().null();
    let mut headers = ColumnDef::new("headers");
    headers.json_binary().null();
    Table::create()
        .table(TABLE)
        .col(id("workspace_id"))
        .col(id("principal_id"))
        .col(text("request_key"))
        .col(text("fingerprint"))
        .col(id("fence"))
        .col(number("locked_until"))
        .col(number("expires_at"))
        .col(status)
        .col(headers)
        // Nothing where the answer held a secret: it was shown once.
        .col(optional_text("body"))
        .primary_key(
            Index::create()
                .col("workspace_id")
                .col("principal_id")
                .col("request_key")
                .primary(),
        )
        .foreign_key(&mut of_workspace(TABLE))
        .foreign_key(
            ForeignKey::create()
                .from(TABLE, "principal_id")
                .to("principals", "id"),
        )
        .check(Expr::col("status").is_null().eq(Expr::col("headers").is_null()))
        .check(Expr::col("status").is_not_null().or(Expr::col("body").is_null()))
        .to_owned()
}

/// For whoever removes what is over.
fn expiry() -> IndexCreateStatement {
    Index::create()
        .name("idempotency_records_expiry")
        .table(TABLE)
        .col("expires_at")
        .to_owned()
}

/// The runs of an environment, newest first.
fn of_environment() -> IndexCreateStatement {
    Index::create()
        .name("operation_runs_of_environment")
        .table(RUNS)
        .col("workspace_id")
        .col("environment_id")
        .col("created_at")
        .to_owned()
}

/// The runs of a schedule, newest first. Most runs have none.
fn of_schedule() -> IndexCreateStatement {
    Index::create()
        .name("operation_runs_of_schedule")
        .table(RUNS)
        .col("workspace_id")
        .col("schedule_id")
        .col("created_at")
        .and_where(Expr::col("schedule_id").is_not_null())
        .to_owned()
}

/// The events about one thing: its timeline.
fn of_subject() -> IndexCreateStatement {
    Index::create()
        .name("outbox_events_subject")
        .table("outbox_events")
        .col("workspace_id")
        .col("subject_id")
        .to_owned()
}
