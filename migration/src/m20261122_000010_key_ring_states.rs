//! The states of keys. Which key is active is a fact of the database: one row says so, and an
//! index sees to it that no second one does.

use sea_orm_migration::prelude::*;

use crate::columns::{named_after_file, number, text};

pub(crate) struct Migration;
named_after_file!(Migration);

const ACTIVE: &str = "key_ring_active_unique";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [state(), changed_at()] {
            let add = Table::alter().table("key_ring").add_column(column).to_owned();
            manager.alter_table(add).await?;
        }
        let db = manager.get_connection();
        db.execute_unprepared("UPDATE key_ring SET changed_at = registered_at")
            .await?;
        // Until now the last line of the file was active, and it was registered last.
        let newest = "UPDATE key_ring SET state = 'active' WHERE kid =
            (SELECT kid FROM key_ring ORDER BY registered_at DESC, kid DESC LIMIT 1)";
        db.execute_unprepared(newest).await?;
        manager.create_index(one_active_key()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name(ACTIVE).table("key_ring").to_owned();
        manager.drop_index(index).await?;
        for column in ["changed_at", "state"] {
            let drop = Table::alter().table("key_ring").drop_column(column).to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

fn state() -> ColumnDef {
    let mut state = text("state");
    state
        .default("registered")
        .check(Expr::col("state").is_in(["registered", "active", "retired", "lost"]));
    state
}

fn changed_at() -> ColumnDef {
    let mut changed_at = number("changed_at");
    changed_at.default(0);
    changed_at
}

fn one_active_key() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name(ACTIVE)
        .table("key_ring")
        .col("state")
        .and_where(Expr::col("state").eq("active"))
        .to_owned()
}
