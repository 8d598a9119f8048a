//! How connections changed, as callers see it.

use chrono::{DateTime, Utc};
use provider_core::{HistoryEntry, ReasonCode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::list_views;

/// A change of one axis of a connection.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionHistoryEntry)]
pub(crate) struct HistoryEntryView {
    /// Its id.
    id: Uuid,
    /// `consent` or `verification`; new axes may be added.
    #[schema(example = "consent")]
    axis: String,
    /// The state before.
    from_state: String,
    /// The state after.
    to_state: String,
    /// Why, where there is something to explain.
    reason_code: Option<&'static str>,
    /// The run that found it; nothing when a caller caused it.
    run_id: Option<Uuid>,
    /// When.
    occurred_at: DateTime<Utc>,
}

list_views! {
    /// Changes of a connection, newest first.
    ConnectionHistory of HistoryEntryView;
}

impl From<HistoryEntry> for HistoryEntryView {
    fn from(entry: HistoryEntry) -> Self {
        let HistoryEntry {
            id,
            axis,
            from_state,
            to_state,
            reason,
            run_id,
            occurred_at,
        } = entry;
        Self {
            id: id.as_uuid(),
            axis,
            from_state,
            to_state,
            reason_code: reason.map(ReasonCode::as_str),
            run_id: run_id.map(|id| id.as_uuid()),
            occurred_at,
        }
    }
}
