//! What a role may do. One table; no other place asks for a role by name.

use crate::Role;

/// A permission of the product, named by a stable string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// See the workspace itself and its environments.
    WorkspaceView,
    /// Create and change environments.
    EnvironmentsManage,
    /// See who is a member.
    MembersView,
    /// Add members and change roles.
    MembersManage,
    /// See connections and whether they have a credential.
    ConnectionsView,
    /// Create and change connections.
    ConnectionsManage,
    /// Store and replace credentials.
    CredentialsManage,
    /// See operation runs.
    OperationsView,
    /// Start operations.
    OperationsStart,
    /// Cancel operations.
    OperationsCancel,
    /// Make and change schedules.
    SchedulesManage,
    /// End operations that were asked to end and did not.
    OperationsForceCancel,
    /// End operations that nobody seems to work at.
    OperationsRelease,
    /// See inventory and compliance snapshots.
    InventoryView,
    /// Read the audit log.
    AuditView,
    /// See webhooks and what was delivered.
    WebhooksView,
    /// Create and change webhooks.
    WebhooksManage,
}

impl Capability {
    /// Every capability, in the order of the role matrix.
    pub const ALL: [Self; 17] = [
        Self::WorkspaceView,
        Self::EnvironmentsManage,
        Self::MembersView,
        Self::MembersManage,
        Self::ConnectionsView,
        Self::ConnectionsManage,
        Self::CredentialsManage,
        Self::OperationsView,
        Self::OperationsStart,
        Self::OperationsCancel,
        Self::SchedulesManage,
        Self::OperationsForceCancel,
        Self::OperationsRelease,
        Self::InventoryView,
        Self::AuditView,
        Self::WebhooksView,
        Self::WebhooksManage,
    ];

    /// The stable string, as it stands in tokens, audit events and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WorkspaceView => "workspace.view",
            Self::EnvironmentsManage => "environments.manage",
            Self::MembersView => "members.view",
            Self::MembersManage => "members.manage",
            Self::ConnectionsView => "connections.view",
            Self::ConnectionsManage => "connections.manage",
            Self::CredentialsManage => "credentials.manage",
            Self::OperationsView => "operations.view",
            Self::OperationsStart => "operations.start",
            Self::OperationsCancel => "operations.cancel",
            Self::SchedulesManage => "schedules.manage",
            Self::OperationsForceCancel => "operations.force_cancel",
            Self::OperationsRelease => "operations.release",
            Self::InventoryView => "inventory.view",
            Self::AuditView => "audit.view",
            Self::WebhooksView => "webhooks.view",
            Self::WebhooksManage => "webhooks.manage",
        }
    }
}

impl Role {
    /// Whether this role holds `capability`.
    pub const fn holds(self, capability: Capability) -> bool {
        match capability {
            Capability::WorkspaceView
            | Capability::MembersView
            | Capability::ConnectionsView
            | Capability::OperationsView
            | Capability::InventoryView => true,
            // Whoever may start may have it started.
            Capability::OperationsStart | Capability::OperationsCancel | Capability::SchedulesManage => {
                match self {
                    Self::Owner | Self::Manager | Self::Operator => true,
                    Self::Readonly => false,
                }
            }
            Capability::EnvironmentsManage
            | Capability::ConnectionsManage
            | Capability::CredentialsManage
            | Capability::OperationsForceCancel
            | Capability::OperationsRelease
            | Capability::AuditView
            | Capability::WebhooksView
            | Capability::WebhooksManage => match self {
                Self::Owner | Self::Manager => true,
                Self::Operator | Self::Readonly => false,
            },
            Capability::MembersManage => match self {
                Self::Owner => true,
                Self::Manager | Self::Operator | Self::Readonly => false,
            },
        }
    }
}
