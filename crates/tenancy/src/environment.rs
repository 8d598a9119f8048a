//! Managed environments: what a workspace looks after. Neutral; a provider's ids live on
//! connections, never here.

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};

use crate::{Change, DisplayName, EnvironmentId, Slug, WorkspaceId, WorkspaceScope};

/// One managed environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The workspace around it.
    pub workspace_id: WorkspaceId,
    /// Its id.
    pub id: EnvironmentId,
    /// For people.
    pub display_name: DisplayName,
    /// For addresses; unique in the workspace.
    pub slug: Slug,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What became of a new environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertedEnvironment {
    /// It is there.
    Inserted,
    /// Another environment of the workspace has this slug.
    SlugTaken,
}

/// Reads of environments.
#[async_trait]
pub trait EnvironmentLookup: Send + Sync {
    /// The environment, if it lies in the scope.
    async fn find(
        &self,
        scope: &WorkspaceScope,
        id: EnvironmentId,
    ) -> Result<Option<Environment>, StoreError>;

    /// The environments of the scope, oldest first.
    async fn list(&self, scope: &WorkspaceScope, page: PageRequest) -> Result<Page<Environment>, StoreError>;
}

/// Writes of environments.
#[async_trait]
pub trait EnvironmentRepository: EnvironmentLookup {
    /// Stores a new environment.
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        environment: &Environment,
        change: &Change,
    ) -> Result<InsertedEnvironment, StoreError>;
}
