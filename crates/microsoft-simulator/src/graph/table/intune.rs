//! The endpoints of Intune.

use super::{DIRECTORY, absent};
use crate::graph::endpoint::{Children, Endpoint, Keys, Paging, Rows, Service};
use crate::graph::filter::Op;
use crate::population::{apps, devices, overview, policies, tenant};

/// What Intune lists have in common.
const INTUNE: Endpoint = Endpoint {
    service: Service::Intune,
    paging: Paging::Pages(1000, 1000),
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

pub(super) static ENDPOINTS: [Endpoint; 9] = [
    Endpoint {
        path: "deviceManagement",
        entity: "deviceManagement",
        roles: ANY_INTUNE,
        paging: Paging::Single,
        absent: &["deviceProtectionOverview", "intuneBrand", "settings"],
        rows: Rows::Objects(tenant::device_management),
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/deviceConfigurations",
        entity: "deviceConfiguration",
        roles: CONFIGURATION_ROLES,
        declared: POLICY,
        children: &[Children {
            segment: "assignments",
            expandable: true,
            rows: policies::configuration_assignments,
            nested: None,
        }],
        len: |world| world.tenant.policies,
        keys: Keys::Kind(policies::CONFIGURATIONS),
        rows: Rows::Objects(policies::configuration),
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/deviceCompliancePolicies",
        entity: "deviceCompliancePolicy",
        roles: CONFIGURATION_ROLES,
        declared: POLICY,
        children: &[
            Children {
                segment: "assignments",
                expandable: true,
                rows: policies::compliance_assignments,
                nested: None,
            },
            Children {
                segment: "scheduledActionsForRule",
                expandable: true,
                rows: policies::scheduled_actions,
                nested: Some((
                    "scheduledActionConfigurations",
                    policies::scheduled_actions_in_full,
                )),
            },
        ],
        len: |world| world.tenant.compliance_policies,
        keys: Keys::Kind(policies::COMPLIANCE),
        rows: Rows::Objects(policies::compliance),
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/deviceCompliancePolicyDeviceStateSummary",
        entity: "deviceCompliancePolicyDeviceStateSummary",
        roles: CONFIGURATION_ROLES,
        paging: Paging::Single,
        rows: Rows::Objects(overview::compliance_summary),
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/managedDevices",
        entity: "managedDevice",
        roles: DEVICE_ROLES,
        counts_page: true,
        absent: absent::MANAGED_DEVICE,
        len: |world| world.tenant.devices,
        keys: Keys::Kind(devices::MANAGED),
        rows: Rows::Columns(&devices::MANAGED_DEVICE),
        alone: &devices::MANAGED_DEVICE_ALONE,
        filters: &[
            ("complianceState", &[Op::Eq]),
            ("deviceCategoryDisplayName", &[Op::Eq]),
            ("jailBroken", &[Op::Eq]),
            ("managementAgent", &[Op::Eq]),
            ("enrolledDateTime", &[Op::Lt, Op::Gt]),
            ("lastSyncDateTime", &[Op::Lt, Op::Gt]),
        ],
        ..INTUNE
    },
    Endpoint {
        path: "deviceManagement/managedDeviceOverview",
        entity: "managedDeviceOverview",
        roles: DEVICE_ROLES,
        paging: Paging::Single,
        rows: Rows::Objects(overview::overview),
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
        keys: Keys::Made(apps::enrollment_id),
        rows: Rows::Objects(apps::enrollment),
        children: &[Children {
            segment: "assignments",
            expandable: true,
            rows: apps::enrollment_assignments,
            nested: None,
        }],
        ..INTUNE
    },
    Endpoint {
        path: "deviceAppManagement/mobileApps",
        entity: "mobileApp",
        roles: APP_ROLES,
        len: apps::mobile_app_count,
        keys: Keys::Kind(apps::MOBILE_APPS),
        rows: Rows::Objects(apps::mobile_app),
        children: &[Children {
            segment: "assignments",
            expandable: true,
            rows: apps::mobile_app_assignments,
            nested: None,
        }],
        ..INTUNE
    },
    Endpoint {
        beta: true,
        path: "deviceManagement/configurationPolicies",
        entity: "deviceManagementConfigurationPolicy",
        roles: CONFIGURATION_ROLES,
        children: &[
            Children {
                segment: "assignments",
                expandable: true,
                rows: policies::settings_catalog_assignments,
                nested: None,
            },
            Children {
                segment: "settings",
                expandable: true,
                rows: policies::settings,
                nested: None,
            },
        ],
        len: |world| world.tenant.policies,
        keys: Keys::Kind(policies::SETTINGS_CATALOG),
        rows: Rows::Objects(policies::settings_catalog),
        ..INTUNE
    },
];
