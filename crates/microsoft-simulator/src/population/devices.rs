//! Managed devices of Intune, their counterparts in the directory, and the two summaries over them
//! (Microsoft Graph documentation, resource types managedDevice, device, managedDeviceOverview).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::World;

pub(crate) const MANAGED: &str = "managedDevices";
pub(crate) const DEVICES: &str = "devices";

/// Operating system, version, maker, model, how it enrols.
const PLATFORMS: [(&str, &str, &str, &str, &str); 5] = [
    (
        "Windows",
        "10.0.22631.4602",
        "Fabrikam",
        "Slate 4",
        "windowsAzureADJoin",
    ),
    (
        "Windows",
        "10.0.26100.2605",
        "Fabrikam",
        "Tower 2",
        "windowsAutoEnrollment",
    ),
    ("iOS", "18.2", "Northwind", "Phone 12", "appleBulkWithUser"),
    ("Android", "14.0", "Adatum", "Handy 8", "userEnrollment"),
    ("macOS", "15.2", "Northwind", "Book 6", "userEnrollment"),
];

fn platform(
    world: &World,
    index: usize,
) -> (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
) {
    PLATFORMS[world.source.below(MANAGED, index, "platform", PLATFORMS.len())]
}

/// Compliance of one device; four in five are compliant.
pub(crate) fn compliance(world: &World, index: usize) -> &'static str {
    match world.source.below(MANAGED, index, "compliance", 100) {
        0..79 => "compliant",
        79..90 => "noncompliant",
        90..95 => "inGracePeriod",
        95..97 => "unknown",
        97 => "error",
        98 => "conflict",
        _ => "configManager",
    }
}

fn directory_id(world: &World, index: usize) -> String {
    world.source.guid(DEVICES, index, "deviceId").to_string()
}

fn name(world: &World, index: usize) -> String {
    let (system, ..) = platform(world, index);
    format!("{}-{index:05}", system[..3].to_uppercase())
}

/// One managed device as a list shows it: some properties are always null there.
pub(crate) fn managed(world: &World, index: usize) -> Value {
    let mut device = managed_state(world, index);
    let identity = managed_identity(world, index);
    if let (Value::Object(device), Value::Object(identity)) = (&mut device, identity) {
        device.extend(identity);
    }
    device
}

fn managed_state(world: &World, index: usize) -> Value {
    let source = &world.source;
    let (system, version, .., enrollment) = platform(world, index);
    let state = compliance(world, index);
    let grace = if state == "inGracePeriod" {
        "2026-01-15T00:00:00Z"
    } else {
        "9999-12-31T23:59:59Z"
    };
    let owner = if source.below(MANAGED, index, "owner", 5) == 0 {
        "personal"
    } else {
        "company"
    };
    json!({
        "id": world.id(MANAGED, index),
        "deviceName": name(world, index),
        "complianceState": state,
        "complianceGracePeriodExpirationDateTime": grace,
        "operatingSystem": system,
        "osVersion": version,
        "managedDeviceOwnerType": owner,
        "managementAgent": if state == "configManager" { "configurationManagerClientMdm" } else { "mdm" },
        "managementState": "managed",
        "isEncrypted": source.below(MANAGED, index, "encrypted", 10) != 0,
        "isSupervised": system == "iOS" && owner == "company",
        "jailBroken": "Unknown",
        "enrolledDateTime": source.fine_date(MANAGED, index, "enrolled", 900),
        "lastSyncDateTime": source.fine_date(MANAGED, index, "sync", 45),
        "azureADDeviceId": directory_id(world, index),
        "azureADRegistered": true,
        "deviceEnrollmentType": enrollment,
        "deviceRegistrationState": "registered",
        "deviceCategoryDisplayName": "Unknown",
        "exchangeAccessState": "none",
        "exchangeAccessStateReason": "none",
        "exchangeLastSuccessfulSyncDateTime": "0001-01-01T00:00:00Z",
        "easActivated": false,
        "easActivationDateTime": "0001-01-01T00:00:00Z",
        "partnerReportedThreatState": "unknown",
        "deviceActionResults": [],
        "managementCertificateExpirationDate": "2026-11-30T00:00:00Z",
        "requireUserEnrollmentApproval": null,
    })
}

