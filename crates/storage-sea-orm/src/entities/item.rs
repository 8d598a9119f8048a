//! Rows of `inventory_items`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inventory_items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub kind: String,
    pub external_id: String,
    pub display_name: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub attributes: Json,
    pub content_hash: String,
    pub version: i64,
    pub first_seen_at: i64,
    pub last_seen_at: i64,
    pub last_seen_run_id: Uuid,
    pub first_seen_run_id: Uuid,
    pub changed_run_id: Uuid,
}

/// Rows are joined by hand where they are joined at all.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
