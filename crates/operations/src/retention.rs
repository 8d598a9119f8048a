//! Retention: how long each history is kept, and the run that removes what is older.
//!
//! Pruning is an operation of the workspace as a whole, `workspace.housekeeping`. The system starts it once in
//! an interval; callers see it in the list of runs, watch it and cancel it, and cannot start it. It removes rows
//! in small batches, each a transaction of its own behind the run's fence.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::{Id, IdSource, Position, StoreError, Timestamp};
use serde_json::Map;
use tenancy::{WorkspaceId, WorkspaceScope};

use crate::{
    CountKey, Initiator, OperationRun, OperationType, RunContext, RunLease, RunPlace, RunTrigger,
    SummaryCounts, gate::identity_hash, run::NewRun,
};

/// What a housekeeping run holds while it is active, once in each workspace.
pub const SCOPE_KEY: &str = "system/housekeeping";

/// A history that is kept for a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RetentionKind {
    /// Deliveries to webhooks that are finished, with their attempts, counted from their end.
    WebhookDeliveries,
    /// Events of the stream, once they have their number and no delivery of them is under way.
    Events,
    /// Kept answers to named requests, counted from the end of their time.
    IdempotencyRecords,
    /// Notifications, read or not.
    Notifications,
    /// Attempts at calls that went wrong.
    CallAttempts,
    /// What became of the axes of connections.
    ConnectionHistory,
    /// Consent links, counted from the end of their time.
    ConsentLinks,
    /// Notes that an end was announced, counted from that end.
    ExpiryNotices,
    /// Compliance snapshots, but the newest of each connection.
    Snapshots,
    /// Runs that are over and that nothing present refers to.
    Runs,
    /// Audit events.
    AuditEvents,
}

impl RetentionKind {
    /// Every kind, in the order in which they are pruned: what refers to runs goes before
    /// them, and what keeps events before those.
    pub const ALL: [Self; 11] = [
        Self::WebhookDeliveries,
        Self::Events,
        Self::IdempotencyRecords,
        Self::Notifications,
        Self::CallAttempts,
        Self::ConnectionHistory,
        Self::ConsentLinks,
        Self::ExpiryNotices,
        Self::Snapshots,
        Self::Runs,
        Self::AuditEvents,
    ];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebhookDeliveries => "webhook_deliveries",
            Self::Events => "events",
            Self::IdempotencyRecords => "idempotency_records",
            Self::Notifications => "notifications",
            Self::CallAttempts => "call_attempts",
            Self::ConnectionHistory => "connection_history",
            Self::ConsentLinks => "consent_links",
            Self::ExpiryNotices => "expiry_notices",
            Self::Snapshots => "snapshots",
            Self::Runs => "runs",
            Self::AuditEvents => "audit_events",
        }
    }

    /// Under which key a run counts what it removed.
    pub const fn count_key(self) -> CountKey {
        match self {
            Self::WebhookDeliveries => CountKey::PrunedWebhookDeliveries,
            Self::Events => CountKey::PrunedEvents,
            Self::IdempotencyRecords => CountKey::PrunedIdempotencyRecords,
            Self::Notifications => CountKey::PrunedNotifications,
            Self::CallAttempts => CountKey::PrunedCallAttempts,
            Self::ConnectionHistory => CountKey::PrunedConnectionHistory,
            Self::ConsentLinks => CountKey::PrunedConsentLinks,
            Self::ExpiryNotices => CountKey::PrunedExpiryNotices,
            Self::Snapshots => CountKey::PrunedSnapshots,
            Self::Runs => CountKey::PrunedRuns,
            Self::AuditEvents => CountKey::PrunedAuditEvents,
        }
    }
}

/// For how many days each history is kept. Nothing means for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepDays {
    /// [`RetentionKind::Runs`].
    pub runs: Option<u16>,
    /// [`RetentionKind::Events`].
    pub events: Option<u16>,
    /// [`RetentionKind::AuditEvents`].
    pub audit_events: Option<u16>,
    /// [`RetentionKind::Snapshots`].
    pub snapshots: Option<u16>,
    /// [`RetentionKind::ConnectionHistory`].
    pub connection_history: Option<u16>,
    /// [`RetentionKind::CallAttempts`].
    pub call_attempts: Option<u16>,
    /// [`RetentionKind::WebhookDeliveries`].
    pub webhook_deliveries: Option<u16>,
    /// [`RetentionKind::Notifications`].
    pub notifications: Option<u16>,
    /// [`RetentionKind::IdempotencyRecords`].
    pub idempotency_records: Option<u16>,
    /// [`RetentionKind::ConsentLinks`] and [`RetentionKind::ExpiryNotices`].
    pub expired: Option<u16>,
}

impl Default for KeepDays {
    fn default() -> Self {
        Self {
            runs: Some(90),
            events: Some(30),
            audit_events: Some(400),
            snapshots: Some(400),
            connection_history: Some(400),
            call_attempts: Some(30),
            webhook_deliveries: Some(30),
            notifications: Some(90),
            idempotency_records: Some(1),
            expired: Some(30),
        }
    }
}

