//! The bodies of messages: thin, neutral, and the same bytes at every attempt.

use kernel::Timestamp;
use serde_json::{Value, json};
use tenancy::{StreamEvent, WorkspaceId};

use crate::{DeliveryId, WebhookId, delivery::VERIFICATION};

/// The body for an event of the stream. `type`, `timestamp` and `data` as Standard Webhooks has
/// them; `sequence` is the event's place in the stream of the workspace.
pub fn of_event(event: &StreamEvent) -> Vec<u8> {
    bytes(&json!({
        "id": event.id.to_string(),
        "type": event.kind,
        "timestamp": rfc3339(event.occurred_at),
        "workspace_id": event.workspace_id.to_string(),
        "sequence": event.sequence,
        "data": {
            "subject": { "type": event.subject_kind, "id": event.subject_id },
            "outcome": event.outcome,
            "metadata": event.metadata,
        },
    }))
}

/// The body that asks a receiver whether it is there.
pub fn of_verification(
    workspace: WorkspaceId,
    webhook: WebhookId,
    delivery: DeliveryId,
    at: Timestamp,
) -> Vec<u8> {
    bytes(&json!({
        "id": delivery.to_string(),
        "type": VERIFICATION,
        "timestamp": rfc3339(at),
        "workspace_id": workspace.to_string(),
        "data": { "subject": { "type": "webhook", "id": webhook.to_string() } },
    }))
}

fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
