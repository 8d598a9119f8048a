//! Rows of `operation_runs`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operation_runs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub environment_id: Option<Uuid>,
    pub connection_id: Option<Uuid>,
    pub operation_type: String,
    pub status: String,
    pub outcome: String,
    pub scope_key: Option<String>,
    pub identity_hash: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub inputs: Json,
    pub initiator_principal_id: Option<Uuid>,
    pub initiator_label: String,
    pub attempt: i32,
    pub lost_leases: i32,
    pub lease_owner: Option<String>,
    pub lease_until: Option<i64>,
    pub heartbeat_at: Option<i64>,
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
    pub not_before: Option<i64>,
    pub cancel_requested_at: Option<i64>,
    pub retry_of: Option<Uuid>,
    #[sea_orm(column_type = "JsonBinary")]
    pub context: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub counts: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub failures: Json,
    pub progress_processed: Option<i64>,
    pub progress_total: Option<i64>,
    pub created_at: i64,
    pub waiting_since: Option<i64>,
    pub waiting_reason: Option<String>,
    pub waited: i64,
    pub kind: String,
    pub trigger_kind: String,
    pub parent_run_id: Option<Uuid>,
    pub schedule_id: Option<Uuid>,
    pub queued_at: Option<i64>,
}

/// Rows are joined by hand where they are joined at all.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
