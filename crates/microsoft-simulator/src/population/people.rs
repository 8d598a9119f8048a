//! Users and groups (Microsoft Graph documentation, resource types user and group). All names are invented.

use serde_json::{Value, json};

use super::World;

pub(crate) const USERS: &str = "users";
pub(crate) const GROUPS: &str = "groups";

const GIVEN: [&str; 16] = [
    "Ada", "Bela", "Carlo", "Dora", "Edda", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Lars", "Mira",
    "Nils", "Olga", "Pavel",
];
const FAMILY: [&str; 16] = [
    "Ahorn", "Birk", "Castell", "Dorn", "Esche", "Falk", "Ginster", "Holm", "Ilex", "Jasmin", "Klee",
    "Linde", "Moos", "Nuss", "Ostrand", "Pappel",
];
const TITLES: [&str; 6] = ["Analyst", "Buyer", "Engineer", "Nurse", "Planner", "Teacher"];
const OFFICES: [&str; 4] = ["1/1001", "2/2014", "3/3310", "4/4120"];
const TEAMS: [&str; 8] = [
    "Finance",
    "Field",
    "Helpdesk",
    "Lab",
    "Logistics",
    "Marketing",
    "Research",
    "Shop floor",
];

/// One user, every property that can be selected. Every ninth is a guest, every eleventh is switched off.
pub(crate) fn user(world: &World, index: usize) -> Value {
    let source = &world.source;
    let given = source.pick(USERS, index, "given", &GIVEN);
    let family = source.pick(USERS, index, "family", &FAMILY);
    let nickname = format!("{}.{}.{index}", given.to_lowercase(), family.to_lowercase());
    let mail = format!("{nickname}@{}", world.tenant.primary_domain);
    let guest = source.below(USERS, index, "guest", 9) == 0;
    let skus = if guest {
        json!([])
    } else {
        json!([{ "disabledPlans": [], "skuId": super::tenant::sku_id(0) }])
    };
    json!({
        "id": world.id(USERS, index),
        "businessPhones": [format!("+00 555 {:07}", source.below(USERS, index, "phone", 10_000_000))],
        "displayName": format!("{given} {family}"),
        "givenName": given,
        "surname": family,
        "jobTitle": source.pick(USERS, index, "title", &TITLES),
        "mail": mail,
        "mobilePhone": null,
        "officeLocation": source.pick(USERS, index, "office", &OFFICES),
        "preferredLanguage": "en-US",
        "userPrincipalName": mail,
        "accountEnabled": source.below(USERS, index, "off", 11) != 0,
        "userType": if guest { "Guest" } else { "Member" },
        "createdDateTime": source.date(USERS, index, "created", 1500),
        "assignedLicenses": skus,
        "mailNickname": nickname,
        "usageLocation": "DE",
        "department": source.pick(USERS, index, "department", &TEAMS),
        "onPremisesSyncEnabled": (source.below(USERS, index, "synced", 3) == 0).then_some(true),
        "externalUserState": guest.then_some("Accepted"),
        "lastPasswordChangeDateTime": source.date(USERS, index, "password", 400),
        "otherMails": [],
        "proxyAddresses": [format!("SMTP:{mail}")],
    })
}

pub(crate) const USER_DEFAULTS: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

/// One group: Microsoft 365 (Unified), security, or dynamic.
pub(crate) fn group(world: &World, index: usize) -> Value {
    let source = &world.source;
    let kind = source.below(GROUPS, index, "kind", 3);
    let name = format!("{} {index}", source.pick(GROUPS, index, "team", &TEAMS));
    let nickname = name.to_lowercase().replace(' ', "-");
    let mail = (kind == 0).then(|| format!("{nickname}@{}", world.tenant.primary_domain));
    let types = match kind {
        0 => json!(["Unified"]),
        1 => json!([]),
        _ => json!(["DynamicMembership"]),
    };
    json!({
        "id": world.id(GROUPS, index),
        "deletedDateTime": null,
        "classification": null,
        "createdDateTime": source.date(GROUPS, index, "created", 1500),
        "description": format!("Everybody who works for {name}"),
        "displayName": name,
        "expirationDateTime": null,
        "groupTypes": types,
        "isAssignableToRole": null,
        "mail": mail,
        "mailEnabled": kind == 0,
        "mailNickname": nickname,
        "membershipRule": (kind == 2).then_some("(user.accountEnabled -eq true)"),
        "membershipRuleProcessingState": (kind == 2).then_some("On"),
        "onPremisesLastSyncDateTime": null,
        "onPremisesSecurityIdentifier": null,
        "onPremisesSyncEnabled": null,
        "preferredDataLocation": null,
        "preferredLanguage": null,
        "proxyAddresses": mail.iter().map(|mail| format!("SMTP:{mail}")).collect::<Vec<_>>(),
        "renewedDateTime": source.date(GROUPS, index, "created", 1500),
        "resourceBehaviorOptions": [],
        "resourceProvisioningOptions": [],
        "securityEnabled": kind != 0,
        "theme": null,
        "visibility": (kind == 0).then_some("Private"),
        "onPremisesProvisioningErrors": [],
    })
}
