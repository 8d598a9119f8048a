//! The registry against official facts, which `fixtures/graph_facts.txt` writes down apart from it,
//! and against what is never asked for.

use std::collections::BTreeMap;

use super::{super::never::NEVER, *};

const FACTS: &str = include_str!("../../../fixtures/graph_facts.txt");

/// Rows without `$select`, with the reason why they hold nothing that is never kept.
const WHOLE: [(&str, &str); 3] = [
    (
        "servicePrincipals.appRoleAssignments.list",
        "names this client and Graph and nobody else",
    ),
    ("directoryRoles.list", "names and ids of built-in roles"),
    ("domains.list", "names of domains and switches"),
];

/// The facts about one call: label and value of each line.
fn facts() -> BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> {
    let blocks = FACTS.split("\n\n").skip(1);
    blocks
        .map(|block| {
            let mut lines = block.trim().lines();
            let call = lines
                .next()
                .and_then(|line| line.strip_prefix("GET "))
                .expect("a call");
            (call, lines.filter_map(|line| line.split_once(": ")).collect())
        })
        .collect()
}

fn address(row: &Contract) -> String {
    format!("{}{}", row.version.prefix(), row.path.template())
}

#[test]
fn every_row_agrees_with_the_official_facts() {
    let facts = facts();
    assert_eq!(
        facts
            .keys()
            .map(|call| (*call).to_owned())
            .collect::<BTreeSet<_>>(),
        ALL.iter().map(|row| address(row)).collect::<BTreeSet<_>>(),
    );
    for row in ALL {
        let fact = &facts[address(row).as_str()];
        let name = row.name;
        let of = |label: &str| fact.get(label).copied().unwrap_or_default();
        let role = format!(
            "{} {}",
            row.permission.role(),
            row.permission.role_id().hyphenated()
        );
        assert_eq!(role, of("role"), "{name}");
        assert!(!of("page").is_empty(), "{name}: where it is documented");
        let properties: Vec<_> = of("properties").split(' ').collect();
        for property in row.select.iter().copied().chain(quoted(row.kept)) {
            assert!(properties.contains(&property), "{name}: {property} is official");
        }
        let relations: Vec<_> = of("relations").split(' ').collect();
        for relation in row.expand {
            assert!(relations.contains(relation), "{name}: {relation} is official");
        }
        let size = row.page_size.map(|size| size.to_string());
        assert_eq!(size.unwrap_or_default(), of("page size"), "{name}");
    }
}

/// The names between backticks.
fn quoted(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn nothing_of_the_deny_table_is_selected_or_kept() {
    let denied: BTreeSet<_> = NEVER.iter().flat_map(|(_, names)| *names).collect();
    for row in ALL {
        for name in row.select.iter().copied().chain(quoted(row.kept)) {
            assert!(!denied.contains(&name), "{} selects {name}", row.name);
        }
        for name in row.expand {
            assert!(!denied.contains(name), "{} expands {name}", row.name);
        }
    }
    // The properties of Microsoft's own pages that were found to be sensitive are all denied.
    for name in [
        "activationLockBypassCode",
        "remoteAssistanceSessionUrl",
        "serialNumber",
        "signInActivity",
        "passwordProfile",
        "keyCredentials",
        "omaSettings",
        "installCommandLine",
        "technicalNotificationMails",
        "businessPhones",
    ] {
        assert!(denied.contains(&name), "{name}");
    }
}

#[test]
fn an_object_is_never_read_whole_without_a_reason() {
    for row in ALL {
        let counts = row.sensitivity == Sensitivity::Count;
        let whole = WHOLE.iter().any(|(name, _)| *name == row.name);
        assert_eq!(row.select.is_empty(), counts || whole, "{}", row.name);
        let said = counts || whole || row.shape == Shape::Entity;
        assert_eq!(
            row.kept.is_empty(),
            !said,
            "{}: what is kept is said once",
            row.name
        );
    }
}
