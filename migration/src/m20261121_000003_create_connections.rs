//! Provider connections with their axes, their credentials, and what is known of their
//! requirements.

use sea_orm_migration::prelude::*;

use crate::columns::{
    bytes, drop_tables, flag, id, named_after_file, number, of_workspace, optional_id, optional_number,
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
        manager.create_table(connections()).await?;
        manager.create_index(one_default()).await?;
        manager.create_table(credentials()).await?;
        manager.create_table(requirements()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(
            manager,
            &[
                "connection_requirements",
                "provider_credentials",
                "provider_connections",
            ],
        )
        .await
    }
}

fn connections() -> TableCreateStatement {
    let consent = ["unknown", "required", "granted", "failed", "revoked"];
    let verification = ["unknown", "pending", "healthy", "degraded", "blocked", "error"];
    Table::create()
        .table("provider_connections")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("environment_id"))
        .col(number("version"))
        .col(text("display_name"))
        .col(text("connection_type").check(Expr::col("connection_type").is_in(["platform", "dedicated"])))
        .col(text("provider"))
        .col(text("scope_kind"))
        .col(text("scope_identifier"))
        .col(text("scope_display_name"))
        .col(text("realm"))
        .col(optional_text("client_identifier"))
        .col(flag("is_default"))
        .col(flag("is_enabled"))
        .col(text("consent_state").check(Expr::col("consent_state").is_in(consent)))
        .col(optional_text("consent_reason"))
        .col(number("consent_since"))
        .col(optional_number("consent_checked_at"))
        .col(optional_id("consent_run_id"))
        .col(text("verification_state").check(Expr::col("verification_state").is_in(verification)))
        .col(optional_text("verification_reason"))
        .col(number("verification_since"))
        .col(optional_number("verification_checked_at"))
        .col(optional_id("verification_run_id"))
        .col(number("created_at"))
        .primary_key(&mut workspace_key())
        .index(
            Index::create()
                .unique()
                .name("provider_connections_target_unique")
                .col("workspace_id")
                .col("environment_id")
                .col("provider")
                .col("scope_kind")
                .col("scope_identifier"),
        )
        .foreign_key(&mut of_workspace("provider_connections"))
        .foreign_key(&mut within_workspace(
            "provider_connections",
            "environment_id",
            "environments",
        ))
        .to_owned()
}

/// One default connection for each environment and provider.
fn one_default() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("provider_connections_default_unique")
        .table("provider_connections")
        .col("workspace_id")
        .col("environment_id")
        .col("provider")
        .and_where(Expr::col("is_default"))
        .to_owned()
}

fn credentials() -> TableCreateStatement {
    Table::create()
        .table("provider_credentials")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("connection_id"))
        .col(number("version"))
        .col(text("kind").check(Expr::col("kind").is_in(["client_secret"])))
        .col(bytes("sealed"))
        .col(optional_number("expires_at"))
        .col(flag("undecryptable"))
        .col(number("created_at"))
        .primary_key(&mut workspace_key())
        .index(
            Index::create()
                .unique()
                .name("provider_credentials_connection_unique")
                .col("workspace_id")
                .col("connection_id"),
        )
        .foreign_key(&mut within_workspace(
            "provider_credentials",
            "connection_id",
            "provider_connections",
        ))
        .to_owned()
}

fn requirements() -> TableCreateStatement {
    Table::create()
        .table("connection_requirements")
        .col(id("workspace_id"))
        .col(id("connection_id"))
        .col(text("requirement_key"))
        .col(text("state").check(Expr::col("state").is_in(["granted", "missing", "unknown"])))
        .col(number("checked_at"))
        .col(id("run_id"))
        .primary_key(
            Index::create()
                .col("workspace_id")
                .col("connection_id")
                .col("requirement_key")
                .primary(),
        )
        .foreign_key(&mut within_workspace(
            "connection_requirements",
            "connection_id",
            "provider_connections",
        ))
        .to_owned()
}
