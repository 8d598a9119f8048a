//! Application permissions of Microsoft Graph, under the neutral keys that the product shows.
//!
//! Names and role ids: Graph page "Microsoft Graph permissions reference", data of 2026-08. Role
//! ids are the same in every tenant of a cloud.

use uuid::{Uuid, uuid};

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
}

/// Reads `/organization`. The data names an Intune role as the least one because it mixes in the
/// Intune page of that path; for directory properties this is the narrow choice.
pub(crate) static ORGANIZATION: Permission = Permission {
    requirement: "permissions.organization_read",
    role: "Organization.Read.All",
    role_id: uuid!("498476ce-e0fe-48b0-b801-37ba7e2685c6"),
    purpose: "Reads the name, the country and the domains of your organization, to prove that the right tenant answers.",
    also: &[
        "Organization.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
};

/// Reads users. `User.ReadBasic.All` is less, but hides whether an account is enabled.
pub(crate) static USERS: Permission = Permission {
    requirement: "permissions.users_read",
    role: "User.Read.All",
    role_id: uuid!("df021288-bdef-4463-88db-98f22de89214"),
    purpose: "Lists the accounts of your directory with their names, kinds and licences, and whether they are enabled.",
    also: &[
        "User.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
};

/// Reads groups.
pub(crate) static GROUPS: Permission = Permission {
    requirement: "permissions.groups_read",
    role: "GroupMember.Read.All",
    role_id: uuid!("98830695-27a2-44f7-8c18-0c3ebc9698f6"),
    purpose: "Lists the groups of your directory with their names and kinds. Changes no membership.",
    also: &[
        "Group.Read.All",
        "Group.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
};

/// Reads managed devices.
pub(crate) static DEVICES: Permission = Permission {
    requirement: "permissions.devices_read",
    role: "DeviceManagementManagedDevices.Read.All",
    role_id: uuid!("2f51be20-0bb4-4fed-bf7b-db946066c75e"),
    purpose: "Lists managed devices with their operating system, encryption and state of compliance.",
    also: &["DeviceManagementManagedDevices.ReadWrite.All"],
};

/// Reads policies of Intune.
pub(crate) static CONFIGURATION: Permission = Permission {
    requirement: "permissions.configuration_read",
    role: "DeviceManagementConfiguration.Read.All",
    role_id: uuid!("dc377aa6-52d8-4e23-b271-2a7ae04cedf3"),
    purpose: "Reads the configuration and compliance policies of your devices. Changes none.",
    also: &["DeviceManagementConfiguration.ReadWrite.All"],
};

/// Reads conditional access policies. `Policy.Read.ConditionalAccess` does not cover them.
pub(crate) static ACCESS_POLICIES: Permission = Permission {
    requirement: "permissions.access_policies_read",
    role: "Policy.Read.All",
    role_id: uuid!("246dd0d5-5bd0-4def-940b-0421030a5b68"),
    purpose: "Reads conditional access policies, to show which rules guard a sign-in. Changes none.",
    also: &[],
};

/// Every permission, in the order in which requirements are shown.
pub(crate) static ALL: [&Permission; 6] = [
    &ORGANIZATION,
    &USERS,
    &GROUPS,
    &DEVICES,
    &CONFIGURATION,
    &ACCESS_POLICIES,
];

/// The requirement keys of an operation type, in stable order; none for an unknown one.
pub(crate) fn requirements(operation_type: &str) -> &'static [&'static str] {
    match operation_type {
        "inventory.sync" => &[
            "permissions.organization_read",
            "permissions.users_read",
            "permissions.groups_read",
            "permissions.devices_read",
            "permissions.configuration_read",
            "permissions.access_policies_read",
        ],
        "compliance.snapshot" => &[
            "permissions.devices_read",
            "permissions.configuration_read",
            "permissions.access_policies_read",
        ],
        _ => &[],
    }
}
