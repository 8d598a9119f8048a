//! The endpoints: one row a call. Roles from the permissions reference, page sizes from the list pages of the
//! Microsoft Graph documentation; where no size is documented, 1,000 for Intune and 100 for the directory.

use super::endpoint::{Children, Endpoint, Paging, Service};
use crate::population::{access, apps, devices, people, policies, principals, tenant};

/// What directory lists have in common.
const DIRECTORY: Endpoint = Endpoint {
    beta: false,
    path: "",
    entity: "",
    service: Service::Directory,
    roles: &[],
    paging: Paging::Pages(100, 999),
    advanced: false,
    counts_page: false,
    declared: &[],
    absent: &[],
    defaults: &[],
    children: None,
    len: tenant::one,
    id: |world, index| world.id("", index),
    make: tenant::organization,
};

/// What Intune lists have in common.
const INTUNE: Endpoint = Endpoint {
    service: Service::Intune,
    paging: Paging::Pages(1000, 1000),
    ..DIRECTORY
};

const CONDITIONAL_ACCESS: Endpoint = Endpoint {
    service: Service::ConditionalAccess,
    roles: &["Policy.Read.All"],
    ..DIRECTORY
};

const CONFIGURATION_ROLES: &[&str] = &[
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
];
const DEVICE_ROLES: &[&str] = &[
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
];
const SERVICE_ROLES: &[&str] = &[
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
];
const APP_ROLES: &[&str] = &[
    "DeviceManagementApps.Read.All",
    "DeviceManagementApps.ReadWrite.All",
];
const ANY_INTUNE: &[&str] = &[
    "DeviceManagementApps.Read.All",
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementRBAC.Read.All",
    "DeviceManagementServiceConfig.Read.All",
];

/// Properties of the abstract policy types; the kinds below them have more.
const POLICY: &[&str] = &[
    "createdDateTime",
    "description",
    "displayName",
    "id",
    "lastModifiedDateTime",
    "version",
];

