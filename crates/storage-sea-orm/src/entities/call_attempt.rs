//! Rows of `call_attempts`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "call_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub run_id: Uuid,
    pub occurred_at: i64,
    pub call_name: String,
    pub limit_name: String,
    pub attempt: i32,
    pub outcome: String,
    pub reason_code: Option<String>,
    pub http_status: Option<i32>,
    pub provider_code: Option<String>,
    pub request_id: Option<Uuid>,
    pub trace_id: Option<Uuid>,
    pub correlation_id: Option<Uuid>,
    pub took: i64,
    pub time_lost: i64,
}

/// Rows are joined by hand where they are joined at all.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
