//! What waits to be sent, webhook by webhook, and what somebody is about to send: a claim looks at the first
//! few of each receiver, whether ten wait for it or ten thousand.

use sea_orm_migration::{prelude::*, sea_query::IndexCreateStatement};

use crate::columns::named_after_file;

pub(crate) struct Migration;
named_after_file!(Migration);

const DELIVERIES: &str = "webhook_deliveries";
const QUEUE: &str = "webhook_deliveries_queue";
const HELD: &str = "webhook_deliveries_held";
const DUE: &str = "webhook_deliveries_due";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A lock is held for one index, on PostgreSQL too. Whoever is interrupted begins again.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = ["workspace_id", "webhook_id", "next_attempt_at", "id"];
        manager.create_index(waiting(QUEUE, &columns)).await?;
        manager.create_index(held()).await?;
        drop_index(manager, DUE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(waiting(DUE, &["next_attempt_at"])).await?;
        drop_index(manager, HELD).await?;
        drop_index(manager, QUEUE).await
    }
}

fn index(name: &str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(DELIVERIES).if_not_exists();
    for column in columns {
        index.col(*column);
    }
    index
}

fn waiting(name: &str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut waiting = index(name, columns);
    waiting.and_where(Expr::col("state").eq("pending"));
    waiting
}

/// The few with a lease, over or not.
fn held() -> IndexCreateStatement {
    let mut held = index(HELD, &["workspace_id", "webhook_id", "lease_until"]);
    held.and_where(Expr::col("lease_until").is_not_null());
    held
}

async fn drop_index(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    let drop = Index::drop().if_exists().name(name).table(DELIVERIES).to_owned();
    manager.drop_index(drop).await
}