/// The part that identifies a person or a piece of hardware; a client is expected never to keep it.
fn managed_identity(world: &World, index: usize) -> Value {
    let source = &world.source;
    let (.., maker, model, _) = platform(world, index);
    let users = world.tenant.users;
    let user = (users > 0).then(|| super::people::user(world, source.below(MANAGED, index, "user", users)));
    let of_user = |property: &str| user.as_ref().map(|user| user[property].clone());
    let number = source.draw(MANAGED, index, "serial");
    json!({
        "userId": of_user("id"),
        "userDisplayName": of_user("displayName"),
        "userPrincipalName": of_user("userPrincipalName"),
        "emailAddress": of_user("mail"),
        "manufacturer": maker,
        "model": model,
        "managedDeviceName": format!("{}_{index}", name(world, index)),
        "serialNumber": format!("SN{:010}", number % 10_000_000_000),
        "imei": format!("{:015}", number % 1_000_000_000_000_000),
        "meid": "",
        "phoneNumber": format!("+00555{:07}", number % 10_000_000),
        "subscriberCarrier": "",
        "wiFiMacAddress": format!("02{:010X}", number & 0xff_ffff_ffff),
        "totalStorageSpaceInBytes": 256_000_000_000_u64,
        "freeStorageSpaceInBytes": number % 256_000_000_000,
        "activationLockBypassCode": null,
        "ethernetMacAddress": null,
        "iccid": null,
        "notes": null,
        "physicalMemoryInBytes": 0,
        "remoteAssistanceSessionUrl": null,
        "remoteAssistanceSessionErrorDetails": null,
        "udid": null,
    })
}

/// The same device as the directory knows it; `deviceId` joins the two.
pub(crate) fn directory_device(world: &World, index: usize) -> Value {
    let source = &world.source;
    let (system, version, maker, model, _) = platform(world, index);
    json!({
        "id": world.id(DEVICES, index),
        "deletedDateTime": null,
        "accountEnabled": source.below(DEVICES, index, "off", 20) != 0,
        "approximateLastSignInDateTime": source.date(DEVICES, index, "seen", 60),
        "deviceId": directory_id(world, index),
        "deviceOwnership": "Company",
        "deviceVersion": 2,
        "displayName": name(world, index),
        "enrollmentType": null,
        "isCompliant": compliance(world, index) == "compliant",
        "isManaged": world.tenant.intune_licensed,
        "isRooted": false,
        "managementType": "MDM",
        "manufacturer": maker,
        "model": model,
        "onPremisesLastSyncDateTime": null,
        "onPremisesSyncEnabled": null,
        "operatingSystem": system,
        "operatingSystemVersion": version,
        "physicalIds": [],
        "profileType": "RegisteredDevice",
        "registrationDateTime": source.date(DEVICES, index, "registered", 900),
        "systemLabels": [],
        "trustType": if system == "Windows" { "AzureAd" } else { "Workplace" },
    })
}

/// Goes over all devices once and counts them by one of their properties.
fn tally(world: &World, of: impl Fn(usize) -> &'static str) -> impl Fn(&str) -> usize {
    let mut counts = BTreeMap::new();
    for index in 0..world.tenant.devices {
        *counts.entry(of(index)).or_insert(0) += 1;
    }
    move |name| counts.get(name).copied().unwrap_or_default()
}

/// `deviceCompliancePolicyDeviceStateSummary`: agrees with the list of devices.
pub(crate) fn compliance_summary(world: &World, _: usize) -> Value {
    let of = tally(world, |index| compliance(world, index));
    json!({
        "id": world.id("complianceSummary", 0),
        "compliantDeviceCount": of("compliant"),
        "nonCompliantDeviceCount": of("noncompliant"),
        "inGracePeriodCount": of("inGracePeriod"),
        "configManagerCount": of("configManager"),
        "conflictDeviceCount": of("conflict"),
        "errorDeviceCount": of("error"),
        "unknownDeviceCount": of("unknown"),
        "notApplicableDeviceCount": 0,
        "remediatedDeviceCount": 0,
    })
}

/// `managedDeviceOverview`: agrees with the list of devices.
pub(crate) fn overview(world: &World, _: usize) -> Value {
    let of = tally(world, |index| platform(world, index).0);
    let total = world.tenant.devices;
    json!({
        "id": world.id("overview", 0),
        "enrolledDeviceCount": total,
        "mdmEnrolledCount": total,
        "dualEnrolledDeviceCount": 0,
        "deviceOperatingSystemSummary": {
            "androidCount": of("Android"), "iosCount": of("iOS"), "macOSCount": of("macOS"),
            "windowsCount": of("Windows"), "windowsMobileCount": 0, "unknownCount": 0,
        },
        "deviceExchangeAccessStateSummary": {
            "allowedDeviceCount": 0, "blockedDeviceCount": 0, "quarantinedDeviceCount": 0,
            "unknownDeviceCount": 0, "unavailableDeviceCount": total,
        },
    })
}
