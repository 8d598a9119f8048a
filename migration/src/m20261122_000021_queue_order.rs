//! What a claim reads of the queue: the first few runs of each workspace and type, however many wait behind
//! them, and what each workspace is being worked for.

use sea_orm_migration::{prelude::*, sea_query::IndexCreateStatement};

use crate::columns::named_after_file;

pub(crate) struct Migration;
named_after_file!(Migration);

const TABLE: &str = "operation_runs";
const QUEUE_ORDER: &str = "operation_runs_queue_order";
const AT_WORK: &str = "operation_runs_at_work";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in [queue_order(), at_work()] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in [QUEUE_ORDER, AT_WORK] {
            let drop = Index::drop().name(name).table(TABLE).to_owned();
            manager.drop_index(drop).await?;
        }
        Ok(())
    }
}

fn queue_order() -> IndexCreateStatement {
    Index::create()
        .name(QUEUE_ORDER)
        .table(TABLE)
        .col("workspace_id")
        .col("operation_type")
        .col("created_at")
        .col("id")
        .and_where(Expr::col("status").eq("queued"))
        .and_where(Expr::col("kind").eq("job"))
        .to_owned()
}

/// No column of it changes with a sign of life.
fn at_work() -> IndexCreateStatement {
    Index::create()
        .name(AT_WORK)
        .table(TABLE)
        .col("workspace_id")
        .col("operation_type")
        .and_where(Expr::col("status").eq("running"))
        .and_where(Expr::col("kind").eq("job"))
        .to_owned()
}
