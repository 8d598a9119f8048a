//! Permissions as types, so that a handler's signature says what its caller must be able to do.

use tenancy::Capability;

/// A capability in a type.
pub(crate) trait Permission: 'static {
    /// What the caller's role must hold.
    const CAPABILITY: Capability;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident => $capability:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Permission for $name {
            const CAPABILITY: Capability = Capability::$capability;
        }
    )*};
}

permissions! {
    /// See the workspace and its environments.
    ViewWorkspace => WorkspaceView;
    /// Create environments.
    ManageEnvironments => EnvironmentsManage;
    /// See members.
    ViewMembers => MembersView;
    /// Add members.
    ManageMembers => MembersManage;
    /// See connections.
    ViewConnections => ConnectionsView;
    /// Create connections.
    ManageConnections => ConnectionsManage;
    /// Store credentials.
    ManageCredentials => CredentialsManage;
    /// See runs.
    ViewOperations => OperationsView;
    /// Start runs.
    StartOperations => OperationsStart;
    /// Cancel runs.
    CancelOperations => OperationsCancel;
    /// Make and change schedules.
    ManageSchedules => SchedulesManage;
    /// Force runs to their end.
    ForceCancelOperations => OperationsForceCancel;
    /// Release stuck runs.
    ReleaseOperations => OperationsRelease;
    /// See inventory and compliance.
    ViewInventory => InventoryView;
    /// Read the audit log.
    ViewAudit => AuditView;
    /// See webhooks and deliveries.
    ViewWebhooks => WebhooksView;
    /// Create and change webhooks.
    ManageWebhooks => WebhooksManage;
}
