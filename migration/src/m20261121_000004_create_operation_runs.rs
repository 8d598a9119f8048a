//! Operation runs. The row is the job, and one partial unique index is the start gate.

use sea_orm_migration::prelude::*;

use crate::columns::{
    drop_tables, id, json, named_after_file, number, of_workspace, optional_id, optional_number,
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
        manager.create_table(runs()).await?;
        for index in [one_active_run(), claim_order(), list_order()] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["operation_runs"]).await
    }
}

fn runs() -> TableCreateStatement {
    let statuses = ["queued", "running", "completed"];
    let outcomes = [
        "pending",
        "succeeded",
        "partially_succeeded",
        "blocked",
        "failed",
        "canceled",
    ];
    let mut table = Table::create();
    table
        .table("operation_runs")
        .col(id("workspace_id"))
        .col(id("id"))
        .col(id("environment_id"))
        .col(optional_id("connection_id"))
        .col(text("operation_type"))
        .col(text("status").check(Expr::col("status").is_in(statuses)))
        .col(text("outcome").check(Expr::col("outcome").is_in(outcomes)))
        .col(optional_text("scope_key"))
        .col(text("identity_hash"))
        .col(json("inputs"))
        .col(optional_id("initiator_principal_id"))
        .col(text("initiator_label"))
        .col(ColumnDef::new("attempt").integer().not_null())
        .col(ColumnDef::new("lost_leases").integer().not_null())
        .col(optional_text("lease_owner"))
        .col(optional_number("lease_until"))
        .col(optional_number("heartbeat_at"))
        .col(optional_number("started_at"))
        .col(optional_number("completed_at"))
        .col(optional_number("not_before"))
        .col(optional_number("cancel_requested_at"))
        .col(optional_id("retry_of"))
        .col(json("context"))
        .col(json("counts"))
        .col(json("failures"))
        .col(optional_number("progress_processed"))
        .col(optional_number("progress_total"))
        .col(number("created_at"))
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace("operation_runs"))
        .foreign_key(&mut within_workspace(
            "operation_runs",
            "environment_id",
            "environments",
        ))
        .foreign_key(&mut within_workspace(
            "operation_runs",
            "connection_id",
            "provider_connections",
        ))
        .foreign_key(
            ForeignKey::create()
                .from("operation_runs", "initiator_principal_id")
                .to("principals", "id"),
        );
    for rule in rules() {
        table.check(rule);
    }
    table
}

/// What every row must be, whoever writes it.
fn rules() -> Vec<Expr> {
    let active = || Expr::col("status").is_in(["queued", "running"]);
    vec![
        // Over means that there is an outcome, and active means that there is none yet.
        active().eq(Expr::col("outcome").eq("pending")),
        active().eq(Expr::col("completed_at").is_null()),
        // What is active holds a scope through a connection.
        Expr::col("status").eq("completed").or(Expr::col("scope_key")
            .is_not_null()
            .and(Expr::col("connection_id").is_not_null())),
        // What runs has a lease, and nothing else has one.
        Expr::col("status")
            .eq("running")
            .eq(Expr::col("lease_until").is_not_null()),
        Expr::col("lease_until")
            .is_null()
            .eq(Expr::col("lease_owner").is_null()),
    ]
}

/// At most one active run for each scope of a workspace. Every active status stands in the
/// predicate, so that queued -> running -> queued never leaves the index.
fn one_active_run() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("operation_runs_active_scope_unique")
        .table("operation_runs")
        .col("workspace_id")
        .col("scope_key")
        .and_where(Expr::col("status").is_in(["queued", "running"]))
        .to_owned()
}

/// What claim and sweep read: the active rows only, which are few. No lease, heartbeat or
/// progress column stands in any index, so a sign of life rewrites no index entry.
fn claim_order() -> IndexCreateStatement {
    Index::create()
        .name("operation_runs_active_order")
        .table("operation_runs")
        .col("status")
        .col("created_at")
        .and_where(Expr::col("status").is_in(["queued", "running"]))
        .to_owned()
}

fn list_order() -> IndexCreateStatement {
    Index::create()
        .name("operation_runs_list_order")
        .table("operation_runs")
        .col("workspace_id")
        .col("created_at")
        .col("id")
        .to_owned()
}
