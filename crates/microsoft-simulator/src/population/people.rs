//! Users and groups (Microsoft Graph documentation, resource types user and group). All names are invented.

use serde_json::{Value, json};

use super::World;
use super::column::{Column, drawn, fixed};
use super::text::Text;

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

fn given(world: &World, index: usize) -> &'static str {
    world.source.pick(USERS, index, "given", &GIVEN)
}

fn family(world: &World, index: usize) -> &'static str {
    world.source.pick(USERS, index, "family", &FAMILY)
}

/// Every ninth or so is a guest.
fn is_guest(world: &World, index: usize) -> bool {
    world.source.below(USERS, index, "guest", 9) == 0
}

fn nickname(world: &World, index: usize) -> String {
    let (given, family) = (given(world, index), family(world, index));
    format!("{}.{}.{index}", given.to_lowercase(), family.to_lowercase())
}

/// Mail address and user principal name.
pub(crate) fn write_mail(world: &World, index: usize, text: &mut Text) {
    text.pieces(&[&nickname(world, index), "@", &world.tenant.primary_domain]);
}

pub(crate) fn write_name(world: &World, index: usize, text: &mut Text) {
    text.pieces(&[given(world, index), " ", family(world, index)]);
}

/// Every property of a user that can be selected. About every eleventh user is switched off.
pub(crate) static USER: [Column; 23] = [
    drawn("id", |world, index, text| {
        text.guid(world.source.object_id(USERS, index));
    }),
    drawn("businessPhones", |world, index, text| {
        let number = world.source.below(USERS, index, "phone", 10_000_000);
        text.raw("[\"+00 555 ");
        text.digits(i64::try_from(number).unwrap_or_default(), 7);
        text.raw("\"]");
    }),
    drawn("displayName", write_name),
    drawn("givenName", |world, index, text| text.string(given(world, index))),
    drawn("surname", |world, index, text| text.string(family(world, index))),
    drawn("jobTitle", |world, index, text| {
        text.string(world.source.pick(USERS, index, "title", &TITLES));
    }),
    drawn("mail", write_mail),
    fixed("mobilePhone", "null"),
    drawn("officeLocation", |world, index, text| {
        text.string(world.source.pick(USERS, index, "office", &OFFICES));
    }),
    fixed("preferredLanguage", "\"en-US\""),
    drawn("userPrincipalName", write_mail),
    drawn("accountEnabled", |world, index, text| {
        text.flag(world.source.below(USERS, index, "off", 11) != 0);
    }),
    drawn("userType", |world, index, text| {
        text.string(if is_guest(world, index) { "Guest" } else { "Member" });
    }),
    drawn("createdDateTime", |world, index, text| {
        text.moment(world.source.seconds(USERS, index, "created", 1500), None);
    }),
    drawn("assignedLicenses", |world, index, text| {
        if is_guest(world, index) {
            text.raw("[]");
        } else {
            text.raw("[{\"disabledPlans\":[],\"skuId\":");
            text.guid(super::tenant::sku_id(0));
            text.raw("}]");
        }
    }),
    drawn("mailNickname", |world, index, text| {
        text.string(&nickname(world, index));
    }),
    fixed("usageLocation", "\"DE\""),
    drawn("department", |world, index, text| {
        text.string(world.source.pick(USERS, index, "department", &TEAMS));
    }),
    drawn("onPremisesSyncEnabled", |world, index, text| {
        let synced = world.source.below(USERS, index, "synced", 3) == 0;
        text.raw(if synced { "true" } else { "null" });
    }),
    drawn("externalUserState", |world, index, text| {
        text.raw(if is_guest(world, index) {
            "\"Accepted\""
        } else {
            "null"
        });
    }),
    drawn("lastPasswordChangeDateTime", |world, index, text| {
        text.moment(world.source.seconds(USERS, index, "password", 400), None);
    }),
    fixed("otherMails", "[]"),
    drawn("proxyAddresses", |world, index, text| {
        text.raw("[");
        text.pieces(&[
            "SMTP:",
            &nickname(world, index),
            "@",
            &world.tenant.primary_domain,
        ]);
        text.raw("]");
    }),
];

/// What a list of users shows without `$select`.
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

/// Members of a group or a role: some users, as a list of directory objects shows them.
pub(crate) fn members(world: &World, kind: &str, index: usize, most: usize) -> Vec<Value> {
    let users = world.tenant.users;
    let count = world.source.below(kind, index, "members", most + 1).min(users);
    let first = world.source.below(kind, index, "first member", users);
    let member = |number: usize| {
        let user = (first + number) % users;
        let mut object = super::column::object(&USER, world, user);
        if let Value::Object(object) = &mut object {
            object.retain(|name, _| USER_DEFAULTS.contains(&name.as_str()));
            object.insert("@odata.type".to_owned(), json!("#microsoft.graph.user"));
        }
        object
    };
    (0..count).map(member).collect()
}
