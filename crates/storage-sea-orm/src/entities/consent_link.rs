//! Rows of `consent_links`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_links")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub link_hash: Vec<u8>,
    pub state_hash: Option<Vec<u8>>,
    pub browser_hash: Option<Vec<u8>>,
    pub identity_version: i64,
    pub scope_identifier: String,
    pub client_identifier: String,
    pub permission_set: String,
    pub return_to: Option<String>,
    pub created_by: Option<Uuid>,
    pub created_at: i64,
    pub expires_at: i64,
    pub started_at: Option<i64>,
    pub used_at: Option<i64>,
    pub result: Option<String>,
}

/// Rows are joined by hand where they are joined at all.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
