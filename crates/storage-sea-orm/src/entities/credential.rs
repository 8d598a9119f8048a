//! Rows of `provider_credentials`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connection_id: Uuid,
    pub version: i64,
    pub sealed: Vec<u8>,
    pub expires_at: Option<i64>,
    pub undecryptable: bool,
    pub created_at: i64,
    pub stage: String,
    pub kind: String,
    pub kid: Option<String>,
    pub data_key_version: Option<i64>,
    pub fingerprint: Option<String>,
    pub keep_until: Option<i64>,
    pub checked_at: Option<i64>,
    pub checked_run_id: Option<Uuid>,
    pub check_reason: Option<String>,
}

/// Rows are joined by hand where they are joined at all.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
