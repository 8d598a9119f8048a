//! Rows of `provider_connections`.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_connections")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workspace_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub environment_id: Uuid,
    pub version: i64,
    pub display_name: String,
    pub connection_type: String,
    pub provider: String,
    pub scope_kind: String,
    pub scope_identifier: String,
    pub scope_display_name: String,
    pub realm: String,
    pub client_identifier: Option<String>,
    pub is_default: bool,
    pub is_enabled: bool,
    pub consent_state: String,
    pub consent_reason: Option<String>,
    pub consent_since: i64,
    pub consent_checked_at: Option<i64>,
    pub consent_run_id: Option<Uuid>,
    pub verification_state: String,
    pub verification_reason: Option<String>,
    pub verification_since: i64,
    pub verification_checked_at: Option<i64>,
    pub verification_run_id: Option<Uuid>,
    pub created_at: i64,
    pub identity_version: i64,
    pub credential_version: i64,
    pub consent_hint_at: Option<i64>,
    pub consent_hint_client: Option<String>,
    pub verification_next_at: Option<i64>,
    pub deleted_at: Option<i64>,
}

/// Rows are joined by hand where they are joined at all.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
