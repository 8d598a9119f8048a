//! The journal: for each change one audit event and one outbox event, written by the repository
//! in the transaction of the change itself. Writing methods take a [`Change`], so a change
//! without its entry does not compile.

use async_trait::async_trait;
use kernel::{Id, IdSource, Page, PageRequest, StoreError, Timestamp};
use serde_json::{Map, Value};

use crate::{AuditEventId, OutboxEventId, PrincipalId, SystemTask, WorkspaceId, WorkspaceScope};

/// Who acted, as he was named at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person or program with a token.
    Principal {
        /// Our id for it.
        id: PrincipalId,
        /// The name at that time.
        label: String,
    },
    /// The system's own work.
    System(SystemTask),
}

impl Actor {
    /// `principal` or `system`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Principal { .. } => "principal",
            Self::System(_) => "system",
        }
    }

    /// The principal, if a principal acted.
    pub const fn principal_id(&self) -> Option<PrincipalId> {
        match self {
            Self::Principal { id, .. } => Some(*id),
            Self::System(_) => None,
        }
    }

    /// The name at that time.
    pub fn label(&self) -> &str {
        match self {
            Self::Principal { label, .. } => label,
            Self::System(task) => task.as_str(),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident => $text:literal,)*) => {
        /// What was done: a closed list of stable strings, append only. The same string names
        /// the event in the outbox.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuditAction { $($(#[$doc])* $variant,)* }

        impl AuditAction {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable string.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The action that `text` names.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == text)
            }
        }
    };
}

actions! {
    /// A workspace was made.
    WorkspaceCreated => "workspace.created",
    /// An environment was made.
    EnvironmentCreated => "environment.created",
    /// A member was added.
    MemberAdded => "member.added",
    /// A connection was made.
    ConnectionCreated => "connection.created",
    /// Names or tags of a connection were changed.
    ConnectionUpdated => "connection.updated",
    /// A connection was switched on.
    ConnectionEnabled => "connection.enabled",
    /// A connection was switched off.
    ConnectionDisabled => "connection.disabled",
    /// A connection became the default of its environment and provider.
    ConnectionDefaultSwitched => "connection.default_switched",
    /// A connection got another target, client or type.
    ConnectionRetargeted => "connection.retargeted",
    /// A connection was deleted.
    ConnectionDeleted => "connection.deleted",
    /// A run changed what is known about a connection.
    ConnectionObserved => "connection.observed",
    /// A credential was stored or replaced.
    CredentialStored => "credential.stored",
    /// A credential was stored as the next one.
    CredentialStaged => "credential.staged",
    /// A check was made with the next credential.
    CredentialTried => "credential.tried",
    /// The next credential became the current one.
    CredentialPromoted => "credential.promoted",
    /// The previous credential was put back.
    CredentialRolledBack => "credential.rolled_back",
    /// The next credential was forgotten.
    CredentialDiscarded => "credential.discarded",
    /// All credentials of a connection were forgotten.
    CredentialsRemoved => "credential.removed",
    /// A previous credential was removed, its time being over.
    CredentialPreviousRemoved => "credential.previous_removed",
    /// A credential comes near its end.
    CredentialExpiring => "credential.expiring",
    /// A stored credential could not be decrypted.
    CredentialUndecryptable => "credential.undecryptable",
    /// A consent link was made.
    ConsentLinkCreated => "consent.link_created",
    /// A browser went on from our page to the provider's consent page.
    ConsentStarted => "consent.started",
    /// A consent page was left with an agreement. A check has to prove it.
    ConsentRecorded => "consent.recorded",
    /// A consent page was left without an agreement.
    ConsentDeclined => "consent.declined",
    /// What came back from a consent page did not fit what was asked. Somebody may be trying.
    ConsentRejected => "consent.rejected",
    /// A run was accepted.
    OperationAccepted => "operation.accepted",
    /// A start was refused for stored facts, and the refusal recorded.
    OperationBlocked => "operation.blocked",
    /// A worker began a run.
    OperationStarted => "operation.started",
    /// A worker gave a run back.
    OperationRequeued => "operation.requeued",
    /// A run ended.
    OperationCompleted => "operation.completed",
    /// A run was canceled before it began.
    OperationCanceled => "operation.canceled",
    /// Somebody asked a running run to end.
    OperationCancelRequested => "operation.cancel_requested",
    /// Somebody ended a run that was asked to end and did not.
    OperationForceCanceled => "operation.force_canceled",
    /// Somebody ended a run that nobody seemed to work at.
    OperationReleased => "operation.released",
    /// A webhook was made.
    WebhookCreated => "webhook.created",
    /// A webhook was changed. Another URL comes with another secret.
    WebhookUpdated => "webhook.updated",
    /// Somebody asked for a message that proves that a webhook's receiver is there.
    WebhookVerificationRequested => "webhook.verification_requested",
    /// A webhook's receiver took that message.
    WebhookVerified => "webhook.verified",
    /// A webhook was switched on.
    WebhookEnabled => "webhook.enabled",
    /// A webhook was switched off, by somebody or for what its receiver did.
    WebhookDisabled => "webhook.disabled",
    /// A webhook was deleted.
    WebhookDeleted => "webhook.deleted",
    /// A webhook got another signing secret.
    WebhookSecretRotated => "webhook.secret_rotated",
    /// A delivery was queued once more.
    WebhookDeliveryReplayed => "webhook.delivery_replayed",
    /// A schedule was made.
    ScheduleCreated => "schedule.created",
    /// Somebody changed a schedule.
    ScheduleUpdated => "schedule.updated",
    /// A schedule was paused, by a person or by the system.
    SchedulePaused => "schedule.paused",
    /// Somebody resumed a schedule.
    ScheduleResumed => "schedule.resumed",
    /// A schedule was deleted.
    ScheduleDeleted => "schedule.deleted",
    /// A schedule started a run.
    ScheduleFired => "schedule.fired",
    /// A schedule left out a turn.
    ScheduleSkipped => "schedule.skipped",
}

