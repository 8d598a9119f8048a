//! A workspace: the outer boundary of isolation. Whoever creates one owns it.

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};

use crate::{Change, DisplayName, Membership, PrincipalKey, Slug, WorkspaceId, WorkspaceScope};

/// A customer, a team, or whatever keeps its tenants together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// For people.
    pub display_name: DisplayName,
    /// For addresses; unique in the installation.
    pub slug: Slug,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What became of a new workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertedWorkspace {
    /// It is there, and its creator is its owner.
    Inserted(Membership),
    /// Another workspace has this slug.
    SlugTaken,
}

/// Reads of workspaces.
#[async_trait]
pub trait WorkspaceLookup: Send + Sync {
    /// The workspace of the scope.
    async fn get(&self, scope: &WorkspaceScope) -> Result<Workspace, StoreError>;

    /// The workspaces of which `principal` is a member, oldest first.
    async fn of_principal(
        &self,
        principal: &PrincipalKey,
        page: PageRequest,
    ) -> Result<Page<Workspace>, StoreError>;
}

/// Writes of workspaces.
#[async_trait]
pub trait WorkspaceRepository: WorkspaceLookup {
    /// Stores a workspace and makes `owner` its first member with the role owner. The owner's
    /// principal is stored on first sight. `change` makes the journal entry from the membership.
    async fn insert(
        &mut self,
        workspace: &Workspace,
        owner: &Membership,
        change: &Change,
    ) -> Result<InsertedWorkspace, StoreError>;
}
