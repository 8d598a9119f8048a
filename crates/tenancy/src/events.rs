//! The event stream of a workspace: what the journal wrote to the outbox, in one order, with numbers that
//! have no gaps. A reader who has seen number n has missed nothing up to n.
//!
//! An event is written in the transaction of its change, without a number: writers do not wait for each
//! other. It is numbered once it is committed ([`EventPublisher::publish`]), and whatever follows from it
//! (notifications, deliveries) is written in the transaction that numbers it: once, or not at all.

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use serde_json::{Map, Value};

use crate::{AuditAction, Capability, OutboxEventId, Role, WorkspaceId, WorkspaceScope};

/// An event that has its place in the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its place: 1 for the first of the workspace, and no gaps.
    pub sequence: u64,
    /// Its id; the same wherever it is delivered.
    pub id: OutboxEventId,
    /// What happened: one of [`AuditAction`], `operation.completed` for example.
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

/// The areas of kinds, with the capability that shows the same things elsewhere. What stands in no area is
/// for readers of the audit log.
const AREAS: [(&str, Capability); 7] = [
    ("operation", Capability::OperationsView),
    ("connection", Capability::ConnectionsView),
    ("credential", Capability::ConnectionsView),
    ("consent", Capability::ConnectionsView),
    ("member", Capability::MembersView),
    ("environment", Capability::WorkspaceView),
    ("workspace", Capability::WorkspaceView),
];

fn area(kind: &str) -> &str {
    kind.split_once('.').map_or("", |(area, _)| area)
}

/// What a reader must hold to see events of this kind.
pub fn shown_with(kind: &str) -> Capability {
    AREAS
        .iter()
        .find(|(name, _)| *name == area(kind))
        .map_or(Capability::AuditView, |(_, capability)| *capability)
}

/// Which kinds a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KindFilter {
    /// This kind: `operation.completed`.
    Exact(String),
    /// Every kind of this area: `operation.*`.
    Area(String),
}

impl KindFilter {
    /// Nothing if no event can be of such a kind.
    pub fn parse(text: &str) -> Option<Self> {
        let filter = match text.strip_suffix(".*") {
            Some(area) => Self::Area(area.to_owned()),
            None => Self::Exact(text.to_owned()),
        };
        AuditAction::ALL
            .iter()
            .any(|action| filter.fits(action.as_str()))
            .then_some(filter)
    }

    /// Whether `kind` is meant.
    pub fn fits(&self, kind: &str) -> bool {
        match self {
            Self::Exact(text) => kind == text,
            Self::Area(text) => area(kind) == text && !text.is_empty(),
        }
    }
}

/// What a role may see of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight(Role);

impl Sight {
    /// The areas that are hidden.
    pub fn hidden_areas(self) -> Vec<&'static str> {
        let hidden = AREAS.iter().filter(|(_, capability)| !self.0.holds(*capability));
        hidden.map(|(area, _)| *area).collect()
    }

    /// The only areas that are shown; nothing if what stands in no area is shown too.
    pub fn only_areas(self) -> Option<Vec<&'static str>> {
        (!self.0.holds(Capability::AuditView)).then(|| AREAS.iter().map(|(area, _)| *area).collect())
    }
}

/// Which events a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    role: Role,
    kinds: Vec<KindFilter>,
    subject_id: Option<String>,
}

impl EventFilter {
    /// Everything that `role` may see.
    pub const fn of_role(role: Role) -> Self {
        Self {
            role,
            kinds: Vec::new(),
            subject_id: None,
        }
    }

    /// Only these kinds; all of them if the list is empty.
    #[must_use]
    pub fn of_kinds(mut self, kinds: Vec<KindFilter>) -> Self {
        self.kinds = kinds;
        self
    }

    /// Only what is about this.
    #[must_use]
    pub fn about(mut self, subject_id: Option<String>) -> Self {
        self.subject_id = subject_id;
        self
    }

    /// The same for a reader whose role has changed.
    pub const fn becomes(&mut self, role: Role) {
        self.role = role;
    }

    /// What the reader may see.
    pub const fn sight(&self) -> Sight {
        Sight(self.role)
    }

    /// The kinds that the reader asks for; all if there are none.
    pub fn kinds(&self) -> &[KindFilter] {
        &self.kinds
    }

    /// The one thing that the reader asks about.
    pub fn subject_id(&self) -> Option<&str> {
        self.subject_id.as_deref()
    }

    /// Whether the reader gets `event`.
    pub fn lets(&self, event: &StreamEvent) -> bool {
        let asked = self.kinds.is_empty() || self.kinds.iter().any(|filter| filter.fits(&event.kind));
        let subject = self.subject_id.as_ref();
        asked
            && subject.is_none_or(|subject| *subject == event.subject_id)
            && self.role.holds(shown_with(&event.kind))
    }
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

    /// Up to `limit` events after number `after` that `filter` lets through, in order, and the ends of the
    /// stream at that very moment: what `last_sequence` names is among them, or was left out.
    async fn select(
        &self,
        scope: &WorkspaceScope,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<StreamPage, StoreError>;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_nobody_knows_is_for_readers_of_the_audit_log() {
        assert_eq!(shown_with("operation.completed"), Capability::OperationsView);
        assert_eq!(shown_with("credential.stored"), Capability::ConnectionsView);
        for kind in ["", "operations", "operationx.completed", "key.retired", "."] {
            assert_eq!(shown_with(kind), Capability::AuditView, "{kind}");
        }
    }

    #[test]
    fn filters_name_kinds_or_areas_that_exist() {
        for (text, fits, misses) in [
            ("operation.completed", "operation.completed", "operation.started"),
            ("operation.*", "operation.started", "member.added"),
        ] {
            let filter = KindFilter::parse(text).expect(text);
            assert!(filter.fits(fits) && !filter.fits(misses), "{text}");
        }
        for text in [
            "",
            "*",
            ".*",
            "operation",
            "operation.",
            "oper.*",
            "operation.*.*",
            "x.y",
        ] {
            assert_eq!(KindFilter::parse(text), None, "{text}");
        }
    }

    #[test]
    fn who_does_not_read_the_audit_log_sees_known_areas_alone() {
        let sight = |role| EventFilter::of_role(role).sight();
        assert_eq!(sight(Role::Owner).only_areas(), None);
        let areas = sight(Role::Readonly).only_areas().expect("a list");
        assert!(areas.contains(&"operation") && sight(Role::Readonly).hidden_areas().is_empty());
        let known = |action: &&AuditAction| AREAS.iter().any(|(name, _)| *name == area(action.as_str()));
        for action in AuditAction::ALL.iter().filter(known) {
            assert_ne!(shown_with(action.as_str()), Capability::AuditView, "{action:?}");
        }
    }
}
