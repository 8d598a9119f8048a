//! Consent links with the state of the one visit that each may end in, the targets that are
//! proven for the platform's client, and which ends of credentials were announced.
//!
//! No link, state or cookie stands here: their hashes do.

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
        manager.create_table(links()).await?;
        manager.create_table(platform_targets()).await?;
        manager.create_table(expiry_notices()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["expiry_notices", "platform_targets", "consent_links"]).await
    }
}

fn optional_bytes(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.blob().null();
    column
}

fn links() -> TableCreateStatement {
    let results = ["recorded", "declined", "rejected"];
    Table::create()
        .table("consent_links")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("connection_id"))
        .col(bytes("link_hash"))
        .col(optional_bytes("state_hash"))
        .col(optional_bytes("browser_hash"))
        // What was asked for, so that an answer to another question is noticed.
        .col(number("identity_version"))
        .col(text("scope_identifier"))
        .col(text("client_identifier"))
        .col(text("permission_set"))
        .col(optional_text("return_to"))
        .col(optional_id("created_by"))
        .col(number("created_at"))
        .col(number("expires_at"))
        .col(optional_number("started_at"))
        .col(optional_number("used_at"))
        .col({
            let mut result = optional_text("result");
            result.check(Expr::col("result").is_in(results));
            result
        })
        .primary_key(&mut workspace_key())
        .index(
            Index::create()
                .unique()
                .name("consent_links_link_unique")
                .col("link_hash"),
        )
        .index(
            Index::create()
                .unique()
                .name("consent_links_state_unique")
                .col("state_hash"),
        )
        // Used means that there is a result, and unused that there is none.
        .check(Expr::col("used_at").is_null().eq(Expr::col("result").is_null()))
        .foreign_key(&mut of_workspace("consent_links"))
        .foreign_key(&mut within_workspace(
            "consent_links",
            "connection_id",
            "provider_connections",
        ))
        .to_owned()
}

/// One workspace for each target that was proven with the platform's client.
fn platform_targets() -> TableCreateStatement {
    Table::create()
        .table("platform_targets")
        .col(text("provider"))
        .col(text("realm"))
        .col(text("scope_kind"))
        .col(text("scope_identifier"))
        .col(id("workspace_id"))
        .col(number("proven_at"))
        .primary_key(
            Index::create()
                .col("provider")
                .col("realm")
                .col("scope_kind")
                .col("scope_identifier")
                .primary(),
        )
        .foreign_key(&mut of_workspace("platform_targets"))
        .to_owned()
}

fn expiry_notices() -> TableCreateStatement {
    Table::create()
        .table("expiry_notices")
        .col(id("workspace_id"))
        .col(text("subject"))
        .col(number("expires_at"))
        .col(number("threshold_days"))
        .col(number("noticed_at"))
        .primary_key(
            Index::create()
                .col("workspace_id")
                .col("subject")
                .col("expires_at")
                .col("threshold_days")
                .primary(),
        )
        .foreign_key(&mut of_workspace("expiry_notices"))
        .to_owned()
}
