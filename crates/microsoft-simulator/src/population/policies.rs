//! Intune policies: device configurations, compliance policies, beta configuration policies, and whom they are
//! assigned to (Microsoft Graph documentation, Intune resource types of these names).

use serde_json::{Value, json};

use super::World;
use super::people::GROUPS;

pub(crate) const CONFIGURATIONS: &str = "deviceConfigurations";
pub(crate) const COMPLIANCE: &str = "deviceCompliancePolicies";
pub(crate) const SETTINGS_CATALOG: &str = "configurationPolicies";

/// Marks a value that a client must never keep, so that tests can look for it.
const SENSITIVE: &str = "simulated-sensitive-value";

fn base(world: &World, kind: &str, index: usize, type_name: &str, name: &str) -> Value {
    let source = &world.source;
    json!({
        "@odata.type": format!("#microsoft.graph.{type_name}"),
        "id": world.id(kind, index),
        "createdDateTime": source.fine_date(kind, index, "created", 1200),
        "lastModifiedDateTime": source.fine_date(kind, index, "modified", 120),
        "displayName": format!("{name} {index}"),
        "description": (source.below(kind, index, "described", 3) != 0).then_some("Kept by the device team"),
        "version": 1 + source.below(kind, index, "version", 12),
    })
}

fn extend(mut object: Value, own: Value) -> Value {
    if let (Value::Object(object), Value::Object(own)) = (&mut object, own) {
        object.extend(own);
    }
    object
}

/// One device configuration, of one of four kinds.
pub(crate) fn configuration(world: &World, index: usize) -> Value {
    let of = |type_name, name, own| extend(base(world, CONFIGURATIONS, index, type_name, name), own);
    match world.source.below(CONFIGURATIONS, index, "kind", 4) {
        0 => of(
            "windows10GeneralConfiguration",
            "Windows restrictions",
            json!({ "passwordRequired": true, "passwordMinimumLength": 12, "cameraBlocked": false }),
        ),
        1 => of(
            "windows10CustomConfiguration",
            "Windows custom settings",
            json!({ "omaSettings": [{
                "@odata.type": "#microsoft.graph.omaSettingString", "displayName": "Shared key",
                "description": null, "omaUri": "./Device/Vendor/Example/Key", "value": SENSITIVE,
            }] }),
        ),
        2 => of(
            "iosGeneralDeviceConfiguration",
            "iOS restrictions",
            json!({ "cameraBlocked": false, "passcodeRequired": true, "passcodeMinimumLength": 6 }),
        ),
        _ => of(
            "androidWorkProfileGeneralDeviceConfiguration",
            "Android work profile",
            json!({ "passwordRequired": true, "workProfileBlockScreenCapture": true }),
        ),
    }
}

/// One compliance policy, of one of three kinds.
pub(crate) fn compliance(world: &World, index: usize) -> Value {
    let of = |type_name, name, own| extend(base(world, COMPLIANCE, index, type_name, name), own);
    match world.source.below(COMPLIANCE, index, "kind", 3) {
        0 => of(
            "windows10CompliancePolicy",
            "Windows compliance",
            json!({ "passwordRequired": true, "bitLockerEnabled": true, "secureBootEnabled": true,
                    "osMinimumVersion": "10.0.19045", "storageRequireEncryption": true }),
        ),
        1 => of(
            "iosCompliancePolicy",
            "iOS compliance",
            json!({ "passcodeRequired": true, "securityBlockJailbrokenDevices": true, "osMinimumVersion": "17.0" }),
        ),
        _ => of(
            "androidWorkProfileCompliancePolicy",
            "Android compliance",
            json!({ "passwordRequired": true, "securityBlockJailbrokenDevices": true }),
        ),
    }
}

