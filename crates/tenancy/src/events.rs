//! The event stream of a workspace: what the journal wrote to the outbox, in one order, with numbers that
//! have no gaps. A reader who has seen number n has missed nothing up to n.
//!
//! An event is written in the transaction of its change, without a number: writers do not wait for each
//! other. It is numbered once it is committed ([`EventPublisher::publish`]), and whatever follows from it
//! (notifications, deliveries) is written in the transaction that numbers it: once, or not at all.

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use serde_json::{Map, Value};

use crate::{OutboxEventId, WorkspaceId, WorkspaceScope};

/// An event that has its place in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its place: 1 for the first of the workspace, and no gaps.
    pub sequence: u64,
    /// Its id; the same wherever it is delivered.
    pub id: OutboxEventId,
    /// What happened: one of [`AuditAction`](crate::AuditAction), `operation.completed` for example.
    pub kind: String,
    /// `workspace`, `connection`, `operation_run` and so on.
    pub subject_kind: String,
    /// The id of that.
    pub subject_id: String,
    /// `success` or `failure`.
    pub outcome: String,
    /// Neutral facts: ids, codes and counts.
    pub metadata: Map<String, Value>,
    /// When.
    pub occurred_at: Timestamp,
}

/// A part of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StreamPage {
    /// The events, in order.
    pub events: Vec<StreamEvent>,
    /// The last number that was given in the workspace; 0 if there is none.
    pub last_sequence: u64,
    /// The first number that is still kept. Whoever asks for what comes after an older one than the one
    /// before it has missed events.
    pub first_kept: u64,
}

/// Reads of streams.
#[async_trait]
pub trait EventLookup: Send + Sync {
    /// Up to `limit` events of the scope after number `after`, in order.
    async fn after(&self, scope: &WorkspaceScope, after: u64, limit: u32) -> Result<StreamPage, StoreError>;

    /// The events about one thing, oldest first, up to `limit`: the timeline of a run.
    async fn about(
        &self,
        scope: &WorkspaceScope,
        subject: (&str, &str),
        limit: u32,
    ) -> Result<Vec<StreamEvent>, StoreError>;
}

/// Gives committed events their numbers. Safe to run in every process at the same time.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Numbers what waits for a number, in every workspace. Returns how many events it numbered.
    async fn publish(&self) -> Result<u64, StoreError>;
}
