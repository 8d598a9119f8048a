//! Rows of `schedules`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub display_name: String,
    pub operation_type: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub inputs: Json,
    pub environment_id: Option<Uuid>,
    pub connection_id: Option<Uuid>,
    pub cron: String,
    pub time_zone: String,
    pub jitter_seconds: i64,
    pub state: String,
    pub paused_reason: Option<String>,
    pub next_tick_at: Option<i64>,
    pub next_due_at: Option<i64>,
    pub responsible_principal_id: Uuid,
    pub responsible_label: String,
    pub last_result: Option<String>,
    pub last_turn_at: Option<i64>,
    pub last_run_id: Option<Uuid>,
    pub consecutive_skips: i64,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

/// Rows are joined by hand where they are joined at all.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
