//! Workspaces, environments and members as callers see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tenancy::{Capability, Environment, Member, Principal, PrincipalKey, Role, Workspace};
use utoipa::ToSchema;
use uuid::Uuid;

use super::list_views;

/// A workspace: the outer boundary of isolation.
#[derive(Serialize, ToSchema)]
#[schema(as = Workspace)]
pub(crate) struct WorkspaceView {
    /// Its id.
    id: Uuid,
    /// For people.
    #[schema(example = "Northwind")]
    display_name: String,
    /// For addresses; unique in the installation.
    #[schema(example = "northwind")]
    slug: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// The caller's role: `owner`, `manager`, `operator` or `readonly`; on the single workspace
    /// only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, example = "operator")]
    role: Option<&'static str>,
    /// What the role holds; on the single workspace only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, example = json!(["workspace.view"]))]
    capabilities: Option<Vec<&'static str>>,
}

/// A managed environment: what a workspace looks after.
#[derive(Serialize, ToSchema)]
#[schema(as = Environment)]
pub(crate) struct EnvironmentView {
    /// Its id.
    id: Uuid,
    /// The workspace around it.
    workspace_id: Uuid,
    /// For people.
    #[schema(example = "Production")]
    display_name: String,
    /// For addresses; unique in the workspace.
    #[schema(example = "production")]
    slug: String,
    /// When it was made.
    created_at: DateTime<Utc>,
}

/// A principal's membership of a workspace.
#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberView {
    /// The id of the membership.
    id: Uuid,
    /// The id of the principal.
    principal_id: Uuid,
    /// The `iss` claim of the principal's tokens.
    issuer: String,
    /// The `sub` claim of the principal's tokens.
    subject: String,
    /// For people.
    label: String,
    /// `owner`, `manager`, `operator` or `readonly`.
    #[schema(example = "operator")]
    role: &'static str,
    /// Since when.
    created_at: DateTime<Utc>,
}

list_views! {
    /// Workspaces, oldest first.
    WorkspaceList of WorkspaceView;
    /// Environments, oldest first.
    EnvironmentList of EnvironmentView;
    /// Members, oldest first.
    MemberList of MemberView;
}

impl From<Workspace> for WorkspaceView {
    fn from(workspace: Workspace) -> Self {
        let Workspace {
            id,
            display_name,
            slug,
            created_at,
        } = workspace;
        Self {
            id: id.as_uuid(),
            display_name: display_name.into(),
            slug: slug.into(),
            created_at,
            role: None,
            capabilities: None,
        }
    }
}

impl WorkspaceView {
    /// The same for a caller of this role.
    #[must_use]
    pub(crate) fn seen_as(mut self, role: Role) -> Self {
        let held = Capability::ALL
            .into_iter()
            .filter(|capability| role.holds(*capability));
        self.role = Some(role.as_str());
        self.capabilities = Some(held.map(Capability::as_str).collect());
        self
    }
}

impl From<Environment> for EnvironmentView {
    fn from(environment: Environment) -> Self {
        let Environment {
            workspace_id,
            id,
            display_name,
            slug,
            created_at,
        } = environment;
        Self {
            id: id.as_uuid(),
            workspace_id: workspace_id.as_uuid(),
            display_name: display_name.into(),
            slug: slug.into(),
            created_at,
        }
    }
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let Member {
            id,
            principal,
            role,
            created_at,
        } = member;
        let Principal {
            id: principal_id,
            key: PrincipalKey { issuer, subject },
            label,
        } = principal;
        Self {
            id: id.as_uuid(),
            principal_id: principal_id.as_uuid(),
            issuer,
            subject,
            label,
            role: role.as_str(),
            created_at,
        }
    }
}
