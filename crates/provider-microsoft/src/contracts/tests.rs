//! The registry against official facts and against its reviewed listing.

use std::{collections::BTreeSet, path::Path};

use super::*;

/// Path, application permission, role id: Graph v1.0 reference pages of the calls, "Microsoft
/// Graph permissions reference" for the ids. Written down apart from the registry on purpose.
const FACTS: [(&str, &str, &str); 11] = [
    (
        "organization",
        "Organization.Read.All",
        "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    ),
    ("users", "User.Read.All", "df021288-bdef-4463-88db-98f22de89214"),
    (
        "users/$count",
        "User.Read.All",
        "df021288-bdef-4463-88db-98f22de89214",
    ),
    (
        "groups",
        "GroupMember.Read.All",
        "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    ),
    (
        "groups/$count",
        "GroupMember.Read.All",
        "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    ),
    (
        "deviceManagement/managedDevices",
        "DeviceManagementManagedDevices.Read.All",
        "2f51be20-0bb4-4fed-bf7b-db946066c75e",
    ),
    (
        "deviceManagement/managedDeviceOverview",
        "DeviceManagementManagedDevices.Read.All",
        "2f51be20-0bb4-4fed-bf7b-db946066c75e",
    ),
    (
        "deviceManagement/deviceConfigurations",
        "DeviceManagementConfiguration.Read.All",
        "dc377aa6-52d8-4e23-b271-2a7ae04cedf3",
    ),
    (
        "deviceManagement/deviceCompliancePolicies",
        "DeviceManagementConfiguration.Read.All",
        "dc377aa6-52d8-4e23-b271-2a7ae04cedf3",
    ),
    (
        "deviceManagement/deviceCompliancePolicyDeviceStateSummary",
        "DeviceManagementConfiguration.Read.All",
        "dc377aa6-52d8-4e23-b271-2a7ae04cedf3",
    ),
    (
        "identity/conditionalAccess/policies",
        "Policy.Read.All",
        "246dd0d5-5bd0-4def-940b-0421030a5b68",
    ),
];

/// Properties that are never asked for: Graph resource pages of user, managedDevice, organization
/// and group; whatever reaches, locates or unlocks a person or a piece of hardware.
const NEVER: [&str; 24] = [
    "userPrincipalName",
    "mail",
    "mailNickname",
    "otherMails",
    "proxyAddresses",
    "emailAddress",
    "userDisplayName",
    "mobilePhone",
    "businessPhones",
    "phoneNumber",
    "imei",
    "meid",
    "iccid",
    "udid",
    "serialNumber",
    "wiFiMacAddress",
    "ethernetMacAddress",
    "activationLockBypassCode",
    "remoteAssistanceSessionUrl",
    "notes",
    "description",
    "identities",
    "technicalNotificationMails",
    "signInActivity",
];

#[test]
fn every_row_agrees_with_the_official_facts() {
    let rows: Vec<_> = ALL
        .iter()
        .map(|row| {
            let id = row.permission.role_id().hyphenated().to_string();
            (row.path, row.permission.role(), id)
        })
        .collect();
    let facts: Vec<_> = FACTS
        .iter()
        .map(|(path, role, id)| (*path, *role, (*id).to_owned()))
        .collect();
    assert_eq!(rows, facts);
}

#[test]
fn nothing_that_reaches_a_person_is_selected() {
    for row in ALL {
        for name in row.select {
            assert!(!NEVER.contains(name), "{} selects {name}", row.name);
        }
        let bare = row.select.is_empty();
        assert_eq!(
            bare,
            row.sensitivity == Sensitivity::Count,
            "{}: objects need a selection",
            row.name
        );
    }
}

#[test]
fn names_are_distinct_and_only_documented_page_sizes_are_sent() {
    let names: BTreeSet<_> = ALL.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ALL.len());
    let sized: Vec<_> = ALL
        .iter()
        .filter_map(|row| Some((row.name, row.page_size?)))
        .collect();
    assert_eq!(sized, [("users.list", 999), ("groups.list", 999)]);
}

#[test]
fn every_requirement_is_a_permission_of_the_registry() {
    let known: Vec<_> = permission::ALL
        .iter()
        .map(|permission| permission.requirement())
        .collect();
    assert_eq!(permission::requirements("inventory.sync"), known);
    for key in permission::requirements("compliance.snapshot") {
        assert!(known.contains(key), "{key}");
    }
}

#[test]
fn a_wider_role_grants_and_a_narrower_one_does_not() {
    let roles = |name: &str| vec![name.to_owned()];
    assert!(permission::USERS.granted_by(&roles("User.Read.All")));
    assert!(permission::USERS.granted_by(&roles("Directory.Read.All")));
    assert!(!permission::USERS.granted_by(&roles("User.ReadBasic.All")));
    assert!(!permission::ACCESS_POLICIES.granted_by(&roles("Policy.Read.ConditionalAccess")));
}

#[test]
fn the_address_is_the_row_and_nothing_else() {
    let graph = Url::parse("https://graph.microsoft.com/").expect("an address");
    let url = table::COMPLIANCE_POLICIES_LIST.url(&graph);
    assert_eq!(
        url.as_str(),
        "https://graph.microsoft.com/v1.0/deviceManagement/deviceCompliancePolicies\
         ?$select=id,displayName,createdDateTime,lastModifiedDateTime,version&$expand=assignments"
    );
    assert_eq!(
        table::USERS_COUNT.url(&graph).as_str(),
        "https://graph.microsoft.com/v1.0/users/$count"
    );
}

/// Run with `UPDATE_GOLDEN=1` to accept a change, then review the difference.
#[test]
fn the_listing_was_reviewed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, listing()).expect("the listing can be written");
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(listing(), reviewed, "the registry changed: see contracts.txt");
}
