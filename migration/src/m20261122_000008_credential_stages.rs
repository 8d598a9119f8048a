//! Credentials in stages: the current one, the next one while it is tried, and the previous one
//! while it can still be put back. Three kinds instead of one, and what may be shown of each.
//!
//! The table is made anew, because SQLite cannot change a rule of a table that exists. The sealed
//! bytes are copied as they are: nothing that they are bound to changes.

use sea_orm_migration::prelude::*;

use crate::columns::{
    bytes, flag, id, named_after_file, number, optional_id, optional_number, optional_text, text,
    within_workspace, workspace_key,
};

pub(crate) struct Migration;
named_after_file!(Migration);

const COPIED: &str =
    "workspace_id, id, connection_id, version, kind, sealed, expires_at, undecryptable, created_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        set_aside(db).await?;
        manager.create_table(staged()).await?;
        db.execute_unprepared(&format!(
            "INSERT INTO provider_credentials ({COPIED}, stage) SELECT {COPIED}, 'current' FROM credentials_moved"
        ))
        .await?;
        db.execute_unprepared("DROP TABLE credentials_moved").await?;
        Ok(())
    }

    /// What the earlier table had no place for is lost: staged credentials, and other kinds.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        set_aside(db).await?;
        manager.create_table(single()).await?;
        db.execute_unprepared(&format!(
            "INSERT INTO provider_credentials ({COPIED}) SELECT {COPIED} FROM credentials_moved
             WHERE stage = 'current' AND kind = 'client_secret'"
        ))
        .await?;
        db.execute_unprepared("DROP TABLE credentials_moved").await?;
        Ok(())
    }
}

async fn set_aside(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    db.execute_unprepared("CREATE TABLE credentials_moved AS SELECT * FROM provider_credentials")
        .await?;
    db.execute_unprepared("DROP TABLE provider_credentials").await?;
    Ok(())
}

fn staged() -> TableCreateStatement {
    let stages = ["current", "next", "previous"];
    let kinds = ["client_secret", "certificate", "federated_token"];
    let mut table = common();
    table
        .col(text("stage").check(Expr::col("stage").is_in(stages)))
        .col(text("kind").check(Expr::col("kind").is_in(kinds)))
        // Which keys sealed it, as the sealed bytes say themselves; nothing where nobody looked.
        .col(optional_text("kid"))
        .col(optional_number("data_key_version"))
        // A thumbprint or a keyed hash: tells credentials apart, and nothing about them.
        .col(optional_text("fingerprint"))
        // Until when a previous credential is kept.
        .col(optional_number("keep_until"))
        // What the last check with it found, while it is the next one.
        .col(optional_number("checked_at"))
        .col(optional_id("checked_run_id"))
        .col(optional_text("check_reason"))
        .index(
            Index::create()
                .unique()
                .name("provider_credentials_stage_unique")
                .col("workspace_id")
                .col("connection_id")
                .col("stage"),
        )
        .index(
            Index::create()
                .unique()
                .name("provider_credentials_version_unique")
                .col("workspace_id")
                .col("connection_id")
                .col("version"),
        );
    table
}

/// The table as migration 000003 made it.
fn single() -> TableCreateStatement {
    let mut table = common();
    table
        .col(text("kind").check(Expr::col("kind").is_in(["client_secret"])))
        .index(
            Index::create()
                .unique()
                .name("provider_credentials_connection_unique")
                .col("workspace_id")
                .col("connection_id"),
        );
    table
}

fn common() -> TableCreateStatement {
    Table::create()
        .table("provider_credentials")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("connection_id"))
        .col(number("version"))
        .col(bytes("sealed"))
        .col(optional_number("expires_at"))
        .col(flag("undecryptable"))
        .col(number("created_at"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut within_workspace(
            "provider_credentials",
            "connection_id",
            "provider_connections",
        ))
        .to_owned()
}
