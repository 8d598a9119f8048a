//! The directory: the organization, this client and its grants, people, groups, devices, roles,
//! domains, licences.

use super::{
    super::{
        Contract, RetryClass, Sensitivity, Shape,
        path::{ById, Path},
        permission::{CHECK, DIRECTORY_ROLES, DOMAINS, GRANTS, GROUPS, INVENTORY, REGISTERED_DEVICES, USERS},
    },
    COUNT, LIST,
};

/// The organization, always exactly one ("List organizations").
pub(crate) static ORGANIZATION_LIST: Contract = Contract {
    name: "organization.list",
    path: Path::Fixed("organization"),
    select: &[
        "id",
        "displayName",
        "tenantType",
        "countryLetterCode",
        "createdDateTime",
        "mobileDeviceManagementAuthority",
        "onPremisesSyncEnabled",
        "verifiedDomains",
    ],
    used_by: &[CHECK, INVENTORY],
    ..LIST
};

/// This client as the tenant knows it, by its application id ("Get servicePrincipal").
pub(crate) static CLIENT_BY_APP_ID: ById = ById(Contract {
    name: "servicePrincipals.getByAppId",
    path: Path::Of("servicePrincipals(appId='", "')"),
    shape: Shape::Entity,
    select: &["id"],
    kept: "`id` of this client in your tenant, not stored",
    permission: &GRANTS,
    used_by: &[CHECK],
    retry: RetryClass::Incidental,
    ..LIST
});

/// What the tenant granted to this client ("List appRoleAssignments granted to a service
/// principal"). The page documents no `$select`; a row names this client and Graph and nobody else.
pub(crate) static CLIENT_GRANTS_LIST: ById = ById(Contract {
    name: "servicePrincipals.appRoleAssignments.list",
    path: Path::Of("servicePrincipals/", "/appRoleAssignments"),
    kept: "`appRoleId`, compared and not stored",
    permission: &GRANTS,
    used_by: &[CHECK],
    cost: 2,
    retry: RetryClass::Incidental,
    ..LIST
});

/// Users ("List users").
pub(crate) static USERS_LIST: Contract = Contract {
    name: "users.list",
    path: Path::Fixed("users"),
    select: &[
        "id",
        "displayName",
        "accountEnabled",
        "userType",
        "createdDateTime",
        "onPremisesSyncEnabled",
        "assignedLicenses",
    ],
    page_size: Some(999),
    permission: &USERS,
    cost: 2,
    sensitivity: Sensitivity::Personal,
    ..LIST
};

/// How many users ("Get count of users"). What it costs is not documented: as much as the list.
pub(crate) static USERS_COUNT: Contract = Contract {
    name: "users.count",
    path: Path::Fixed("users/$count"),
    permission: &USERS,
    cost: 2,
    ..COUNT
};

/// Groups ("List groups").
pub(crate) static GROUPS_LIST: Contract = Contract {
    name: "groups.list",
    path: Path::Fixed("groups"),
    select: &[
        "id",
        "displayName",
        "createdDateTime",
        "groupTypes",
        "isAssignableToRole",
        "mailEnabled",
        "onPremisesSyncEnabled",
        "securityEnabled",
        "visibility",
    ],
    page_size: Some(999),
    permission: &GROUPS,
    ..LIST
};

/// How many groups ("Get count of groups").
pub(crate) static GROUPS_COUNT: Contract = Contract {
    name: "groups.count",
    path: Path::Fixed("groups/$count"),
    permission: &GROUPS,
    ..COUNT
};

/// Devices that the directory knows ("List devices"). When a device was last seen is left out: it
/// tells where its owner is at work, and it changes all the time.
pub(crate) static DEVICES_LIST: Contract = Contract {
    name: "devices.list",
    path: Path::Fixed("devices"),
    select: &[
        "id",
        "deviceId",
        "displayName",
        "accountEnabled",
        "deviceOwnership",
        "isCompliant",
        "isManaged",
        "managementType",
        "onPremisesSyncEnabled",
        "operatingSystem",
        "operatingSystemVersion",
        "profileType",
        "registrationDateTime",
        "trustType",
    ],
    permission: &REGISTERED_DEVICES,
    sensitivity: Sensitivity::Device,
    ..LIST
};

/// How many of them ("Get count of devices").
pub(crate) static DEVICES_COUNT: Contract = Contract {
    name: "devices.count",
    path: Path::Fixed("devices/$count"),
    permission: &REGISTERED_DEVICES,
    ..COUNT
};

/// Roles of administrators that were activated ("List directoryRoles"). The page takes no `$select`
/// and no pages; a row is a name and two ids.
pub(crate) static DIRECTORY_ROLES_LIST: Contract = Contract {
    name: "directoryRoles.list",
    path: Path::Fixed("directoryRoles"),
    kept: "`id`, `displayName`, `roleTemplateId`",
    permission: &DIRECTORY_ROLES,
    ..LIST
};

/// Domains ("List domains"). The page documents no `$select`; a row is a name and switches.
pub(crate) static DOMAINS_LIST: Contract = Contract {
    name: "domains.list",
    path: Path::Fixed("domains"),
    kept: "`id` (the name), `authenticationType`, `isAdminManaged`, `isDefault`, `isInitial`, `isRoot`, `isVerified`, `supportedServices`",
    permission: &DOMAINS,
    ..LIST
};

/// Licences that were bought ("List subscribedSkus"), without the plans in them.
pub(crate) static SUBSCRIPTIONS_LIST: Contract = Contract {
    name: "subscribedSkus.list",
    path: Path::Fixed("subscribedSkus"),
    select: &[
        "id",
        "skuId",
        "skuPartNumber",
        "capabilityStatus",
        "appliesTo",
        "consumedUnits",
        "prepaidUnits",
    ],
    cost: 3,
    ..LIST
};
