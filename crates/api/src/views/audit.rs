//! Audit events as callers see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use tenancy::AuditEvent;
use utoipa::ToSchema;
use uuid::Uuid;

use super::list_views;

/// Who did what, when, to what and from where.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditEventView {
    /// Its id.
    id: Uuid,
    /// When.
    occurred_at: DateTime<Utc>,
    /// Who.
    actor: ActorView,
    /// What was done; new actions may be added.
    #[schema(example = "connection.created")]
    action: String,
    /// To what.
    target: TargetView,
    /// `success` or `failure`.
    outcome: String,
    /// The request that caused it.
    request_id: Option<String>,
    /// Where the request came from.
    source_ip: Option<String>,
    /// Neutral facts: ids, codes and counts.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    metadata: Map<String, Value>,
}

/// Who acted, as he was named then.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
struct ActorView {
    /// `principal` or `system`.
    kind: String,
    /// The principal, if one acted.
    id: Option<Uuid>,
    /// The name at that time.
    label: String,
}

/// What was changed, as it was named then.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditTarget)]
struct TargetView {
    /// `workspace`, `connection`, `operation_run` and so on.
    kind: String,
    /// Its id.
    id: String,
    /// Its name at that time.
    label: String,
}

list_views! {
    /// Audit events, newest first.
    AuditEventList of AuditEventView;
}

impl From<AuditEvent> for AuditEventView {
    fn from(event: AuditEvent) -> Self {
        let AuditEvent {
            id,
            workspace_id: _,
            occurred_at,
            actor_kind,
            actor_id,
            actor_label,
            action,
            target_kind,
            target_id,
            target_label,
            outcome,
            request_id,
            source_ip,
            metadata,
        } = event;
        Self {
            id: id.as_uuid(),
            occurred_at,
            actor: ActorView {
                kind: actor_kind,
                id: actor_id.map(|id| id.as_uuid()),
                label: actor_label,
            },
            action,
            target: TargetView {
                kind: target_kind,
                id: target_id,
                label: target_label,
            },
            outcome,
            request_id,
            source_ip,
            metadata,
        }
    }
}
