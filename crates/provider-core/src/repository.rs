//! How connections and their credentials are kept. Implemented by the storage adapter.

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use tenancy::{Change, EnvironmentId, WorkspaceScope};

use crate::{
    ConnectionId, ConsentState, NewCredential, ProviderConnection, ProviderKey, ReasonCode, RequirementState,
    RunId, VerificationState,
};

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

/// What a run found out about a connection. The only way to the observed axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The run.
    pub run_id: RunId,
    /// The version of the connection that it looked at. What was found out about an earlier one
    /// says nothing about the present one, and is not recorded.
    pub connection_version: i64,
    /// When it looked.
    pub at: Timestamp,
    /// The consent axis, if the run could tell.
    pub consent: Option<(ConsentState, Option<ReasonCode>)>,
    /// The verification axis, if the run looked.
    pub verification: Option<(VerificationState, Option<ReasonCode>)>,
    /// The requirements that the run looked at.
    pub requirements: Vec<(String, RequirementState)>,
    /// Whether the stored credential could be decrypted; nothing if the run did not try.
    pub credential_opened: Option<bool>,
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

    /// The connections of the scope, oldest first; of one environment if it is named.
    async fn list(
        &self,
        scope: &WorkspaceScope,
        environment: Option<EnvironmentId>,
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
}

/// Writes of connections.
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

    /// Replaces the credential of a connection that the caller read at `connection.version`.
    /// What was verified with the old one is unknown again.
    async fn put_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        change: &Change,
    ) -> Result<StoredCredential, StoreError>;

    /// Records what a run found out, if the connection is still the one that it looked at.
    async fn record_observation(
        &mut self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        observation: &Observation,
        change: &Change,
    ) -> Result<(), StoreError>;
}
