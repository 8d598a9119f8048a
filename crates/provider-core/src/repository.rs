//! How connections and their credentials are kept. Implemented by the storage adapter.

mod filter;

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use tenancy::{Change, DisplayName, EnvironmentId, WorkspaceScope};

use crate::{
    ConnectionId, ConsentState, CredentialId, CredentialSummary, CredentialTrial, HistoryEntryId,
    NewCredential, ProviderConnection, ProviderKey, ReasonCode, RequirementState, RunId, Tags,
    VerificationState,
};

pub use filter::{ConnectionFilter, PlatformRealm, SummaryFilter};

/// What became of a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertedConnection {
    /// It is there, as the default one or not.
    Inserted {
        /// Whether it became the default of its environment and provider.
        is_default: bool,
    },
    /// The environment has a connection to this target already.
    DuplicateTarget(ConnectionId),
}

/// What became of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredCredential {
    /// It is there, with this version.
    Stored {
        /// Counts the credentials of the connection, from 1.
        version: i64,
    },
    /// The connection was changed after the caller read it.
    VersionMismatch,
}

/// What became of a change of a connection that the caller read earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It is done.
    Done,
    /// The connection was changed or deleted after the caller read it: nothing was written.
    VersionMismatch,
}

/// What became of a connection that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Deleted {
    /// It is gone, and its credentials, items and tags with it.
    Done,
    /// It was changed or deleted after the caller read it.
    VersionMismatch,
    /// It is the default and others exist: one of them must become the default first.
    OthersNeedADefault,
}

/// What became of a connection that was to get another identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Retargeted {
    /// It is done.
    Done,
    /// It was changed or deleted after the caller read it.
    VersionMismatch,
    /// The environment has a connection to this target already.
    DuplicateTarget(ConnectionId),
}

/// What a caller changes about a connection without touching its identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionPatch {
    /// Its new name.
    pub display_name: Option<DisplayName>,
    /// The new name of its target.
    pub scope_display_name: Option<DisplayName>,
    /// All its tags.
    pub tags: Option<Tags>,
}

/// What is known of one requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementRow {
    /// Its key.
    pub key: String,
    /// Whether it is met.
    pub state: RequirementState,
    /// When a run last looked.
    pub checked_at: Timestamp,
    /// Which run.
    pub run_id: RunId,
}

/// A change of an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its id.
    pub id: HistoryEntryId,
    /// `consent` or `verification`.
    pub axis: String,
    /// The state before.
    pub from_state: String,
    /// The state after.
    pub to_state: String,
    /// Why.
    pub reason: Option<ReasonCode>,
    /// The run that found it; nothing when a caller caused it.
    pub run_id: Option<RunId>,
    /// When.
    pub occurred_at: Timestamp,
}

/// A stored credential in the calendar of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEntry {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Its environment.
    pub environment_id: EnvironmentId,
    /// Its name.
    pub connection_name: DisplayName,
    /// The credential.
    pub credential: CredentialSummary,
}

/// What a run found out about a connection. The only way to the observed axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The run.
    pub run_id: RunId,
    /// The identity version of the connection that it looked at. What was found out about an
    /// earlier one says nothing about the present one, and is not recorded.
    pub identity_version: i64,
    /// When it looked.
    pub at: Timestamp,
    /// The consent axis, if the run could tell.
    pub consent: Option<(ConsentState, Option<ReasonCode>)>,
    /// The verification axis, if the run looked.
    pub verification: Option<(VerificationState, Option<ReasonCode>)>,
    /// When the run looks again, if it waits for the provider.
    pub next_at: Option<Timestamp>,
    /// The requirements that the run looked at.
    pub requirements: Vec<(String, RequirementState)>,
    /// Whether the stored credential could be decrypted; nothing if the run did not try.
    pub credential_opened: Option<bool>,
    /// When the hint of consent was given that the run went by. A newer one is not its to judge.
    pub hint_at: Option<Timestamp>,
}

/// Whether an observation was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is.
    Done,
    /// The connection is no longer the one that the run looked at.
    Outdated,
}

/// Reads of connections.
#[async_trait]
pub trait ConnectionLookup: Send + Sync {
    /// The connection, if it lies in the scope.
    async fn find(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
    ) -> Result<Option<ProviderConnection>, StoreError>;

    /// The connections of the scope, oldest first, in a constant number of statements.
    async fn list(
        &self,
        scope: &WorkspaceScope,
        filter: &ConnectionFilter,
        page: PageRequest,
    ) -> Result<Page<ProviderConnection>, StoreError>;

