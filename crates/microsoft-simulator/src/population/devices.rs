//! Managed devices of Intune and their counterparts in the directory (Microsoft Graph documentation, resource types
//! managedDevice and device).

use super::World;
use super::column::{Column, drawn, fixed};
use super::people::{self, USERS};
use super::text::Text;

pub(crate) const MANAGED: &str = "managedDevices";
pub(crate) const DEVICES: &str = "devices";

/// A kind of device that people have.
pub(super) struct Platform {
    pub(super) system: &'static str,
    version: &'static str,
    maker: &'static str,
    model: &'static str,
    /// How it enrols.
    enrollment: &'static str,
}

const fn platform_of(
    system: &'static str,
    version: &'static str,
    maker: &'static str,
    model: &'static str,
    enrollment: &'static str,
) -> Platform {
    Platform {
        system,
        version,
        maker,
        model,
        enrollment,
    }
}

static PLATFORMS: [Platform; 5] = [
    platform_of(
        "Windows",
        "10.0.22631.4602",
        "Fabrikam",
        "Slate 4",
        "windowsAzureADJoin",
    ),
    platform_of(
        "Windows",
        "10.0.26100.2605",
        "Fabrikam",
        "Tower 2",
        "windowsAutoEnrollment",
    ),
    platform_of("iOS", "18.2", "Northwind", "Phone 12", "appleBulkWithUser"),
    platform_of("Android", "14.0", "Adatum", "Handy 8", "userEnrollment"),
    platform_of("macOS", "15.2", "Northwind", "Book 6", "userEnrollment"),
];

pub(super) fn platform(world: &World, index: usize) -> &'static Platform {
    &PLATFORMS[world.source.below(MANAGED, index, "platform", PLATFORMS.len())]
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

fn write_directory_id(world: &World, index: usize, text: &mut Text) {
    text.guid(world.source.guid(DEVICES, index, "deviceId"));
}

fn name(world: &World, index: usize) -> String {
    let system = platform(world, index).system;
    format!("{}-{index:05}", system[..3].to_uppercase())
}

fn is_company_owned(world: &World, index: usize) -> bool {
    world.source.below(MANAGED, index, "owner", 5) != 0
}

fn serial(world: &World, index: usize) -> u64 {
    world.source.draw(MANAGED, index, "serial")
}

/// Writes something of the user of a device, or null in a tenant without users.
fn of_user(world: &World, index: usize, text: &mut Text, write: fn(&World, usize, &mut Text)) {
    match world.tenant.users {
        0 => text.raw("null"),
        users => write(world, world.source.below(MANAGED, index, "user", users), text),
    }
}

fn write_sync(world: &World, index: usize, text: &mut Text, what: &str, days: u64) {
    let fraction = world.source.fraction(MANAGED, index, what);
    text.moment(world.source.seconds(MANAGED, index, what, days), Some(fraction));
}

/// One managed device as a list shows it: some properties are always null there.
pub(crate) static MANAGED_DEVICE: [Column; 51] = [
    drawn("id", |world, index, text| {
        text.guid(world.source.object_id(MANAGED, index));
    }),
    drawn("deviceName", |world, index, text| {
        text.string(&name(world, index));
    }),
    drawn("complianceState", |world, index, text| {
        text.string(compliance(world, index));
    }),
    drawn("complianceGracePeriodExpirationDateTime", |world, index, text| {
        let grace = compliance(world, index) == "inGracePeriod";
        text.raw(if grace {
            "\"2026-01-15T00:00:00Z\""
        } else {
            "\"9999-12-31T23:59:59Z\""
        });
    }),
    drawn("operatingSystem", |world, index, text| {
        text.string(platform(world, index).system);
    }),
    drawn("osVersion", |world, index, text| {
        text.string(platform(world, index).version);
    }),
    drawn("managedDeviceOwnerType", |world, index, text| {
        text.string(if is_company_owned(world, index) {
            "company"
        } else {
            "personal"
        });
    }),
    drawn("managementAgent", |world, index, text| {
        let both = compliance(world, index) == "configManager";
        text.string(if both {
            "configurationManagerClientMdm"
        } else {
            "mdm"
        });
    }),
    fixed("managementState", "\"managed\""),
    drawn("isEncrypted", |world, index, text| {
        text.flag(world.source.below(MANAGED, index, "encrypted", 10) != 0);
    }),
    drawn("isSupervised", |world, index, text| {
        text.flag(platform(world, index).system == "iOS" && is_company_owned(world, index));
    }),
    fixed("jailBroken", "\"Unknown\""),
    drawn("enrolledDateTime", |world, index, text| {
        write_sync(world, index, text, "enrolled", 900);
    }),
    drawn("lastSyncDateTime", |world, index, text| {
        write_sync(world, index, text, "sync", 45);
    }),
    drawn("azureADDeviceId", write_directory_id),
    fixed("azureADRegistered", "true"),
    drawn("deviceEnrollmentType", |world, index, text| {
        text.string(platform(world, index).enrollment);
    }),
    fixed("deviceRegistrationState", "\"registered\""),
    fixed("deviceCategoryDisplayName", "\"Unknown\""),
    fixed("exchangeAccessState", "\"none\""),
    fixed("exchangeAccessStateReason", "\"none\""),
    fixed("exchangeLastSuccessfulSyncDateTime", NEVER),
    fixed("easActivated", "false"),
    fixed("easActivationDateTime", NEVER),
    fixed("partnerReportedThreatState", "\"unknown\""),
    fixed("deviceActionResults", "[]"),
    fixed("managementCertificateExpirationDate", "\"2026-11-30T00:00:00Z\""),
    fixed("requireUserEnrollmentApproval", "null"),
    // From here on: what identifies a person or a piece of hardware. A client is expected never to keep it.
    drawn("userId", |world, index, text| {
        of_user(world, index, text, |world, user, text| {
            text.guid(world.source.object_id(USERS, user));
        });
    }),
    drawn("userDisplayName", |world, index, text| {
        of_user(world, index, text, people::write_name);
    }),
    drawn("userPrincipalName", |world, index, text| {
        of_user(world, index, text, people::write_mail);
    }),
    drawn("emailAddress", |world, index, text| {
        of_user(world, index, text, people::write_mail);
    }),
    drawn("manufacturer", |world, index, text| {
        text.string(platform(world, index).maker);
    }),
    drawn("model", |world, index, text| {
        text.string(platform(world, index).model);
    }),
    drawn("managedDeviceName", |world, index, text| {
        text.string(&format!("{}_{index}", name(world, index)));
    }),
    drawn("serialNumber", |world, index, text| {
        text.string(&format!("SN{:010}", serial(world, index) % 10_000_000_000));
    }),
    drawn("imei", |world, index, text| {
        text.string(&format!("{:015}", serial(world, index) % 1_000_000_000_000_000));
    }),
    fixed("meid", "\"\""),
    drawn("phoneNumber", |world, index, text| {
        text.string(&format!("+00555{:07}", serial(world, index) % 10_000_000));
    }),
    fixed("subscriberCarrier", "\"\""),
    drawn("wiFiMacAddress", |world, index, text| {
        text.string(&format!("02{:010X}", serial(world, index) & 0xff_ffff_ffff));
    }),
    fixed("totalStorageSpaceInBytes", "256000000000"),
    drawn("freeStorageSpaceInBytes", |world, index, text| {
        text.number(serial(world, index) % 256_000_000_000);
    }),
    fixed("activationLockBypassCode", "null"),
    fixed("ethernetMacAddress", "null"),
    fixed("iccid", "null"),
    fixed("notes", "null"),
    fixed("physicalMemoryInBytes", "0"),
    fixed("remoteAssistanceSessionUrl", "null"),
    fixed("remoteAssistanceSessionErrorDetails", "null"),
    fixed("udid", "null"),
];

