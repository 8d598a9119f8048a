//! Application permissions of Microsoft Graph, under the neutral keys that the product shows.
//!
//! Names and role ids: Graph page "Microsoft Graph permissions reference", data of 2026-08-07. Role
//! ids are the same in every tenant of a cloud.

mod roles;

use uuid::Uuid;

pub(crate) use self::roles::{
    ACCESS_POLICIES, APPLICATIONS, CONFIGURATION, DEVICES, DIRECTORY_ROLES, DOMAINS, ENROLLMENT, GRANTS,
    GROUPS, ORGANIZATION, REGISTERED_DEVICES, USERS,
};

/// One permission.
#[derive(Debug)]
pub struct Permission {
    requirement: &'static str,
    role: &'static str,
    role_id: Uuid,
    purpose: &'static str,
    also: &'static [&'static str],
}

impl Permission {
    /// The neutral key of the requirement that it fulfils.
    pub const fn requirement(&self) -> &'static str {
        self.requirement
    }

    /// The name of the narrowest role that shows what we read.
    pub const fn role(&self) -> &'static str {
        self.role
    }

    /// The id of that role on Graph's service principal.
    pub const fn role_id(&self) -> Uuid {
        self.role_id
    }

    /// What we need it for, in words for the customer's administrator.
    pub const fn purpose(&self) -> &'static str {
        self.purpose
    }

    /// Wider roles that do as well. We never ask for them.
    pub const fn also(&self) -> &'static [&'static str] {
        self.also
    }

    /// Whether one of `roles` grants it.
    pub fn granted_by(&self, roles: &[String]) -> bool {
        roles
            .iter()
            .any(|role| role == self.role || self.also.contains(&role.as_str()))
    }

    /// Whether an operation reads less without it. What only completes the connection check's
    /// report can be kept back without any harm.
    pub(crate) fn is_needed_by_operations(&self) -> bool {
        let needs = |operation| requirements(operation).contains(&self.requirement);
        needs(INVENTORY) || needs(COMPLIANCE)
    }
}

/// The operation types, as the core names them.
pub(crate) const CHECK: &str = "provider.connection.check";
pub(crate) const INVENTORY: &str = "inventory.sync";
pub(crate) const COMPLIANCE: &str = "compliance.snapshot";

/// The operation types that need permissions, with their words for people.
pub(crate) const OPERATIONS: [(&str, &str); 3] = [
    (CHECK, "Connection check"),
    (INVENTORY, "Inventory"),
    (COMPLIANCE, "Compliance snapshot"),
];

/// Every permission, in the order in which requirements are shown. New ones go to the end.
pub(crate) static ALL: [&Permission; 12] = [
    &ORGANIZATION,
    &USERS,
    &GROUPS,
    &DEVICES,
    &CONFIGURATION,
    &ACCESS_POLICIES,
    &REGISTERED_DEVICES,
    &DIRECTORY_ROLES,
    &DOMAINS,
    &ENROLLMENT,
    &APPLICATIONS,
    &GRANTS,
];

/// The requirement keys of an operation type, in stable order; none for an unknown one.
///
/// An operation is refused only when all of its requirements are known to be missing; with some of
/// them it reads in part. The connection check is never refused: it is how one learns what is
/// missing.
pub(crate) fn requirements(operation_type: &str) -> &'static [&'static str] {
    match operation_type {
        CHECK => &["permissions.organization_read", "permissions.grants_read"],
        INVENTORY => &[
            "permissions.organization_read",
            "permissions.users_read",
            "permissions.groups_read",
            "permissions.devices_read",
            "permissions.configuration_read",
            "permissions.access_policies_read",
            "permissions.registered_devices_read",
            "permissions.directory_roles_read",
            "permissions.domains_read",
            "permissions.enrollment_read",
            "permissions.applications_read",
        ],
        COMPLIANCE => &[
            "permissions.devices_read",
            "permissions.configuration_read",
            "permissions.access_policies_read",
        ],
        _ => &[],
    }
}
