//! Runs that belong to a workspace and to no environment (housekeeping, a start over many
//! environments), and what caused a run: a caller, a schedule, a group, a consent, the system.
//!
//! SQLite cannot drop a NOT NULL or a CHECK: there the table is made again and its rows are copied, with
//! foreign keys off for that moment, as SQLite's own documentation asks ("Making Other Kinds Of Table
//! Schema Changes"). That switch does nothing inside a transaction, so the migration is not one; its
//! statements are, and a second try finds the work done.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

use crate::columns::{
    id, json, named_after_file, number, of_workspace, optional_id, optional_number, optional_text, text,
    within_workspace, workspace_key,
};

pub(crate) struct Migration;
named_after_file!(Migration);

const TABLE: &str = "operation_runs";
const KINDS: [&str; 2] = ["job", "group"];
const TRIGGERS: [&str; 5] = ["api", "bulk", "schedule", "consent", "system"];

/// Every column of the table before this migration, in its order.
const COLUMNS: &str = "workspace_id, id, environment_id, connection_id, operation_type, status, outcome, scope_key, \
    identity_hash, inputs, initiator_principal_id, initiator_label, attempt, lost_leases, lease_owner, lease_until, \
    heartbeat_at, started_at, completed_at, not_before, cancel_requested_at, retry_of, context, counts, failures, \
    progress_processed, progress_total, created_at, waiting_since, waiting_reason, waited";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if !manager.has_column(TABLE, "kind").await? {
            match manager.get_database_backend() {
                DatabaseBackend::Postgres => widen(manager).await?,
                _ => make_again(manager, table(Shape::After), "").await?,
            }
        }
        for mut index in [children(), of_connection()] {
            manager.create_index(index.if_not_exists().to_owned()).await?;
        }
        Ok(())
    }

    /// Runs without an environment did not exist before: they go.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DatabaseBackend::Postgres => narrow(manager).await,
            _ => make_again(manager, table(Shape::Before), "WHERE environment_id IS NOT NULL").await,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Before,
    After,
}

fn new_columns() -> Vec<ColumnDef> {
    let mut kind = text("kind");
    kind.default("job").check(Expr::col("kind").is_in(KINDS));
    let mut trigger = text("trigger_kind");
    trigger
        .default("api")
        .check(Expr::col("trigger_kind").is_in(TRIGGERS));
    vec![
        // A job is worked at under a lease; a group is over when all its children are.
        kind,
        // What caused the run. `trigger` is a word of SQL.
        trigger,
        // The group that it was started with.
        optional_id("parent_run_id"),
        // The schedule that started it.
        optional_id("schedule_id"),
    ]
}

async fn widen(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for column in new_columns() {
        let add = Table::alter().table(TABLE).add_column(column).to_owned();
        manager.alter_table(add).await?;
    }
    let db = manager.get_connection();
    db.execute_unprepared("ALTER TABLE operation_runs ALTER COLUMN environment_id DROP NOT NULL")
        .await?;
    replace_rules(manager, Shape::After).await
}

async fn narrow(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let db = manager.get_connection();
    db.execute_unprepared("DELETE FROM operation_runs WHERE environment_id IS NULL")
        .await?;
    replace_rules(manager, Shape::Before).await?;
    db.execute_unprepared("ALTER TABLE operation_runs ALTER COLUMN environment_id SET NOT NULL")
        .await?;
    for index in ["operation_runs_children", "operation_runs_of_connection"] {
        manager
            .drop_index(Index::drop().name(index).table(TABLE).to_owned())
            .await?;
    }
    for column in new_columns() {
        let drop = Table::alter()
            .table(TABLE)
            .drop_column(column.get_column_name())
            .to_owned();
        manager.alter_table(drop).await?;
    }
    Ok(())
}

/// The table's rules have no names of their own, so all that span columns go and the new ones come.
async fn replace_rules(manager: &SchemaManager<'_>, shape: Shape) -> Result<(), DbErr> {
    let db = manager.get_connection();
    db.execute_unprepared(
        "DO $$ DECLARE rule record; BEGIN
            FOR rule IN SELECT conname FROM pg_constraint
                WHERE conrelid = 'operation_runs'::regclass AND contype = 'c' AND cardinality(conkey) > 1
            LOOP EXECUTE format('ALTER TABLE operation_runs DROP CONSTRAINT %I', rule.conname); END LOOP;
        END $$",
    )
    .await?;
    for rule in rules(shape) {
        let condition = Query::select().expr(rule).to_string(PostgresQueryBuilder);
        let condition = condition.trim_start_matches("SELECT ");
        db.execute_unprepared(&format!("ALTER TABLE operation_runs ADD CHECK ({condition})"))
            .await?;
    }
    Ok(())
}

