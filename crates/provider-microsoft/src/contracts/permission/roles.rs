//! The permissions themselves. Each is the narrowest role that shows what we read.

use uuid::uuid;

use super::Permission;

/// Reads `/organization`. The data names an Intune role as the least one because it mixes in the
/// Intune page of that path; for directory properties this is the narrow choice.
///
/// Reads `/subscribedSkus` as well. Its page names `LicenseAssignment.Read.All` as the least role
/// and accepts this one, so one grant serves both and the customer is asked for one thing less.
pub(crate) static ORGANIZATION: Permission = Permission {
    requirement: "permissions.organization_read",
    role: "Organization.Read.All",
    role_id: uuid!("498476ce-e0fe-48b0-b801-37ba7e2685c6"),
    purpose: "Reads the name, the country and the domains of your organization, to prove that the right tenant answers, and how many licences of which product you have.",
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

/// Reads devices that the directory knows.
pub(crate) static REGISTERED_DEVICES: Permission = Permission {
    requirement: "permissions.registered_devices_read",
    role: "Device.Read.All",
    role_id: uuid!("7438b122-aefc-4978-80ed-43db9fcc7715"),
    purpose: "Lists the devices that are registered in your directory, under management or not, with their operating system.",
    also: &[
        "Device.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
};

/// Reads activated directory roles.
pub(crate) static DIRECTORY_ROLES: Permission = Permission {
    requirement: "permissions.directory_roles_read",
    role: "RoleManagement.Read.Directory",
    role_id: uuid!("483bed4a-2ad3-4361-a73b-c83ccdbdc53c"),
    purpose: "Lists the administrative roles that are activated in your directory. Who holds them is not read.",
    also: &[
        "RoleManagement.ReadWrite.Directory",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
};

/// Reads domains.
pub(crate) static DOMAINS: Permission = Permission {
    requirement: "permissions.domains_read",
    role: "Domain.Read.All",
    role_id: uuid!("dbb9058a-0e50-45d7-ae91-66909b5d4664"),
    purpose: "Lists your domain names, whether they are verified, and how people of each domain sign in.",
    also: &["Domain.ReadWrite.All", "Directory.Read.All"],
};

/// Reads how devices are enrolled. The data also lists `DeviceManagementConfiguration.Read.All`,
/// from pages of single kinds; the page of the list does not.
pub(crate) static ENROLLMENT: Permission = Permission {
    requirement: "permissions.enrollment_read",
    role: "DeviceManagementServiceConfig.Read.All",
    role_id: uuid!("06a5fe6d-c49d-46a7-b082-56b1b14103c7"),
    purpose: "Reads the rules by which devices come under management. Changes none.",
    also: &["DeviceManagementServiceConfig.ReadWrite.All"],
};

/// Reads applications that are given to devices.
pub(crate) static APPLICATIONS: Permission = Permission {
    requirement: "permissions.applications_read",
    role: "DeviceManagementApps.Read.All",
    role_id: uuid!("7a6ee1e7-141e-4cec-ae74-d9db155731ff"),
    purpose: "Lists the applications that are offered to your devices, with their publishers. Installs nothing.",
    also: &["DeviceManagementApps.ReadWrite.All"],
};

/// Reads service principals and what was granted to them.
pub(crate) static GRANTS: Permission = Permission {
    requirement: "permissions.grants_read",
    role: "Application.Read.All",
    role_id: uuid!("9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"),
    purpose: "Reads which permissions your directory granted to this client itself, to compare them with what its sign-in shows. Optional: nothing else needs it.",
    also: &[
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
};