pub(super) static ENDPOINTS: [Endpoint; 19] = [
    Endpoint {
        path: "organization",
        entity: "organization",
        roles: &[
            "Organization.Read.All",
            "Directory.Read.All",
            "Organization.ReadWrite.All",
        ],
        paging: Paging::Whole,
        absent: &[
            "marketingNotificationEmails",
            "privacyProfile",
            "provisionedPlans",
        ],
        id: |world, _| world.tenant.tenant_id.to_string(),
        ..DIRECTORY
    },
    Endpoint {
        path: "users",
        entity: "user",
        roles: &[
            "User.Read.All",
            "Directory.Read.All",
            "User.ReadWrite.All",
            "Directory.ReadWrite.All",
        ],
        advanced: true,
        absent: &[
            "city",
            "companyName",
            "country",
            "deletedDateTime",
            "employeeId",
            "employeeType",
            "faxNumber",
        ],
        defaults: people::USER_DEFAULTS,
        len: |world| world.tenant.users,
        id: |world, index| world.id(people::USERS, index),
        make: people::user,
        ..DIRECTORY
    },
    Endpoint {
        path: "groups",
        entity: "group",
        roles: &[
            "GroupMember.Read.All",
            "Group.Read.All",
            "Group.ReadBasic.All",
            "Directory.Read.All",
        ],
        advanced: true,
        absent: &[
            "assignedLabels",
            "assignedLicenses",
            "securityIdentifier",
            "uniqueName",
        ],
        len: |world| world.tenant.groups,
        id: |world, index| world.id(people::GROUPS, index),
        make: people::group,
        ..DIRECTORY
    },
    Endpoint {
        path: "devices",
        entity: "device",
        roles: &["Device.Read.All", "Directory.Read.All", "Device.ReadWrite.All"],
        advanced: true,
        absent: &[
            "complianceExpirationDateTime",
            "deviceCategory",
            "enrollmentProfileName",
            "mdmAppId",
        ],
        len: |world| world.tenant.devices,
        id: |world, index| world.id(devices::DEVICES, index),
        make: devices::directory_device,
        ..DIRECTORY
    },
    Endpoint {
        path: "directoryRoles",
        entity: "directoryRole",
        roles: &["RoleManagement.Read.Directory", "Directory.Read.All"],
        paging: Paging::Whole,
        len: tenant::role_count,
        id: |world, index| world.id("directoryRoles", index),
        make: tenant::role,
        ..DIRECTORY
    },
    Endpoint {
        path: "domains",
        entity: "domain",
        roles: &["Domain.Read.All", "Directory.Read.All", "Domain.ReadWrite.All"],
        paging: Paging::Whole,
        len: tenant::domain_count,
        id: tenant::domain_name,
        make: tenant::domain,
        ..DIRECTORY
    },
    Endpoint {
        path: "subscribedSkus",
        entity: "subscribedSku",
        roles: &[
            "LicenseAssignment.Read.All",
            "Organization.Read.All",
            "Directory.Read.All",
        ],
        paging: Paging::Whole,
        len: tenant::sku_count,
        id: tenant::sku_key,
        make: tenant::sku,
        ..DIRECTORY
    },
    Endpoint {
        path: "servicePrincipals",
        entity: "servicePrincipal",
        roles: &[
            "Application.Read.All",
            "Directory.Read.All",
            "Application.ReadWrite.All",
        ],
        advanced: true,
        absent: &[
            "appDescription",
            "description",
            "isDisabled",
            "notes",
            "verifiedPublisher",
        ],
        children: Some(Children {
            segment: "appRoleAssignments",
            expandable: false,
            rows: principals::role_assignments,
        }),
        len: principals::count,
        id: principals::id,
        make: principals::principal,
        ..DIRECTORY
    },
    Endpoint {
        path: "identity/conditionalAccess/policies",
        entity: "conditionalAccessPolicy",
        absent: &["deletedDateTime", "description"],
        len: |world| world.tenant.conditional_access_policies,
        id: |world, index| world.id(access::POLICIES, index),
        make: access::policy,
        ..CONDITIONAL_ACCESS
    },
    Endpoint {
        path: "identity/conditionalAccess/namedLocations",
        entity: "namedLocation",
        declared: &["createdDateTime", "displayName", "id", "modifiedDateTime"],
        len: access::location_count,
        id: |world, index| world.id(access::LOCATIONS, index),
        make: access::location,
        ..CONDITIONAL_ACCESS
    },
    Endpoint {
        path: "deviceManagement",
        entity: "deviceManagement",
        roles: ANY_INTUNE,
        paging: Paging::Single,
        absent: &["deviceProtectionOverview", "intuneBrand", "settings"],
        make: tenant::device_management,
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/deviceConfigurations",
        entity: "deviceConfiguration",
        roles: CONFIGURATION_ROLES,
        declared: POLICY,
        children: Some(Children {
            segment: "assignments",
            expandable: true,
            rows: policies::configuration_assignments,
        }),
        len: |world| world.tenant.policies,
        id: |world, index| world.id(policies::CONFIGURATIONS, index),
        make: policies::configuration,
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/deviceCompliancePolicies",
        entity: "deviceCompliancePolicy",
        roles: CONFIGURATION_ROLES,
        declared: POLICY,
        children: Some(Children {
            segment: "assignments",
            expandable: true,
            rows: policies::compliance_assignments,
        }),
        len: |world| world.tenant.compliance_policies,
        id: |world, index| world.id(policies::COMPLIANCE, index),
        make: policies::compliance,
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/deviceCompliancePolicyDeviceStateSummary",
        entity: "deviceCompliancePolicyDeviceStateSummary",
        roles: CONFIGURATION_ROLES,
        paging: Paging::Single,
        make: devices::compliance_summary,
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/managedDevices",
        entity: "managedDevice",
        roles: DEVICE_ROLES,
        counts_page: true,
        absent: &[
            "androidSecurityPatchLevel",
            "deviceHealthAttestationState",
            "easDeviceId",
            "enrollmentProfileName",
        ],
        len: |world| world.tenant.devices,
        id: |world, index| world.id(devices::MANAGED, index),
        make: devices::managed,
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/managedDeviceOverview",
        entity: "managedDeviceOverview",
        roles: DEVICE_ROLES,
        paging: Paging::Single,
        make: devices::overview,
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/deviceEnrollmentConfigurations",
        entity: "deviceEnrollmentConfiguration",
        roles: SERVICE_ROLES,
        declared: &[
            "createdDateTime",
            "description",
            "displayName",
            "id",
            "lastModifiedDateTime",
            "priority",
            "version",
        ],
        len: apps::enrollment_count,
        id: apps::enrollment_id,
        make: apps::enrollment,
        ..INTUNE
    },
    Endpoint {
        path: "deviceAppManagement/mobileApps",
        entity: "mobileApp",
        roles: APP_ROLES,
        len: apps::mobile_app_count,
        id: |world, index| world.id(apps::MOBILE_APPS, index),
        make: apps::mobile_app,
        ..INTUNE
    },
    Endpoint {
        beta: true,
        path: "deviceManagement/configurationPolicies",
        entity: "deviceManagementConfigurationPolicy",
        roles: CONFIGURATION_ROLES,
        children: Some(Children {
            segment: "assignments",
            expandable: true,
            rows: policies::settings_catalog_assignments,
        }),
        len: |world| world.tenant.policies,
        id: |world, index| world.id(policies::SETTINGS_CATALOG, index),
        make: policies::settings_catalog,
        ..INTUNE
    },
];
