//! Devices under management, their policies and their applications. Lists of policies hold many
//! kinds; only what all kinds share is selected, because settings may hold keys and scripts.

use super::{
    super::{
        ApiVersion, Contract, RetryClass, Sensitivity, Shape, ThrottleClass,
        path::Path,
        permission::{APPLICATIONS, COMPLIANCE, DEVICES, ENROLLMENT, INVENTORY},
        reach,
    },
    INTUNE,
};

/// Devices under management ("List managedDevices").
pub(crate) static MANAGED_DEVICES_LIST: Contract = Contract {
    name: "managedDevices.list",
    path: Path::Fixed("deviceManagement/managedDevices"),
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
    used_by: &[INVENTORY, COMPLIANCE],
    ..INTUNE
};

/// How many devices ("Get managedDeviceOverview").
pub(crate) static MANAGED_DEVICE_OVERVIEW: Contract = Contract {
    name: "managedDeviceOverview.get",
    path: Path::Fixed("deviceManagement/managedDeviceOverview"),
    shape: Shape::Entity,
    permission: &DEVICES,
    throttle: ThrottleClass::IntuneDevices,
    retry: RetryClass::Brief,
    sensitivity: Sensitivity::Count,
    kept: "numbers",
    ..INTUNE
};

/// What all kinds of policies share.
const POLICY: &[&str] = &[
    "id",
    "displayName",
    "createdDateTime",
    "lastModifiedDateTime",
    "version",
];

/// Policies that configure devices ("List deviceConfigurations"); the type names the kind.
pub(crate) static DEVICE_CONFIGURATIONS_LIST: Contract = Contract {
    name: "deviceConfigurations.list",
    path: Path::Fixed("deviceManagement/deviceConfigurations"),
    select: POLICY,
    ..INTUNE
};

/// Policies that say when a device complies ("List deviceCompliancePolicies"), with whom they are
/// for and with what happens when a device does not comply.
pub(crate) static COMPLIANCE_POLICIES_LIST: Contract = Contract {
    name: "deviceCompliancePolicies.list",
    path: Path::Fixed("deviceManagement/deviceCompliancePolicies"),
    select: POLICY,
    expand: &["assignments", "scheduledActionsForRule"],
    used_by: &[INVENTORY, COMPLIANCE],
    ..INTUNE
};

/// How devices comply, in numbers ("Get deviceCompliancePolicyDeviceStateSummary").
pub(crate) static COMPLIANCE_SUMMARY: Contract = Contract {
    name: "deviceCompliancePolicyDeviceStateSummary.get",
    path: Path::Fixed("deviceManagement/deviceCompliancePolicyDeviceStateSummary"),
    shape: Shape::Entity,
    sensitivity: Sensitivity::Count,
    kept: "numbers",
    used_by: &[COMPLIANCE],
    ..INTUNE
};

/// Policies of the settings catalog ("List deviceManagementConfigurationPolicies", beta). They are
/// not part of v1.0, and most policies that are made today are of this kind. The run can do without.
pub(crate) static SETTINGS_CATALOG_LIST: Contract = Contract {
    name: "configurationPolicies.list",
    version: ApiVersion::Beta,
    path: Path::Fixed("deviceManagement/configurationPolicies"),
    select: &[
        "id",
        "name",
        "platforms",
        "technologies",
        "createdDateTime",
        "lastModifiedDateTime",
        "settingCount",
        "isAssigned",
    ],
    retry: RetryClass::Brief,
    clouds: reach::LISTED,
    ..INTUNE
};

/// Rules for enrolling devices ("List deviceEnrollmentConfigurations"); the type names the kind.
pub(crate) static ENROLLMENT_POLICIES_LIST: Contract = Contract {
    name: "deviceEnrollmentConfigurations.list",
    path: Path::Fixed("deviceManagement/deviceEnrollmentConfigurations"),
    select: &[
        "id",
        "displayName",
        "priority",
        "createdDateTime",
        "lastModifiedDateTime",
        "version",
    ],
    permission: &ENROLLMENT,
    ..INTUNE
};

/// Applications for devices ("List mobileApps"); the type names the kind.
pub(crate) static APPLICATIONS_LIST: Contract = Contract {
    name: "mobileApps.list",
    path: Path::Fixed("deviceAppManagement/mobileApps"),
    select: &[
        "id",
        "displayName",
        "publisher",
        "createdDateTime",
        "lastModifiedDateTime",
        "isFeatured",
        "publishingState",
    ],
    permission: &APPLICATIONS,
    ..INTUNE
};
