//! Events as callers see them, in the feed and in streams alike.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use tenancy::{StreamEvent, WorkspaceId};
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that happened in a workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Its id; the same wherever it is delivered.
    id: Uuid,
    /// Its number in the workspace: 1 for the first, and no gaps.
    sequence: u64,
    /// What happened. New types may be added.
    #[serde(rename = "type")]
    #[schema(example = "operation.completed")]
    kind: String,
    /// When it happened. Events are in the order of their numbers, which can differ from that of their times.
    occurred_at: DateTime<Utc>,
    /// The workspace.
    workspace_id: Uuid,
    /// What it happened to.
    subject: SubjectView,
    /// `success` or `failure`.
    #[schema(example = "success")]
    outcome: String,
    /// Neutral facts: ids, codes and counts.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    data: Map<String, Value>,
}

/// What an event happened to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventSubject)]
struct SubjectView {
    /// `workspace`, `connection`, `operation_run` and so on.
    #[serde(rename = "type")]
    #[schema(example = "operation_run")]
    kind: String,
    /// Its id.
    id: String,
    /// Where it is read; nothing for what has no address of its own.
    href: Option<String>,
}

/// A part of the stream of a workspace.
#[derive(Serialize, ToSchema)]
#[schema(as = EventList)]
pub(crate) struct EventListView {
    /// The events that the caller may see and asked for, in order.
    pub(crate) items: Vec<EventView>,
    /// The number of the newest event of the workspace, whoever may see it.
    pub(crate) last_sequence: u64,
    /// What to send as `after` next. Events that were left out are behind it too.
    pub(crate) next_after: u64,
}

impl From<&StreamEvent> for EventView {
    fn from(event: &StreamEvent) -> Self {
        Self {
            id: event.id.as_uuid(),
            sequence: event.sequence,
            kind: event.kind.clone(),
            occurred_at: event.occurred_at,
            workspace_id: event.workspace_id.as_uuid(),
            subject: SubjectView {
                href: href(event.workspace_id, &event.subject_kind, &event.subject_id),
                kind: event.subject_kind.clone(),
                id: event.subject_id.clone(),
            },
            outcome: event.outcome.clone(),
            data: event.metadata.clone(),
        }
    }
}

fn href(workspace: WorkspaceId, kind: &str, id: &str) -> Option<String> {
    let base = format!("/api/v1/workspaces/{workspace}");
    match kind {
        "workspace" => Some(base),
        "environment" => Some(format!("{base}/environments/{id}")),
        "connection" => Some(format!("{base}/connections/{id}")),
        "operation_run" => Some(format!("{base}/operation-runs/{id}")),
        "schedule" => Some(format!("{base}/schedules/{id}")),
        "webhook" => Some(format!("{base}/webhooks/{id}")),
        _ => None,
    }
}
