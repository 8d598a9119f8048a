//! The rows. Paths and options from the list and get pages of the Graph v1.0 reference; what is
//! selected leaves out everything that names, locates or reaches a person or a piece of hardware,
//! except the display name.
//!
//! `$top` stands only where a page documents its largest value (users, groups).

use super::permission::{ACCESS_POLICIES, CONFIGURATION, DEVICES, GROUPS, ORGANIZATION, USERS};
use super::{ApiVersion, Contract, Licence, RetryClass, Sensitivity, Shape, ThrottleClass};

/// What rows have in common.
const LIST: Contract = Contract {
    name: "",
    version: ApiVersion::V1,
    path: "",
    shape: Shape::List,
    select: &[],
    expand: None,
    page_size: None,
    permission: &ORGANIZATION,
    throttle: ThrottleClass::Directory,
    retry: RetryClass::Patient,
    sensitivity: Sensitivity::Configuration,
    licence: Licence::Any,
};

const INTUNE: Contract = Contract {
    permission: &CONFIGURATION,
    throttle: ThrottleClass::IntuneOther,
    licence: Licence::Intune,
    ..LIST
};

const COUNT: Contract = Contract {
    shape: Shape::Count,
    retry: RetryClass::Brief,
    sensitivity: Sensitivity::Count,
    ..LIST
};

/// The organization, always exactly one ("List organizations").
pub(crate) static ORGANIZATION_LIST: Contract = Contract {
    name: "organization.list",
    path: "organization",
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
    ..LIST
};

/// Users ("List users").
pub(crate) static USERS_LIST: Contract = Contract {
    name: "users.list",
    path: "users",
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
    sensitivity: Sensitivity::Personal,
    ..LIST
};

/// How many users ("Get count of users").
pub(crate) static USERS_COUNT: Contract = Contract {
    name: "users.count",
    path: "users/$count",
    permission: &USERS,
    ..COUNT
};

/// Groups ("List groups").
pub(crate) static GROUPS_LIST: Contract = Contract {
    name: "groups.list",
    path: "groups",
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
    path: "groups/$count",
    permission: &GROUPS,
    ..COUNT
};

/// Devices under management ("List managedDevices").
pub(crate) static MANAGED_DEVICES_LIST: Contract = Contract {
    name: "managedDevices.list",
    path: "deviceManagement/managedDevices",
    select: &[
        "id",
        "deviceName",
        "complianceState",
        "operatingSystem",
        "osVersion",
        "managedDeviceOwnerType",
        "managementAgent",
        "isEncrypted",
        "enrolledDateTime",
        "complianceGracePeriodExpirationDateTime",
        "azureADDeviceId",
        "deviceEnrollmentType",
    ],
    permission: &DEVICES,
    throttle: ThrottleClass::IntuneDevices,
    sensitivity: Sensitivity::Device,
    ..INTUNE
};

/// How many devices ("Get managedDeviceOverview").
pub(crate) static MANAGED_DEVICE_OVERVIEW: Contract = Contract {
    name: "managedDeviceOverview.get",
    path: "deviceManagement/managedDeviceOverview",
    shape: Shape::Entity,
    permission: &DEVICES,
    throttle: ThrottleClass::IntuneDevices,
    retry: RetryClass::Brief,
    sensitivity: Sensitivity::Count,
    ..INTUNE
};

/// Policies that configure devices ("List deviceConfigurations"); the type names the kind.
pub(crate) static DEVICE_CONFIGURATIONS_LIST: Contract = Contract {
    name: "deviceConfigurations.list",
    path: "deviceManagement/deviceConfigurations",
    select: &[
        "id",
        "displayName",
        "createdDateTime",
        "lastModifiedDateTime",
        "version",
    ],
    ..INTUNE
};

/// Policies that say when a device complies ("List deviceCompliancePolicies").
pub(crate) static COMPLIANCE_POLICIES_LIST: Contract = Contract {
    name: "deviceCompliancePolicies.list",
    path: "deviceManagement/deviceCompliancePolicies",
    select: &[
        "id",
        "displayName",
        "createdDateTime",
        "lastModifiedDateTime",
        "version",
    ],
    expand: Some("assignments"),
    ..INTUNE
};

/// How devices comply, in numbers ("Get deviceCompliancePolicyDeviceStateSummary").
pub(crate) static COMPLIANCE_SUMMARY: Contract = Contract {
    name: "deviceCompliancePolicyDeviceStateSummary.get",
    path: "deviceManagement/deviceCompliancePolicyDeviceStateSummary",
    shape: Shape::Entity,
    sensitivity: Sensitivity::Count,
    ..INTUNE
};

/// Policies that say who may sign in ("List conditionalAccessPolicies").
pub(crate) static ACCESS_POLICIES_LIST: Contract = Contract {
    name: "conditionalAccess.policies.list",
    path: "identity/conditionalAccess/policies",
    select: &[
        "id",
        "displayName",
        "state",
        "createdDateTime",
        "modifiedDateTime",
        "grantControls",
    ],
    permission: &ACCESS_POLICIES,
    throttle: ThrottleClass::ConditionalAccess,
    licence: Licence::EntraP1,
    ..LIST
};

/// Every call that can be made.
pub static ALL: [&Contract; 11] = [
    &ORGANIZATION_LIST,
    &USERS_LIST,
    &USERS_COUNT,
    &GROUPS_LIST,
    &GROUPS_COUNT,
    &MANAGED_DEVICES_LIST,
    &MANAGED_DEVICE_OVERVIEW,
    &DEVICE_CONFIGURATIONS_LIST,
    &COMPLIANCE_POLICIES_LIST,
    &COMPLIANCE_SUMMARY,
    &ACCESS_POLICIES_LIST,
];
