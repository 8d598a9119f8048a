//! Whole answers in the shapes of the documentation (`fixtures/answers`), and what stays of them.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
struct List<T> {
    value: Vec<T>,
}

/// The items of a list.
fn items<T: Observed>(body: &str) -> Vec<ObservedItem> {
    let list: List<T> = serde_json::from_str(body).expect("a list");
    list.value.into_iter().map(T::observe).collect()
}

macro_rules! answer {
    ($name:literal) => {
        include_str!(concat!("../../../../fixtures/answers/", $name))
    };
}

/// The list, how many rows it has, and the names of the attributes of its first item.
type Case = (&'static str, Vec<ObservedItem>, usize, &'static [&'static str]);

fn directory() -> Vec<Case> {
    vec![
        (
            "organization",
            items::<Organization>(answer!("organization.list.json")),
            1,
            &["country", "domain_count"],
        ),
        ("users", items::<User>(answer!("users.list.json")), 1, &[]),
        (
            "users",
            items::<User>(answer!("users.list-count-true.json")),
            1,
            &[],
        ),
        (
            "groups",
            items::<Group>(answer!("groups.list.json")),
            2,
            &[
                "created_at",
                "group_types",
                "mail_enabled",
                "security_enabled",
                "visibility",
            ],
        ),
        (
            "devices",
            items::<RegisteredDevice>(answer!("devices.list.json")),
            1,
            &["enabled", "os_version"],
        ),
        (
            "roles",
            items::<DirectoryRole>(answer!("directoryRoles.list.json")),
            3,
            &["template_id"],
        ),
        (
            "domains",
            items::<Domain>(answer!("domains.list.json")),
            1,
            &[
                "admin_managed",
                "authentication_type",
                "default",
                "initial",
                "root",
                "services",
            ],
        ),
        (
            "skus",
            items::<Subscription>(answer!("subscribedSkus.list.json")),
            2,
            &[
                "applies_to",
                "enabled_units",
                "product_id",
                "status",
                "suspended_units",
                "used_units",
                "warning_units",
            ],
        ),
    ]
}

fn policies() -> Vec<Case> {
    let policy = &["created_at", "modified_at", "policy_type", "policy_version"][..];
    vec![
        (
            "configurations",
            items::<ConfigurationPolicy>(answer!("intune.deviceConfigurations-list.json")),
            1,
            &[
                "created_at",
                "modified_at",
                "policy_source",
                "policy_type",
                "policy_version",
            ],
        ),
        (
            "settings catalog",
            items::<SettingsPolicy>(answer!("intune-beta.configurationPolicies-list.json")),
            1,
            &[
                "assigned",
                "created_at",
                "modified_at",
                "platforms",
                "policy_source",
                "setting_count",
                "technologies",
            ],
        ),
        (
            "compliance",
            items::<CompliancePolicy>(answer!("intune.deviceCompliancePolicies-list.json")),
            1,
            policy,
        ),
        (
            "windows",
            items::<CompliancePolicy>(answer!("intune.windows10CompliancePolicy-list.json")),
            1,
            policy,
        ),
        (
            "enrollment",
            items::<EnrollmentPolicy>(answer!("intune.deviceEnrollmentConfigurations-list.json")),
            1,
            &[
                "created_at",
                "modified_at",
                "policy_type",
                "policy_version",
                "priority",
            ],
        ),
        (
            "apps",
            items::<Application>(answer!("intune.mobileApps-list.json")),
            1,
            &[
                "application_type",
                "created_at",
                "featured",
                "modified_at",
                "publisher",
                "publishing_state",
            ],
        ),
        (
            "access",
            items::<AccessPolicy>(answer!("conditionalAccess.policies-list.json")),
            2,
            &["grant_controls", "grant_operator", "state"],
        ),
        (
            "locations",
            items::<NetworkLocation>(answer!("conditionalAccess.namedLocations-list.json")),
            3,
            &["created_at", "location_type", "modified_at"],
        ),
    ]
}

#[test]
fn lists_become_items_with_these_attributes() {
    for (name, items, count, attributes) in directory().into_iter().chain(policies()) {
        assert_eq!(items.len(), count, "{name}");
        let first: Vec<_> = items[0].attributes.keys().map(String::as_str).collect();
        assert_eq!(first, attributes, "{name}");
        for item in &items {
            let text = serde_json::to_string(&item.attributes).expect("serializes");
            for lost in [
                "@",
                "Example notes",
                "Example description",
                "10.",
                "2001:",
                "US\",\"CA",
            ] {
                let version = lost == "10." && text.contains("os_version");
                assert!(version || !text.contains(lost), "{name}: {lost} in {text}");
            }
        }
    }
}

#[test]
fn a_managed_device_loses_what_names_its_owner() {
    let devices = items::<ManagedDevice>(answer!("intune.managedDevices-list.json"));
    let single: ManagedDevice = serde_json::from_str::<Value>(answer!("intune.managedDevice-get.json"))
        .map_or_else(
            |error| panic!("{error}"),
            |value| serde_json::from_value(value["value"].clone()).expect("a device"),
        );
    for device in devices.into_iter().chain([single.observe()]) {
        let text = serde_json::to_string(&device.attributes).expect("serializes");
        for name in [
            "phoneNumber",
            "serialNumber",
            "imei",
            "emailAddress",
            "notes",
            "udid",
            "iccid",
            "wiFiMacAddress",
        ] {
            assert!(!text.contains(&format!("Example {name}")), "{name} in {text}");
        }
        assert!(text.contains("compliance_state"), "{text}");
    }
}

#[test]
fn one_access_policy_is_read_as_one_of_a_list() {
    let policy: AccessPolicy =
        serde_json::from_str(answer!("conditionalAccess.policy-get.json")).expect("a policy");
    assert!(!policy.is_enabled());
    assert_eq!(policy.observe().attributes["state"], "disabled");
}

#[test]
fn what_is_expanded_is_counted() {
    let rows = |body: &str| serde_json::from_str::<Value>(body).expect("JSON")["value"].clone();
    let policy = serde_json::json!({
        "id": "p",
        "assignments": rows(answer!("intune.deviceCompliancePolicy-assignments.json")),
        "scheduledActionsForRule": rows(answer!("intune.scheduledActionsForRule-list.json")),
    });
    let policy: CompliancePolicy = serde_json::from_value(policy).expect("a policy");
    assert!(policy.is_assigned());
    let attributes = policy.observe().attributes;
    assert_eq!(
        (
            &attributes["assignment_count"],
            &attributes["scheduled_rule_count"]
        ),
        (&1.into(), &1.into())
    );
    // Assignments of configurations are not asked for; if they come, they are dropped.
    let configuration = serde_json::json!({
        "id": "c", "assignments": rows(answer!("intune.deviceConfiguration-assignments.json")),
    });
    let configuration: ConfigurationPolicy = serde_json::from_value(configuration).expect("a policy");
    assert_eq!(configuration.observe().attributes.len(), 1);
}

#[test]
fn numbers_are_objects_of_their_own() {
    let of = |body: &str, member: &str| serde_json::from_str::<Value>(body).expect("JSON")[member].as_u64();
    let overview = answer!("intune.managedDeviceOverview.json");
    assert!(of(overview, "enrolledDeviceCount").is_some());
    let summary = answer!("intune.deviceCompliancePolicyDeviceStateSummary.json");
    assert!(of(summary, "nonCompliantDeviceCount").is_some());
    assert_eq!(
        answer!("users.count.txt").trim_start_matches('\u{feff}').parse(),
        Ok(913)
    );
}