/// One policy of the settings catalog. It has a `name`, not a `displayName`.
pub(crate) fn settings_catalog(world: &World, index: usize) -> Value {
    let source = &world.source;
    let platforms = source.pick(
        SETTINGS_CATALOG,
        index,
        "platforms",
        &["windows10", "macOS", "iOS"],
    );
    json!({
        "id": world.id(SETTINGS_CATALOG, index),
        "name": format!("Settings for {platforms} {index}"),
        "description": "Kept by the device team",
        "platforms": platforms,
        "technologies": "mdm",
        "createdDateTime": source.fine_date(SETTINGS_CATALOG, index, "created", 1200),
        "lastModifiedDateTime": source.fine_date(SETTINGS_CATALOG, index, "modified", 120),
        "settingCount": 1 + source.below(SETTINGS_CATALOG, index, "settings", 40),
        "creationSource": null,
        "roleScopeTagIds": ["0"],
        "isAssigned": !targets(world, SETTINGS_CATALOG, index).is_empty(),
        "templateReference": {
            "templateId": "", "templateFamily": "none", "templateDisplayName": null, "templateDisplayVersion": null,
        },
    })
}

/// Who gets a policy: nobody, all devices, all licensed users, or a group with perhaps another one left out.
fn targets(world: &World, kind: &str, index: usize) -> Vec<Value> {
    let source = &world.source;
    let group = |what: &str| world.id(GROUPS, source.below(kind, index, what, world.tenant.groups));
    let include =
        || json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group("group") });
    match source.below(kind, index, "target", 5) {
        0 => Vec::new(),
        1 => vec![json!({ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" })],
        2 => vec![json!({ "@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget" })],
        _ if world.tenant.groups == 0 => Vec::new(),
        3 => vec![include()],
        _ => vec![
            include(),
            json!({ "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": group("left out") }),
        ],
    }
}

fn assignments(world: &World, kind: &str, index: usize) -> Vec<Value> {
    let policy = world.id(kind, index);
    let row = |(number, target)| json!({ "id": format!("{policy}_{number}"), "target": target });
    targets(world, kind, index)
        .into_iter()
        .enumerate()
        .map(row)
        .collect()
}

pub(crate) fn configuration_assignments(world: &World, index: usize) -> Vec<Value> {
    assignments(world, CONFIGURATIONS, index)
}

pub(crate) fn compliance_assignments(world: &World, index: usize) -> Vec<Value> {
    assignments(world, COMPLIANCE, index)
}

/// The rules of a compliance policy: what happens when a device does not comply. Without their actions, which only a
/// nested `$expand` shows.
pub(crate) fn scheduled_actions(world: &World, index: usize) -> Vec<Value> {
    let policy = world.id(COMPLIANCE, index);
    vec![json!({ "id": world.source.guid(COMPLIANCE, index, &policy), "ruleName": "PasswordRequired" })]
}

/// The same with their actions.
pub(crate) fn scheduled_actions_in_full(world: &World, index: usize) -> Vec<Value> {
    let mut rules = scheduled_actions(world, index);
    for rule in &mut rules {
        rule["scheduledActionConfigurations"] = json!([{
            "id": world.source.guid(COMPLIANCE, index, "action"),
            "gracePeriodHours": 24 * world.source.below(COMPLIANCE, index, "grace", 8),
            "actionType": "block", "notificationTemplateId": "", "notificationMessageCCList": [],
        }]);
    }
    rules
}

/// The settings of a settings catalog policy. One of them holds a secret, as real ones may.
pub(crate) fn settings(world: &World, index: usize) -> Vec<Value> {
    let count = 1 + world.source.below(SETTINGS_CATALOG, index, "settings", 40);
    let setting = |number: usize| {
        let value = if number == 0 { SENSITIVE } else { "enabled" };
        json!({
            "id": number.to_string(),
            "settingInstance": {
                "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
                "settingDefinitionId": format!("device_vendor_example_{number}"),
                "settingInstanceTemplateReference": null,
                "simpleSettingValue": {
                    "@odata.type": "#microsoft.graph.deviceManagementConfigurationStringSettingValue",
                    "settingValueTemplateReference": null, "value": value,
                },
            },
        })
    };
    (0..count).map(setting).collect()
}

pub(crate) fn settings_catalog_assignments(world: &World, index: usize) -> Vec<Value> {
    assignments(world, SETTINGS_CATALOG, index)
}