impl KeepDays {
    /// Nothing is ever removed.
    pub const FOR_EVER: Self = Self {
        runs: None,
        events: None,
        audit_events: None,
        snapshots: None,
        connection_history: None,
        call_attempts: None,
        webhook_deliveries: None,
        notifications: None,
        idempotency_records: None,
        expired: None,
    };

    /// Before when rows of `kind` go, for a run that was made at `from`. Nothing if they stay.
    pub fn before(&self, kind: RetentionKind, from: Timestamp) -> Option<Timestamp> {
        let days = match kind {
            RetentionKind::Runs => self.runs,
            RetentionKind::Events => self.events,
            RetentionKind::AuditEvents => self.audit_events,
            RetentionKind::Snapshots => self.snapshots,
            RetentionKind::ConnectionHistory => self.connection_history,
            RetentionKind::CallAttempts => self.call_attempts,
            RetentionKind::WebhookDeliveries => self.webhook_deliveries,
            RetentionKind::Notifications => self.notifications,
            RetentionKind::IdempotencyRecords => self.idempotency_records,
            RetentionKind::ConsentLinks | RetentionKind::ExpiryNotices => self.expired,
        };
        days.map(|days| from - TimeDelta::days(i64::from(days)))
    }
}

/// The numbers of retention.
#[derive(Debug, Clone, Copy)]
pub struct RetentionSettings {
    /// How long each history is kept.
    pub keep: KeepDays,
    /// How often each workspace is looked after.
    pub every: Duration,
    /// How many rows one transaction looks at, and therefore the most that it removes.
    pub batch: u32,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            keep: KeepDays::default(),
            every: Duration::from_hours(24),
            batch: 500,
        }
    }
}

impl RetentionSettings {
    /// When a workspace that nobody looked after yet has its first turn: spread over one interval by its
    /// id, so that an installation is not busy with all of them at the same time.
    pub fn first_turn(&self, workspace: WorkspaceId, now: Timestamp) -> Timestamp {
        // The last bytes of an id are random (RFC 9562, 5.7).
        let bytes = workspace.as_uuid().into_bytes();
        let part = f64::from(u16::from_be_bytes([bytes[14], bytes[15]])) / f64::from(u16::MAX);
        now + self.every.mul_f64(part)
    }

    /// The turn after the one that was due at `due`: the next moment of its rhythm that is still to come.
    pub fn next_turn(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        let every = TimeDelta::from_std(self.every)
            .unwrap_or(TimeDelta::days(1))
            .max(TimeDelta::seconds(1));
        let missed = (now - due).num_microseconds().unwrap_or_default().max(0)
            / every.num_microseconds().unwrap_or(1).max(1);
        due + every * i32::try_from(missed + 1).unwrap_or(i32::MAX)
    }
}

/// One batch.
#[derive(Debug, Clone)]
pub struct PruneStep<'a> {
    /// What.
    pub kind: RetentionKind,
    /// Rows of this time and younger ones stay.
    pub before: Timestamp,
    /// The last row that the batch before this one looked at.
    pub after: Option<Position>,
    /// How many rows to look at.
    pub batch: u32,
    /// What the run counted so far.
    pub counts: &'a SummaryCounts,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pruned {
    /// Another attempt owns the run, or it is over; nothing was removed.
    Lost,
    /// Somebody asked for the end of the run; nothing was removed.
    CancelRequested,
    /// It is done, and the counts of the run say so.
    Batch {
        /// What the run counted, this batch included.
        counts: SummaryCounts,
        /// Where to go on; nothing when there is no more of this kind.
        next: Option<Position>,
    },
}

/// What housekeeping needs of the store.
#[async_trait]
pub trait Retention: Send + Sync {
    /// The workspaces whose turn has come at `now`, each with the moment that is due. Workspaces that had none yet
    /// get their first one, which may come later.
    async fn due(
        &self,
        settings: &RetentionSettings,
        now: Timestamp,
    ) -> Result<Vec<(WorkspaceId, Timestamp)>, StoreError>;

    /// Removes one batch, in one transaction that first confirms the lease.
    async fn prune(&self, lease: &RunLease, step: &PruneStep<'_>) -> Result<Pruned, StoreError>;
}

/// Turns, within a unit of work.
#[async_trait]
pub trait RetentionTurns: Send {
    /// Moves the turn of the scope from `due` to `next`. `false` if somebody else did.
    async fn take(
        &mut self,
        scope: &WorkspaceScope,
        due: Timestamp,
        next: Timestamp,
    ) -> Result<bool, StoreError>;
}

/// A housekeeping run of the scope's workspace.
pub fn run(scope: &WorkspaceScope, ids: &dyn IdSource, now: Timestamp) -> OperationRun {
    let operation_type = OperationType::WorkspaceHousekeeping;
    OperationRun::queued(NewRun {
        workspace_id: scope.workspace_id(),
        place: RunPlace::Workspace {
            scope_key: SCOPE_KEY.to_owned(),
        },
        trigger: RunTrigger::System,
        id: Id::next(ids),
        operation_type,
        identity_hash: identity_hash(operation_type, None, &Map::new()),
        inputs: Map::new(),
        initiator: Initiator::from(scope.actor()),
        context: RunContext::default(),
        created_at: now,
    })
}

#[cfg(test)]
#[path = "retention/tests.rs"]
mod tests;
