//! Workspaces, principals, members, environments.

use sea_orm_migration::prelude::*;

use crate::columns::{drop_tables, id, named_after_file, number, of_workspace, text, workspace_key};

pub(crate) struct Migration;
named_after_file!(Migration);

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, on SQLite too.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(workspaces()).await?;
        manager.create_table(principals()).await?;
        manager.create_table(members()).await?;
        manager.create_table(environments()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["environments", "members", "principals", "workspaces"]).await
    }
}

fn workspaces() -> TableCreateStatement {
    Table::create()
        .table("workspaces")
        .col(id("id").primary_key())
        .col(text("slug"))
        .col(text("display_name"))
        .col(number("created_at"))
        .index(
            Index::create()
                .unique()
                .name("workspaces_slug_unique")
                .col("slug"),
        )
        .to_owned()
}

/// Of no workspace: somebody is the same person in each. Holds nothing that one workspace may say
/// about somebody: that stands on the member.
fn principals() -> TableCreateStatement {
    Table::create()
        .table("principals")
        .col(id("id").primary_key())
        .col(text("issuer"))
        .col(text("subject"))
        .col(number("created_at"))
        .index(
            Index::create()
                .unique()
                .name("principals_key_unique")
                .col("issuer")
                .col("subject"),
        )
        .to_owned()
}

fn members() -> TableCreateStatement {
    Table::create()
        .table("members")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("principal_id"))
        .col(text("label"))
        .col(text("role").check(Expr::col("role").is_in(["owner", "manager", "operator", "readonly"])))
        .col(number("created_at"))
        .primary_key(&mut workspace_key())
        .index(
            Index::create()
                .unique()
                .name("members_principal_unique")
                .col("workspace_id")
                .col("principal_id"),
        )
        .foreign_key(&mut of_workspace("members"))
        .foreign_key(
            ForeignKey::create()
                .from("members", "principal_id")
                .to("principals", "id"),
        )
        .to_owned()
}

fn environments() -> TableCreateStatement {
    Table::create()
        .table("environments")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(text("slug"))
        .col(text("display_name"))
        .col(number("created_at"))
        .primary_key(&mut workspace_key())
        .index(
            Index::create()
                .unique()
                .name("environments_slug_unique")
                .col("workspace_id")
                .col("slug"),
        )
        .foreign_key(&mut of_workspace("environments"))
        .to_owned()
}