    /// The default connections of an environment: none, one, or, after a corruption that the
    /// caller must refuse to work with, several.
    async fn defaults(
        &self,
        scope: &WorkspaceScope,
        environment: EnvironmentId,
        provider: &ProviderKey,
    ) -> Result<Vec<ProviderConnection>, StoreError>;

    /// What is known of a connection's requirements, by key.
    async fn requirements(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
    ) -> Result<Vec<RequirementRow>, StoreError>;

    /// How the axes of a connection changed, newest first.
    async fn history(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        page: PageRequest,
    ) -> Result<Page<HistoryEntry>, StoreError>;

    /// The stored credentials of the scope, those that end first at the beginning and those whose
    /// end nobody knows at the end.
    async fn calendar(
        &self,
        scope: &WorkspaceScope,
        page: PageRequest,
    ) -> Result<Page<CalendarEntry>, StoreError>;
}

/// Writes of connections. `connection` is always the connection as the caller read it: a change
/// arrives only if its version is still the same.
#[async_trait]
pub trait ConnectionRepository: ConnectionLookup {
    /// Stores a new connection, with its credential if there is one. It becomes the default if
    /// its environment and provider have none yet; that is decided by the store.
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: Option<NewCredential>,
        change: &Change,
    ) -> Result<InsertedConnection, StoreError>;

    /// Changes names and tags.
    async fn update(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        patch: &ConnectionPatch,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Switches it on or off. What is known about it stays as it is.
    async fn set_enabled(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        enabled: bool,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Makes it the default of its environment and provider in place of the present one, which is
    /// named in the journal as `previous_connection_id`.
    async fn make_default(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Deletes it, with its credentials, tags, requirements, history and items. Runs, snapshots
    /// and audit events stay. Active runs must have been ended before, in the same unit of work.
    async fn delete(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
        change: &Change,
    ) -> Result<Deleted, StoreError>;

    /// Gives it the target, realm, type and client of `changed`, with a new credential or with
    /// none. Its old credentials are gone, what was known is unknown, and the items and snapshots
    /// of another target are gone too.
    async fn retarget(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        changed: &ProviderConnection,
        credential: Option<NewCredential>,
        change: &Change,
    ) -> Result<Retargeted, StoreError>;

    /// Replaces the current credential. What was verified with the old one is unknown again, and
    /// a next or previous one is gone.
    async fn put_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        change: &Change,
    ) -> Result<StoredCredential, StoreError>;

    /// Stores the next credential, in place of another next one.
    async fn stage_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        change: &Change,
    ) -> Result<StoredCredential, StoreError>;

    /// Makes the next credential the current one; the current one is kept as the previous one
    /// until `keep_until`.
    async fn promote_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        keep_until: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Puts the previous credential back; the current one becomes the previous one.
    async fn roll_back_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        keep_until: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Forgets the next credential.
    async fn discard_next_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Forgets all credentials. What was verified is unknown again.
    async fn remove_credentials(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Records what a run found out, if the connection is still the one that it looked at.
    async fn record_observation(
        &mut self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        observation: &Observation,
        change: &Change,
    ) -> Result<Recorded, StoreError>;

    /// The platform's client proved itself at the target of `connection`: the target belongs to
    /// this workspace from now on, unless another one was first. `false` then; whoever hears it
    /// must not be told why.
    async fn claim_platform_target(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Whether the target of a platform connection belongs to this workspace or to none.
    async fn platform_target_is_open(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<bool, StoreError>;

    /// Records what a check with the next credential found, if that credential is still there.
    async fn record_trial(
        &mut self,
        scope: &WorkspaceScope,
        credential: CredentialId,
        trial: &CredentialTrial,
        change: &Change,
    ) -> Result<(), StoreError>;
}

/// What the upkeep of connections goes by.
#[derive(Debug, Clone)]
pub struct UpkeepSettings {
    /// How many days before its end a credential is announced, each once.
    pub notice_days: Vec<u16>,
}

impl Default for UpkeepSettings {
    fn default() -> Self {
        Self {
            notice_days: vec![30, 14, 7, 1],
        }
    }
}

/// What an upkeep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpkeepReport {
    /// Previous credentials that were removed, their time being over.
    pub removed: u64,
    /// Ends of credentials that were announced.
    pub announced: u64,
}

/// The work on connections that nobody asks for. Safe to run in many processes: each entry is
/// written once.
#[async_trait]
pub trait ConnectionUpkeep: Send + Sync {
    /// Removes previous credentials whose time is over, and announces ends that come near.
    async fn upkeep(&self, settings: &UpkeepSettings) -> Result<UpkeepReport, StoreError>;
}
