//! Conditional access policies and named locations (Microsoft Graph documentation, resource types
//! conditionalAccessPolicy and namedLocation).

use serde_json::{Value, json};

use super::World;
use super::people::GROUPS;

pub(crate) const POLICIES: &str = "conditionalAccess/policies";
pub(crate) const LOCATIONS: &str = "conditionalAccess/namedLocations";

const NAMES: [&str; 5] = [
    "Ask for a second factor",
    "Block old protocols",
    "Managed devices only",
    "Guests",
    "Administrators",
];
/// Built-in role template of the global administrator, the same in every tenant.
const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";

fn users(world: &World, index: usize) -> Value {
    let group = world.id(
        GROUPS,
        world.source.below(POLICIES, index, "group", world.tenant.groups),
    );
    let none: [&str; 0] = [];
    let (users, groups, roles) = match world.source.below(POLICIES, index, "who", 4) {
        0 => (vec!["GuestsOrExternalUsers"], vec![], vec![]),
        1 => (vec![], vec![], vec![GLOBAL_ADMINISTRATOR]),
        2 if world.tenant.groups > 0 => (vec![], vec![group.as_str()], vec![]),
        _ => (vec!["All"], vec![], vec![]),
    };
    json!({
        "includeUsers": users, "excludeUsers": none, "includeGroups": groups, "excludeGroups": none,
        "includeRoles": roles, "excludeRoles": none,
    })
}

/// One policy. Its times may be null, as those of old policies are.
pub(crate) fn policy(world: &World, index: usize) -> Value {
    let source = &world.source;
    let states = [
        "enabled",
        "enabled",
        "disabled",
        "enabledForReportingButNotEnforced",
    ];
    let control = source.pick(POLICIES, index, "control", &["mfa", "block", "compliantDevice"]);
    let old = source.below(POLICIES, index, "old", 6) == 0;
    let location = (source.below(POLICIES, index, "located", 4) == 0)
        .then(|| json!({ "includeLocations": ["All"], "excludeLocations": [world.id(LOCATIONS, 0)] }));
    json!({
        "id": world.id(POLICIES, index),
        "templateId": null,
        "displayName": format!("{} {index}", source.pick(POLICIES, index, "name", &NAMES)),
        "createdDateTime": (!old).then(|| source.fine_date(POLICIES, index, "created", 900)),
        "modifiedDateTime": (!old).then(|| source.fine_date(POLICIES, index, "modified", 90)),
        "state": source.pick(POLICIES, index, "state", &states),
        "sessionControls": null,
        "conditions": {
            "userRiskLevels": [], "signInRiskLevels": [], "clientAppTypes": ["all"],
            "platforms": null, "locations": location, "devices": null,
            "applications": { "includeApplications": ["All"], "excludeApplications": [], "includeUserActions": [] },
            "users": users(world, index),
        },
        "grantControls": {
            "operator": "OR", "builtInControls": [control], "customAuthenticationFactors": [], "termsOfUse": [],
            "authenticationStrength": null,
        },
    })
}

pub(crate) fn location_count(_: &World) -> usize {
    2
}

/// Two named locations: the offices' addresses, and a list of countries.
pub(crate) fn location(world: &World, index: usize) -> Value {
    let source = &world.source;
    let created = source.fine_date(LOCATIONS, index, "created", 900);
    let id = world.id(LOCATIONS, index);
    if index == 0 {
        return json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation", "id": id, "displayName": "Offices",
            "createdDateTime": created, "modifiedDateTime": created, "isTrusted": true,
            "ipRanges": [{ "@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24" }],
        });
    }
    json!({
        "@odata.type": "#microsoft.graph.countryNamedLocation", "id": id, "displayName": "Countries we work in",
        "createdDateTime": created, "modifiedDateTime": created, "countriesAndRegions": ["DE", "NL"],
        "countryLookupMethod": "clientIpAddress", "includeUnknownCountriesAndRegions": false,
    })
}
