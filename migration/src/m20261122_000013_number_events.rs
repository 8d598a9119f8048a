//! One ordered stream of events for each workspace. An event is written without a number, in the
//! transaction of its change; it gets the next number of its workspace once it is committed. So no writer
//! waits for another, numbers have no gaps, and who has read up to a number has missed nothing below it.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

use crate::columns::{drop_tables, id, named_after_file, number, of_workspace, optional_number};

pub(crate) struct Migration;
named_after_file!(Migration);

const TABLE: &str = "outbox_events";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let old = Index::drop()
            .name("outbox_events_undelivered")
            .table(TABLE)
            .to_owned();
        manager.drop_index(old).await?;
        let never_used = Table::alter().table(TABLE).drop_column("delivered_at").to_owned();
        manager.alter_table(never_used).await?;
        let add = Table::alter()
            .table(TABLE)
            .add_column(optional_number("sequence"))
            .to_owned();
        manager.alter_table(add).await?;
        // Arrival: events of transactions that follow each other are numbered in that order, whatever
        // the clocks of their processes say. SQLite has its row number for this.
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            let db = manager.get_connection();
            db.execute_unprepared(
                "ALTER TABLE outbox_events ADD COLUMN arrival bigint GENERATED ALWAYS AS IDENTITY",
            )
            .await?;
        }
        manager.create_index(unnumbered()).await?;
        manager.create_index(stream_order()).await?;
        manager.create_table(streams()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["event_streams"]).await?;
        for index in ["outbox_events_stream", "outbox_events_unnumbered"] {
            manager
                .drop_index(Index::drop().name(index).table(TABLE).to_owned())
                .await?;
        }
        let mut columns = vec!["sequence"];
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            columns.push("arrival");
        }
        for column in columns {
            manager
                .alter_table(Table::alter().table(TABLE).drop_column(column).to_owned())
                .await?;
        }
        let add = Table::alter()
            .table(TABLE)
            .add_column(optional_number("delivered_at"))
            .to_owned();
        manager.alter_table(add).await?;
        let undelivered = Index::create()
            .name("outbox_events_undelivered")
            .table(TABLE)
            .col("created_at")
            .and_where(Expr::col("delivered_at").is_null())
            .to_owned();
        manager.create_index(undelivered).await
    }
}

/// What waits for its number: few rows, whatever the history's length.
fn unnumbered() -> IndexCreateStatement {
    Index::create()
        .name("outbox_events_unnumbered")
        .table(TABLE)
        .col("workspace_id")
        .and_where(Expr::col("sequence").is_null())
        .to_owned()
}

fn stream_order() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("outbox_events_stream")
        .table(TABLE)
        .col("workspace_id")
        .col("sequence")
        .to_owned()
}

/// The last number that was given, and the first that is kept.
fn streams() -> TableCreateStatement {
    let mut first = number("first_kept");
    first.default(1);
    Table::create()
        .table("event_streams")
        .col(id("workspace_id"))
        .col(number("last_sequence"))
        // What is older was pruned: who asks for it must be told.
        .col(first)
        .primary_key(Index::create().col("workspace_id").primary())
        .foreign_key(&mut of_workspace("event_streams"))
        .to_owned()
}
