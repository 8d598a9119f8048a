//! Rows as Graph sends them, with more than was asked for, and the items that they become.

mod answers;

use serde_json::json;

use super::*;

fn observe<T: Observed>(row: Value) -> (String, Value) {
    let row: T = serde_json::from_value(row).expect("a row");
    let item = row.observe();
    (item.display_name, Value::Object(item.attributes))
}

#[test]
fn a_device_keeps_its_state_and_loses_its_owner() {
    let row = json!({
        "id": "d1", "deviceName": "WIN-1", "complianceState": "noncompliant", "operatingSystem": "Windows",
        "osVersion": "10.0", "managedDeviceOwnerType": "company", "managementAgent": "mdm", "isEncrypted": false,
        "enrolledDateTime": "2016-12-31T23:59:43.797191-08:00",
        "complianceGracePeriodExpirationDateTime": "9999-12-31T23:59:59Z",
        "azureADDeviceId": "00000000-0000-0000-0000-000000000000", "deviceEnrollmentType": null,
        "userPrincipalName": "a@b.example", "serialNumber": "S1", "imei": "1", "phoneNumber": "1", "notes": "n",
    });
    let expected = json!({
        "compliance_state": "noncompliant", "operating_system": "Windows", "os_version": "10.0",
        "owner_type": "company", "management_agent": "mdm", "encrypted": false,
        "enrolled_at": "2017-01-01T07:59:43Z",
    });
    assert_eq!(observe::<ManagedDevice>(row), ("WIN-1".to_owned(), expected));
}

#[test]
fn a_user_is_a_name_and_a_few_facts() {
    let row = json!({
        "id": "u1", "displayName": "Ada", "accountEnabled": true, "userType": "Guest", "mail": "a@b.example",
        "createdDateTime": "2020-01-02T03:04:05.1234567Z", "assignedLicenses": [{ "skuId": "x" }],
    });
    let expected = json!({ "enabled": true, "user_type": "Guest", "created_at": "2020-01-02T03:04:05Z", "licence_count": 1 });
    assert_eq!(observe::<User>(row), ("Ada".to_owned(), expected));
}

#[test]
fn a_thing_without_a_name_is_shown_by_its_id() {
    assert_eq!(
        observe::<Group>(json!({ "id": "g1", "displayName": null })),
        ("g1".to_owned(), json!({}))
    );
    assert_eq!(
        observe::<Group>(json!({ "id": "g1", "displayName": " " })).0,
        "g1"
    );
}

#[test]
fn the_order_of_a_set_does_not_matter() {
    let group = |types: [&str; 2]| observe::<Group>(json!({ "id": "g1", "groupTypes": types }));
    assert_eq!(
        group(["Unified", "DynamicMembership"]),
        group(["DynamicMembership", "Unified"])
    );
    let policy = |controls: [&str; 2]| {
        observe::<AccessPolicy>(json!({ "id": "p", "grantControls": { "builtInControls": controls } }))
    };
    assert_eq!(policy(["mfa", "block"]), policy(["block", "mfa"]));
}

#[test]
fn policies_name_their_kind_and_not_their_settings() {
    let row = json!({
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration", "id": "p1", "displayName": "Keys",
        "version": 3, "lastModifiedDateTime": "0001-01-01T00:00:00Z", "createdDateTime": "yesterday",
        "omaSettings": [{ "value": "sensitive" }],
    });
    let expected = json!({
        "policy_source": "profile", "policy_type": "windows10CustomConfiguration", "policy_version": 3,
    });
    assert_eq!(observe::<ConfigurationPolicy>(row), ("Keys".to_owned(), expected));
    let unassigned: CompliancePolicy =
        serde_json::from_value(json!({ "id": "p", "assignments": [] })).expect("a row");
    assert!(!unassigned.is_assigned());
    let reporting = json!({ "id": "p", "state": "enabledForReportingButNotEnforced" });
    assert!(
        !serde_json::from_value::<AccessPolicy>(reporting)
            .expect("a row")
            .is_enabled()
    );
}

#[test]
fn the_organization_counts_its_domains() {
    let row = json!({
        "id": "o", "displayName": "Contoso", "tenantType": "AAD", "countryLetterCode": "DE",
        "verifiedDomains": [{ "name": "a.example", "isDefault": false }, { "name": "b.example", "isDefault": true }],
    });
    let expected =
        json!({ "tenant_type": "AAD", "country": "DE", "domain_count": 2, "default_domain": "b.example" });
    assert_eq!(observe::<Organization>(row), ("Contoso".to_owned(), expected));
}

#[test]
fn a_device_of_the_directory_says_how_it_belongs_there() {
    for (trust, join) in [
        ("AzureAd", "joined"),
        ("ServerAd", "joined_from_premises"),
        ("Workplace", "registered"),
        ("SomethingNew", "other"),
    ] {
        let row = json!({
            "id": "d", "displayName": "PC", "trustType": trust, "isManaged": true, "deviceId": "1",
            "approximateLastSignInDateTime": "2024-01-01T00:00:00Z", "physicalIds": ["[USER-GID]:a:1"],
        });
        let expected = json!({ "directory_device_id": "1", "managed": true, "join_type": join });
        assert_eq!(observe::<RegisteredDevice>(row), ("PC".to_owned(), expected));
    }
}

#[test]
fn a_licence_tells_how_many_and_not_which_plans() {
    let row = json!({
        "id": "t_s", "skuId": "s", "skuPartNumber": "SUITE", "capabilityStatus": "Enabled", "appliesTo": "User",
        "consumedUnits": 3, "prepaidUnits": { "enabled": 5, "suspended": 0, "warning": 0, "lockedOut": null },
        "servicePlans": [{ "servicePlanName": "PLAN" }], "accountName": "Contoso",
    });
    let expected = json!({
        "product_id": "s", "status": "Enabled", "applies_to": "User", "used_units": 3,
        "enabled_units": 5, "suspended_units": 0, "warning_units": 0,
    });
    assert_eq!(observe::<Subscription>(row), ("SUITE".to_owned(), expected));
}

#[test]
fn the_two_sources_of_configuration_policies_are_told_apart() {
    let new =
        observe::<SettingsPolicy>(json!({ "id": "s", "name": "New", "isAssigned": true, "settingCount": 2 }));
    let old = observe::<ConfigurationPolicy>(json!({ "id": "c", "displayName": "Old" }));
    assert_eq!(
        [new, old],
        [
            (
                "New".to_owned(),
                json!({ "policy_source": "settings_catalog", "assigned": true, "setting_count": 2 })
            ),
            ("Old".to_owned(), json!({ "policy_source": "profile" })),
        ]
    );
}
