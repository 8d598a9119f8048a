//! The registry as a whole: its listing, its addresses, and who uses what.

mod facts;
mod use_of_calls;

use std::{collections::BTreeSet, path::Path as File};

use url::Url;
use uuid::uuid;

use super::*;

#[test]
fn names_are_distinct_and_so_are_addresses() {
    let names: BTreeSet<_> = ALL.iter().map(|row| row.name).collect();
    let paths: BTreeSet<_> = ALL.iter().map(|row| row.path.template()).collect();
    assert_eq!((names.len(), paths.len()), (ALL.len(), ALL.len()));
}

#[test]
fn every_requirement_is_a_permission_of_the_registry_and_the_other_way_round() {
    for (operation, _) in permission::OPERATIONS {
        let needed = permission::requirements(operation);
        let rows = ALL.iter().filter(|row| row.used_by.contains(&operation));
        let of_rows: BTreeSet<_> = rows.map(|row| row.permission.requirement()).collect();
        assert_eq!(
            needed.iter().copied().collect::<BTreeSet<_>>(),
            of_rows,
            "{operation}"
        );
        let order: Vec<_> = permission::ALL
            .iter()
            .map(|permission| permission.requirement())
            .filter(|key| needed.contains(key))
            .collect();
        assert_eq!(needed, order, "{operation}: in the one order");
    }
    for permission in permission::ALL {
        assert!(
            ALL.iter().any(|row| row.permission.role() == permission.role()),
            "{} is asked for and not used",
            permission.role()
        );
    }
    assert!(permission::requirements("unheard.of").is_empty());
}

#[test]
fn only_the_report_of_grants_can_be_kept_back_without_harm() {
    let spare: Vec<_> = permission::ALL
        .iter()
        .filter(|permission| !permission.is_needed_by_operations())
        .map(|permission| permission.role())
        .collect();
    assert_eq!(spare, ["Application.Read.All"]);
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
         ?$select=id,displayName,createdDateTime,lastModifiedDateTime,version\
         &$expand=assignments,scheduledActionsForRule"
    );
    assert_eq!(
        table::USERS_COUNT.url(&graph).as_str(),
        "https://graph.microsoft.com/v1.0/users/$count"
    );
    assert_eq!(
        table::SETTINGS_CATALOG_LIST.url(&graph).path(),
        "/beta/deviceManagement/configurationPolicies"
    );
}

#[test]
fn an_id_stands_in_its_place_and_cannot_be_left_out() {
    let graph = Url::parse("https://graph.microsoft.com/").expect("an address");
    let id = uuid!("11111111-AAAA-4bbb-8ccc-000000000001");
    assert_eq!(
        table::CLIENT_BY_APP_ID.url(&graph, id).as_str(),
        "https://graph.microsoft.com/v1.0/servicePrincipals(appId='11111111-aaaa-4bbb-8ccc-000000000001')\
         ?$select=id"
    );
    assert_eq!(
        table::CLIENT_GRANTS_LIST.url(&graph, id).as_str(),
        "https://graph.microsoft.com/v1.0/servicePrincipals/11111111-aaaa-4bbb-8ccc-000000000001/appRoleAssignments"
    );
    let nobody = table::CLIENT_GRANTS_LIST.contract().url(&graph);
    assert!(nobody.path().contains("/00000000-0000-0000-0000-000000000000/"));
}

#[test]
fn costs_follow_the_page_of_limits() {
    // Base costs and what options change: "Microsoft Graph service-specific throttling limits".
    let cases = [
        (&table::USERS_LIST, 2, 1),
        (&table::USERS_COUNT, 2, 2),
        (&table::SUBSCRIPTIONS_LIST, 3, 2),
        (table::CLIENT_GRANTS_LIST.contract(), 2, 2),
        (&table::GROUPS_LIST, 1, 1),
        (&table::COMPLIANCE_POLICIES_LIST, 1, 1),
    ];
    for (row, base, cost) in cases {
        assert_eq!((row.base_cost(), row.cost()), (base, cost), "{}", row.name);
    }
}

#[test]
fn what_does_not_exist_in_a_cloud_is_known() {
    let absent = |cloud: Cloud| -> Vec<_> {
        let rows = ALL.iter().filter(|row| !row.exists_in(cloud));
        rows.map(|row| row.name).collect()
    };
    for whole in [
        Cloud::Global,
        Cloud::UsGovL4,
        Cloud::UsGovL5Dod,
        Cloud::China21Vianet,
    ] {
        assert!(absent(whole).is_empty(), "{whole:?}");
    }
    let beta = "configurationPolicies.list";
    for sovereign in [Cloud::BleuFr, Cloud::DelosDe] {
        let expected = [
            beta,
            "conditionalAccess.policies.list",
            "conditionalAccess.namedLocations.list",
        ];
        assert_eq!(absent(sovereign), expected, "{sovereign:?}");
    }
    assert_eq!(absent(Cloud::GovSg), [beta]);
}

/// Compares `text` with a file that was reviewed; with `UPDATE_GOLDEN=1` takes it over.
fn reviewed(path: &str, text: &str) {
    let path = File::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the file can be written");
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(file == text, "the registry changed: see {}", path.display());
}

/// Run with `UPDATE_GOLDEN=1` to accept a change, then review the difference.
#[test]
fn the_listing_was_reviewed() {
    reviewed("contracts.txt", &listing());
}

/// The page that an administrator reads says what the registry says.
#[test]
fn the_page_for_administrators_was_reviewed() {
    let page = permissions_page();
    reviewed("../../docs/permissions.md", &page);
    for row in ALL {
        let address = format!("`GET {}{}`", row.version.prefix(), row.path.template());
        assert!(page.contains(&address), "{address} is on the page");
    }
    let envelope = format!("one envelope (`POST {}`)", ENVELOPE.address());
    assert!(page.contains(&envelope), "{envelope} is on the page");
    for permission in permission::ALL {
        for text in [
            permission.role(),
            &permission.role_id().hyphenated().to_string(),
            permission.purpose(),
        ] {
            assert!(page.contains(text), "{text} is on the page");
        }
    }
}
