//! When a run was queued, on the database's own clock: `created_at` is written by the process that took
//! the request, and a process whose clock is wrong must not end runs of others before their time.
//!
//! The column may be empty: SQLite cannot add one with a default that is not a constant. Who reads it
//! takes `created_at` then.

use sea_orm_migration::prelude::*;

use crate::columns::{named_after_file, optional_number};

pub(crate) struct Migration;
named_after_file!(Migration);

const TABLE: &str = "operation_runs";
const COLUMN: &str = "queued_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter()
            .table(TABLE)
            .add_column(optional_number(COLUMN))
            .to_owned();
        manager.alter_table(add).await?;
        // What waits now has been waiting since it was made. What is over does not wait.
        let waits = Query::update()
            .table(TABLE)
            .value(COLUMN, Expr::col("created_at"))
            .and_where(Expr::col("status").is_in(["queued", "running"]))
            .to_owned();
        manager.execute(waits).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::alter().table(TABLE).drop_column(COLUMN).to_owned();
        manager.alter_table(drop).await
    }
}