async fn make_again(
    manager: &SchemaManager<'_>,
    mut table: TableCreateStatement,
    which: &str,
) -> Result<(), DbErr> {
    let create = table.table("operation_runs_new").to_string(SqliteQueryBuilder);
    let indexes = [one_active_run(), claim_order(), list_order()]
        .map(|index| index.to_string(SqliteQueryBuilder))
        .join(";\n");
    let script = format!(
        "PRAGMA foreign_keys = OFF;
        BEGIN IMMEDIATE;
        {create};
        INSERT INTO operation_runs_new ({COLUMNS}) SELECT {COLUMNS} FROM operation_runs {which};
        DROP TABLE operation_runs;
        ALTER TABLE operation_runs_new RENAME TO operation_runs;
        {indexes};
        COMMIT;
        PRAGMA foreign_keys = ON"
    );
    let db = manager.get_connection();
    let done = db.execute_unprepared(&script).await;
    if let Err(error) = done {
        // Neither an open transaction nor a switched off rule is left behind.
        let _ = db.execute_unprepared("ROLLBACK").await;
        db.execute_unprepared("PRAGMA foreign_keys = ON").await?;
        return Err(error);
    }
    Ok(())
}

fn table(shape: Shape) -> TableCreateStatement {
    let statuses = ["queued", "running", "completed"];
    let outcomes = [
        "pending",
        "succeeded",
        "partially_succeeded",
        "blocked",
        "failed",
        "canceled",
    ];
    let mut waited = number("waited");
    waited.default(0);
    let mut table = Table::create();
    table
        .table(TABLE)
        .col(id("workspace_id"))
        .col(id("id"))
        .col(match shape {
            Shape::Before => id("environment_id"),
            Shape::After => optional_id("environment_id"),
        })
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
        .col(optional_number("waiting_since"))
        .col(optional_text("waiting_reason"))
        .col(waited);
    if shape == Shape::After {
        for mut column in new_columns() {
            table.col(&mut column);
        }
    }
    table
        .primary_key(&mut workspace_key())
        .foreign_key(&mut of_workspace(TABLE))
        .foreign_key(&mut within_workspace(TABLE, "environment_id", "environments"))
        .foreign_key(&mut within_workspace(
            TABLE,
            "connection_id",
            "provider_connections",
        ))
        .foreign_key(
            ForeignKey::create()
                .from(TABLE, "initiator_principal_id")
                .to("principals", "id"),
        );
    for rule in rules(shape) {
        table.check(rule);
    }
    table
}

/// What every row must be, whoever writes it.
fn rules(shape: Shape) -> Vec<Expr> {
    let active = || Expr::col("status").is_in(["queued", "running"]);
    let over = || Expr::col("status").eq("completed");
    let running = || Expr::col("status").eq("running");
    let leased = || Expr::col("lease_until").is_not_null();
    let mut rules = vec![
        // Over means that there is an outcome, and active means that there is none yet.
        active().eq(Expr::col("outcome").eq("pending")),
        active().eq(Expr::col("completed_at").is_null()),
        Expr::col("lease_until")
            .is_null()
            .eq(Expr::col("lease_owner").is_null()),
    ];
    match shape {
        Shape::Before => rules.extend([
            over().or(Expr::col("scope_key")
                .is_not_null()
                .and(Expr::col("connection_id").is_not_null())),
            running().eq(leased()),
        ]),
        Shape::After => rules.extend([
            // What is active holds a scope; in an environment, through a connection.
            over().or(Expr::col("scope_key").is_not_null()),
            over()
                .or(Expr::col("environment_id").is_null())
                .or(Expr::col("connection_id").is_not_null()),
            // A job that runs has a lease, and nothing else has one.
            running().and(Expr::col("kind").eq("job")).eq(leased()),
        ]),
    }
    rules
}

fn one_active_run() -> IndexCreateStatement {
    Index::create()
        .unique()
        .name("operation_runs_active_scope_unique")
        .table(TABLE)
        .col("workspace_id")
        .col("scope_key")
        .and_where(Expr::col("status").is_in(["queued", "running"]))
        .to_owned()
}

fn claim_order() -> IndexCreateStatement {
    Index::create()
        .name("operation_runs_active_order")
        .table(TABLE)
        .col("status")
        .col("created_at")
        .and_where(Expr::col("status").is_in(["queued", "running"]))
        .to_owned()
}

fn list_order() -> IndexCreateStatement {
    Index::create()
        .name("operation_runs_list_order")
        .table(TABLE)
        .col("workspace_id")
        .col("created_at")
        .col("id")
        .to_owned()
}

/// The children of a group.
fn children() -> IndexCreateStatement {
    Index::create()
        .name("operation_runs_children")
        .table(TABLE)
        .col("workspace_id")
        .col("parent_run_id")
        .and_where(Expr::col("parent_run_id").is_not_null())
        .to_owned()
}

/// The runs of a connection, newest first: for lists, and for whoever deletes one.
fn of_connection() -> IndexCreateStatement {
    Index::create()
        .name("operation_runs_of_connection")
        .table(TABLE)
        .col("workspace_id")
        .col("connection_id")
        .col("created_at")
        .to_owned()
}
