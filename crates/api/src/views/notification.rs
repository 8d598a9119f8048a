//! Notifications as their reader sees them.

use chrono::{DateTime, Utc};
use operations::Notification;
use serde::Serialize;
use tenancy::WorkspaceId;
use utoipa::ToSchema;
use uuid::Uuid;

/// A word to whoever started a run: it is over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub(crate) struct NotificationView {
    /// Its id: that of the event that it follows from.
    id: Uuid,
    /// The number of that event.
    sequence: u64,
    /// `operation_run_ended`. New types may be added.
    #[serde(rename = "type")]
    #[schema(example = "operation_run_ended")]
    kind: &'static str,
    /// The run that is over.
    run: NotifiedRunView,
    /// When it ended.
    created_at: DateTime<Utc>,
    /// When the reader read it; nothing while he has not.
    read_at: Option<DateTime<Utc>>,
}

/// The run that a notification is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotifiedRun)]
struct NotifiedRunView {
    /// Its id.
    id: Uuid,
    /// Where it is read.
    href: String,
    /// What it did.
    #[schema(example = "inventory.sync")]
    operation_type: &'static str,
    /// The same for people.
    label: &'static str,
    /// `succeeded`, `partially_succeeded`, `blocked`, `failed` or `canceled`.
    #[schema(example = "succeeded")]
    outcome: &'static str,
    /// The environment; nothing for a run of the workspace as a whole.
    environment_id: Option<Uuid>,
}

/// Notifications, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationList)]
pub(crate) struct NotificationListView {
    /// The items, in the order of the list.
    pub(crate) items: Vec<NotificationView>,
    /// Where to read on; nothing on the last page.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
    /// How many of all of them are not read.
    pub(crate) unread_count: u64,
}

impl NotificationView {
    /// A notification in `workspace`.
    pub(crate) fn of(workspace: WorkspaceId, notification: &Notification) -> Self {
        let definition = notification.operation_type.definition();
        Self {
            id: notification.id.as_uuid(),
            sequence: notification.sequence,
            kind: "operation_run_ended",
            run: NotifiedRunView {
                id: notification.run_id.as_uuid(),
                href: format!(
                    "/api/v1/workspaces/{workspace}/operation-runs/{}",
                    notification.run_id
                ),
                operation_type: definition.code,
                label: definition.label,
                outcome: notification.outcome.as_str(),
                environment_id: notification.environment_id.map(|id| id.as_uuid()),
            },
            created_at: notification.created_at,
            read_at: notification.read_at,
        }
    }
}