impl AuditAction {
    /// Whether the event of this action is the one with which a run ends. Each run has exactly one. Who
    /// adds an action decides here: notifications and the invariants checker stand on it.
    pub const fn ends_a_run(self) -> bool {
        match self {
            Self::OperationBlocked
            | Self::OperationCompleted
            | Self::OperationCanceled
            | Self::OperationForceCanceled
            | Self::OperationReleased => true,
            Self::WorkspaceCreated
            | Self::EnvironmentCreated
            | Self::MemberAdded
            | Self::ConnectionCreated
            | Self::ConnectionUpdated
            | Self::ConnectionEnabled
            | Self::ConnectionDisabled
            | Self::ConnectionDefaultSwitched
            | Self::ConnectionRetargeted
            | Self::ConnectionDeleted
            | Self::ConnectionObserved
            | Self::CredentialStored
            | Self::CredentialStaged
            | Self::CredentialTried
            | Self::CredentialPromoted
            | Self::CredentialRolledBack
            | Self::CredentialDiscarded
            | Self::CredentialsRemoved
            | Self::CredentialPreviousRemoved
            | Self::CredentialExpiring
            | Self::CredentialUndecryptable
            | Self::ConsentLinkCreated
            | Self::ConsentStarted
            | Self::ConsentRecorded
            | Self::ConsentDeclined
            | Self::ConsentRejected
            | Self::OperationAccepted
            | Self::OperationStarted
            | Self::OperationRequeued
            | Self::OperationCancelRequested
            | Self::WebhookCreated
            | Self::WebhookUpdated
            | Self::WebhookVerificationRequested
            | Self::WebhookVerified
            | Self::WebhookEnabled
            | Self::WebhookDisabled
            | Self::WebhookDeleted
            | Self::WebhookSecretRotated
            | Self::WebhookDeliveryReplayed
            | Self::ScheduleCreated
            | Self::ScheduleUpdated
            | Self::SchedulePaused
            | Self::ScheduleResumed
            | Self::ScheduleDeleted
            | Self::ScheduleFired
            | Self::ScheduleSkipped => false,
        }
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// As asked.
    Success,
    /// Refused or failed.
    Failure,
}

impl AuditOutcome {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// What was changed, as it was named at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeTarget {
    /// `workspace`, `connection`, `operation_run` and so on.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Its name at that time.
    pub label: String,
}

/// Where a request came from. Empty for the system's own work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The id that the answer carries in `X-Request-Id`.
    pub request_id: Option<String>,
    /// The address of the peer.
    pub source_ip: Option<String>,
}

/// One entry of the journal, made before the write and stored with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The id of the audit event.
    pub audit_event_id: AuditEventId,
    /// The id of the outbox event.
    pub outbox_event_id: OutboxEventId,
    /// When.
    pub occurred_at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done.
    pub action: AuditAction,
    /// To what.
    pub target: ChangeTarget,
    /// How it went.
    pub outcome: AuditOutcome,
    /// From where.
    pub origin: Origin,
    /// Neutral facts for the reader. Ids, codes and counts; never a name of a person, never a
    /// secret, never a provider's text.
    pub metadata: Map<String, Value>,
}

impl Change {
    /// What the actor of `scope` does to `target` at `at`, as a success from nowhere in
    /// particular; the other methods say more.
    pub fn new(
        scope: &WorkspaceScope,
        action: AuditAction,
        target: ChangeTarget,
        at: Timestamp,
        ids: &dyn IdSource,
    ) -> Self {
        Self {
            audit_event_id: Id::next(ids),
            outbox_event_id: Id::next(ids),
            occurred_at: at,
            actor: scope.actor().clone(),
            action,
            target,
            outcome: AuditOutcome::Success,
            origin: Origin::default(),
            metadata: Map::new(),
        }
    }

    /// The same with one more neutral fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// The same, as something that was refused or failed.
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.outcome = AuditOutcome::Failure;
        self
    }

    /// The same, with where the request came from.
    #[must_use]
    pub fn from_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }
}

/// An audit event as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// When.
    pub occurred_at: Timestamp,
    /// `principal` or `system`.
    pub actor_kind: String,
    /// The principal, if one acted.
    pub actor_id: Option<PrincipalId>,
    /// The name at that time.
    pub actor_label: String,
    /// One of [`AuditAction`].
    pub action: String,
    /// `workspace`, `connection` and so on.
    pub target_kind: String,
    /// Its id.
    pub target_id: String,
    /// Its name at that time.
    pub target_label: String,
    /// `success` or `failure`.
    pub outcome: String,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// Where the request came from.
    pub source_ip: Option<String>,
    /// Neutral facts.
    pub metadata: Map<String, Value>,
}

/// Reads of the audit log.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The events of the scope, newest first.
    async fn list(&self, scope: &WorkspaceScope, page: PageRequest) -> Result<Page<AuditEvent>, StoreError>;

    /// The events about one thing, its kind and its id, that happened at one of `times`.
    async fn about(
        &self,
        scope: &WorkspaceScope,
        target: (&str, &str),
        times: &[Timestamp],
    ) -> Result<Vec<AuditEvent>, StoreError>;
}
