//! The two summaries over all managed devices (Microsoft Graph documentation, resource types managedDeviceOverview and
//! deviceCompliancePolicyDeviceStateSummary). They agree with the list of devices.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::World;
use super::devices::{compliance, platform};

/// Goes over all devices once and counts them by one of their properties.
fn tally(world: &World, of: impl Fn(usize) -> &'static str) -> impl Fn(&str) -> usize {
    let mut counts = BTreeMap::new();
    for index in 0..world.tenant.devices {
        *counts.entry(of(index)).or_insert(0) += 1;
    }
    move |name| counts.get(name).copied().unwrap_or_default()
}

/// `deviceCompliancePolicyDeviceStateSummary`
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

/// `managedDeviceOverview`
pub(crate) fn overview(world: &World, _: usize) -> Value {
    let of = tally(world, |index| platform(world, index).system);
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