/// How Intune writes "never".
const NEVER: &str = "\"0001-01-01T00:00:00Z\"";

/// What only a read of one device with `$select` shows.
pub(crate) static MANAGED_DEVICE_ALONE: [Column; 6] = [
    fixed("activationLockBypassCode", "\"simulated-bypass-code\""),
    drawn("ethernetMacAddress", |world, index, text| {
        text.string(&format!("06{:010X}", serial(world, index) & 0xff_ffff_ffff));
    }),
    drawn("iccid", |world, index, text| {
        text.string(&format!(
            "8900{:015}",
            serial(world, index) % 1_000_000_000_000_000
        ));
    }),
    fixed("notes", "\"simulated-sensitive-note\""),
    fixed("physicalMemoryInBytes", "17179869184"),
    drawn("udid", |world, index, text| {
        text.guid(world.source.guid(MANAGED, index, "udid"));
    }),
];

/// The same device as the directory knows it; `deviceId` joins the two.
pub(crate) static DIRECTORY_DEVICE: [Column; 24] = [
    drawn("id", |world, index, text| {
        text.guid(world.source.object_id(DEVICES, index));
    }),
    fixed("deletedDateTime", "null"),
    drawn("accountEnabled", |world, index, text| {
        text.flag(world.source.below(DEVICES, index, "off", 20) != 0);
    }),
    drawn("approximateLastSignInDateTime", |world, index, text| {
        text.moment(world.source.seconds(DEVICES, index, "seen", 60), None);
    }),
    drawn("deviceId", write_directory_id),
    fixed("deviceOwnership", "\"Company\""),
    fixed("deviceVersion", "2"),
    drawn("displayName", |world, index, text| {
        text.string(&name(world, index));
    }),
    fixed("enrollmentType", "null"),
    drawn("isCompliant", |world, index, text| {
        text.flag(compliance(world, index) == "compliant");
    }),
    drawn("isManaged", |world, _, text| {
        text.flag(world.tenant.intune_licensed);
    }),
    fixed("isRooted", "false"),
    fixed("managementType", "\"MDM\""),
    drawn("manufacturer", |world, index, text| {
        text.string(platform(world, index).maker);
    }),
    drawn("model", |world, index, text| {
        text.string(platform(world, index).model);
    }),
    fixed("onPremisesLastSyncDateTime", "null"),
    fixed("onPremisesSyncEnabled", "null"),
    drawn("operatingSystem", |world, index, text| {
        text.string(platform(world, index).system);
    }),
    drawn("operatingSystemVersion", |world, index, text| {
        text.string(platform(world, index).version);
    }),
    fixed("physicalIds", "[]"),
    fixed("profileType", "\"RegisteredDevice\""),
    drawn("registrationDateTime", |world, index, text| {
        text.moment(world.source.seconds(DEVICES, index, "registered", 900), None);
    }),
    fixed("systemLabels", "[]"),
    drawn("trustType", |world, index, text| {
        let joined = platform(world, index).system == "Windows";
        text.string(if joined { "AzureAd" } else { "Workplace" });
    }),
];
