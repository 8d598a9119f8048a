//! Principals, and their membership of workspaces.

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Actor, Change, MemberId, PrincipalId, WorkspaceId, WorkspaceScope};

/// What a member may do, from most to least. The table is in [`crate::capability`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, members included.
    Owner,
    /// Connections, credentials, environments, operations.
    Manager,
    /// Starts and cancels operations.
    Operator,
    /// Looks.
    Readonly,
}

impl Role {
    /// Every role, from most to least.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Manager, Self::Operator, Self::Readonly];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Operator => "operator",
            Self::Readonly => "readonly",
        }
    }

    /// The role that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// How an identity provider names somebody: the issuer and the subject of a token
/// (RFC 7519, 4.1.1 and 4.1.2). Never an e-mail address: those move between people.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PrincipalKey {
    /// The `iss` claim.
    pub issuer: String,
    /// The `sub` claim.
    pub subject: String,
}

/// Somebody who can prove who he is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Our id.
    pub id: PrincipalId,
    /// The identity provider's name for it.
    pub key: PrincipalKey,
    /// For people; the subject where nothing better is known.
    pub label: String,
}

/// A principal in a workspace, as rows show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id of the membership.
    pub id: MemberId,
    /// Who.
    pub principal: Principal,
    /// With which role.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

/// The proof of membership that scopes are made of: read from the store, or made together with
/// a new workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    workspace_id: WorkspaceId,
    member: Member,
}

impl Membership {
    /// For the store that read the row, and for the founder of a workspace. Banned by lint
    /// elsewhere.
    pub const fn from_row(workspace_id: WorkspaceId, member: Member) -> Self {
        Self { workspace_id, member }
    }

    /// The workspace.
    pub const fn workspace_id(&self) -> WorkspaceId {
        self.workspace_id
    }

    /// The member.
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// The role.
    pub const fn role(&self) -> Role {
        self.member.role
    }

    /// How this member appears in the journal.
    pub fn actor(&self) -> Actor {
        Actor::Principal {
            id: self.member.principal.id,
            label: self.member.principal.label.clone(),
        }
    }
}

/// What became of a new member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedMember {
    /// The membership is there.
    Added(MemberId),
    /// The principal is a member already.
    AlreadyMember,
}

/// Reads of members.
#[async_trait]
pub trait MemberLookup: Send + Sync {
    /// The membership of `principal` in the workspace. This is how scopes begin, so it is the
    /// one finder that takes no scope.
    async fn membership(
        &self,
        principal: &PrincipalKey,
        workspace_id: WorkspaceId,
    ) -> Result<Option<Membership>, StoreError>;

    /// The membership of a principal in the scope: what the system acts by when it acts in
    /// somebody's name.
    async fn membership_of(
        &self,
        scope: &WorkspaceScope,
        principal: PrincipalId,
    ) -> Result<Option<Membership>, StoreError>;

    /// The members of the scope, oldest first.
    async fn list(&self, scope: &WorkspaceScope, page: PageRequest) -> Result<Page<Member>, StoreError>;

    /// The present role of a principal in the scope; what a run's initiator is checked against.
    async fn role_of(
        &self,
        scope: &WorkspaceScope,
        principal: PrincipalId,
    ) -> Result<Option<Role>, StoreError>;
}

/// Writes of members.
#[async_trait]
pub trait MemberRepository: MemberLookup {
    /// Stores a new member; the principal is stored on first sight.
    async fn add(
        &mut self,
        scope: &WorkspaceScope,
        member: &Member,
        change: &Change,
    ) -> Result<AddedMember, StoreError>;
}
