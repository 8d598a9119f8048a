//! The events of one run as callers see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tenancy::{PrincipalId, StreamEvent};
use utoipa::ToSchema;
use uuid::Uuid;

use super::list_views;

/// Something that happened to a run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperationRunEvent)]
pub(crate) struct RunEventView {
    /// Its id; the same wherever the event is delivered.
    id: Uuid,
    /// Its place in the stream of the workspace.
    sequence: u64,
    /// What happened.
    #[schema(example = "operation.started")]
    kind: String,
    /// When.
    occurred_at: DateTime<Utc>,
    /// The attempt that it belongs to, where it belongs to one.
    attempt: Option<i64>,
    /// How the run ended, where it did.
    outcome: Option<String>,
    /// Why, where there is a reason: a code of `GET /api/v1/reason-codes`.
    reason_code: Option<String>,
    /// Who did it, as he was named then; nothing where the system did it.
    actor: Option<EventActorView>,
}

/// Who did something, as he was named then.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventActor)]
struct EventActorView {
    /// The name at that time.
    label: String,
    /// The principal.
    principal_id: Option<Uuid>,
}

list_views! {
    /// What happened to a run, oldest first.
    OperationRunEventList of RunEventView;
}

impl RunEventView {
    /// The event, with the principal who caused it, if one did.
    pub(crate) fn of(event: StreamEvent, actor: Option<(Option<PrincipalId>, String)>) -> Self {
        let text = |name: &str| {
            event
                .metadata
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Self {
            id: event.id.as_uuid(),
            sequence: event.sequence,
            occurred_at: event.occurred_at,
            attempt: event.metadata.get("attempt").and_then(Value::as_i64),
            outcome: text("outcome"),
            reason_code: text("reason_code"),
            actor: actor.map(|(id, label)| EventActorView {
                label,
                principal_id: id.map(|id| id.as_uuid()),
            }),
            kind: event.kind,
        }
    }
}
