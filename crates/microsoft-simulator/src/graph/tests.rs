//! The endpoint table, routes, page tokens and projections, without HTTP.

use serde_json::Value;
use uuid::Uuid;

use super::endpoint::{Endpoint, Keys, Paging, Rows};
use super::list::View;
use super::page::Cursor;
use super::query::Query;
use super::route::{self, Part};
use super::table::endpoints;
use crate::options::{AppOptions, RECOMMENDED_ROLES, TenantOptions};
use crate::population::World;
use crate::population::text::Text;
use crate::seal::Seal;

fn endpoint(path: &str) -> &'static Endpoint {
    endpoints()
        .find(|endpoint| endpoint.path == path)
        .expect("in the table")
}

fn world() -> World {
    let tenant = TenantOptions::sample(Uuid::from_u128(1));
    World::new(
        1,
        TenantOptions {
            apps: vec![AppOptions::consented(Uuid::from_u128(2), "s")],
            ..tenant
        },
    )
}

#[test]
fn every_row_is_consistent() {
    let world = world();
    for endpoint in endpoints() {
        assert!(
            endpoint.roles.iter().any(|role| RECOMMENDED_ROLES.contains(role)),
            "{} is out of reach of the recommended roles",
            endpoint.path
        );
        let object = endpoint.make(&world, 0);
        for name in endpoint.defaults.iter().chain(endpoint.declared) {
            assert!(object.get(*name).is_some(), "{} lacks {name}", endpoint.path);
        }
        if !endpoint.is_single() {
            assert_eq!(object["id"], endpoint.id(&world, 0), "{}", endpoint.path);
            let last = (endpoint.len)(&world) - 1;
            assert_eq!(endpoint.position(&world, &endpoint.id(&world, last)), Some(last));
        }
        if endpoint.declared.is_empty() == object.get("@odata.type").is_some() {
            assert_eq!(
                endpoint.path, "deviceAppManagement/mobileApps",
                "kinds need a declared list"
            );
        }
    }
}

#[test]
fn paths_lead_to_endpoints() {
    let path = |path: &str| route::find(path).map(|route| route.endpoint.path).ok();
    assert_eq!(path("/v1.0/users"), Some("users"));
    assert_eq!(path("/v1.0/Users/$count"), Some("users"));
    assert_eq!(path("/v1.0/deviceManagement"), Some("deviceManagement"));
    assert_eq!(
        path("/v1.0/deviceManagement/managedDevices/x"),
        Some("deviceManagement/managedDevices")
    );
    assert_eq!(path("/v1.0/deviceManagement/managedDevices/$count"), None);
    assert_eq!(path("/v1.0/deviceManagement/configurationPolicies"), None);
    assert_eq!(
        path("/beta/deviceManagement/configurationPolicies"),
        Some("deviceManagement/configurationPolicies")
    );
    assert_eq!(
        path("/v1.0/servicePrincipals(appId=%27x%27)/appRoleAssignments"),
        Some("servicePrincipals")
    );
}

#[test]
fn an_unknown_path_names_the_segment() {
    let message = |path: &str| {
        route::find(path)
            .err()
            .map(|problem| problem.message)
            .unwrap_or_default()
    };
    assert!(message("/v1.0/deviceManagement/toasters").contains("'toasters'"));
    assert!(message("/v1.0/nothing/at/all").contains("'nothing'"));
    assert!(message("/v1.0/users/x/messages").contains("'messages'"));
}

#[test]
fn page_tokens_are_bound_to_their_query() {
    let seal = Seal::from_seed(1);
    let cursor = Cursor::default().after(100, 7);
    let token = cursor.seal(&seal, "a");
    assert_eq!(Cursor::open(&seal, "a", &token), Some(cursor));
    assert_eq!(Cursor::open(&seal, "b", &token), None);
    assert_eq!(Cursor::open(&Seal::from_seed(2), "a", &token), None);
    assert_eq!(Cursor::open(&seal, "a", "+AAAA"), None);
    let mut changed = token.into_bytes();
    changed[3] = if changed[3] == b'A' { b'B' } else { b'A' };
    assert_eq!(
        Cursor::open(&seal, "a", &String::from_utf8(changed).expect("ASCII")),
        None
    );
}

#[test]
fn every_recommended_role_opens_an_endpoint() {
    for role in RECOMMENDED_ROLES {
        assert!(
            endpoints().any(|endpoint| endpoint.roles.contains(&role)),
            "{role} opens nothing"
        );
    }
}

#[test]
fn a_filter_is_not_as_deep_as_its_writer_likes() {
    let code = |depth: usize| {
        let nested = format!("{}accountEnabled eq true{}", "(".repeat(depth), ")".repeat(depth));
        let query = Query::parse(
            &format!("$filter={nested}"),
            endpoint("users"),
            &Part::Whole,
            false,
        );
        query.err().map(|problem| problem.code)
    };
    assert_eq!(code(32), None);
    assert_eq!(code(33), Some("Request_BadRequest"));
    assert_eq!(code(60_000), Some("Request_BadRequest"));
    // What stands side by side is not deep.
    let wide = ["(accountEnabled eq true)"; 40].join(" or ");
    let query = Query::parse(&format!("$filter={wide}"), endpoint("users"), &Part::Whole, false);
    assert!(query.is_ok());
}

/// The first object of an endpoint as a query shows it.
fn shown(path: &str, query: &str) -> serde_json::Map<String, Value> {
    let endpoint = endpoint(path);
    let query = Query::parse(query, endpoint, &Part::Whole, false).expect("a valid query");
    let world = world();
    let mut text = Text::default();
    View::new(&world, endpoint, &query, String::new(), false).write(0, &mut text, "");
    serde_json::from_slice(text.bytes()).expect("an object")
}

#[test]
fn selecting_keeps_the_type_of_a_kind() {
    let row = shown("deviceManagement/deviceConfigurations", "$select=id,version");
    assert_eq!(row.len(), 3, "{row:?}");
    assert!(row["@odata.type"].is_string() && row["version"].is_u64());
}

#[test]
fn users_come_with_the_default_properties_only() {
    let row = shown("users", "");
    assert_eq!(row.len(), endpoint("users").defaults.len());
    assert_eq!(row.get("accountEnabled"), None);
}

/// What is written alone is what the whole object has.
#[test]
fn a_selection_shows_the_values_of_the_whole_object() {
    for endpoint in endpoints().filter(|endpoint| !endpoint.is_single()) {
        let whole = endpoint.make(&world(), 0);
        let names: Vec<&str> = match endpoint.rows {
            Rows::Columns(columns) => columns.iter().map(|column| column.name).collect(),
            Rows::Objects(_) if !endpoint.declared.is_empty() => endpoint.declared.to_vec(),
            Rows::Objects(_) => whole
                .as_object()
                .into_iter()
                .flat_map(|all| all.keys().map(String::as_str))
                .filter(|name| !name.starts_with('@'))
                .collect(),
        };
        let row = shown(endpoint.path, &format!("$select={}", names.join(",")));
        for name in names {
            assert_eq!(row[name], whole[name], "{} {name}", endpoint.path);
        }
    }
}

#[test]
fn big_lists_are_never_searched_for_a_key() {
    for endpoint in endpoints().filter(|endpoint| matches!(endpoint.keys, Keys::Made(_))) {
        let tenant = TenantOptions {
            users: 2000,
            groups: 10_000,
            devices: 10_000,
            policies: 10_000,
            ..TenantOptions::sample(Uuid::nil())
        };
        let len = (endpoint.len)(&World::new(1, tenant));
        assert!(len <= 2500, "{} has {len}", endpoint.path);
    }
}

#[test]
fn queries_are_checked() {
    let refused = |path: &str, text: &str| {
        Query::parse(text, endpoint(path), &Part::Whole, false)
            .err()
            .map(|problem| problem.code)
    };
    assert_eq!(refused("users", "$select=displayName,employeeId&$top=999"), None);
    assert_eq!(refused("users", "$select=shoeSize"), Some("Request_BadRequest"));
    assert_eq!(refused("users", "$top=1000"), Some("Request_BadRequest"));
    assert_eq!(refused("users", "$top=0"), Some("Request_BadRequest"));
    assert_eq!(refused("users", "$top=5&$top=6"), Some("Request_BadRequest"));
    assert_eq!(refused("users", "$skip=5"), Some("Request_UnsupportedQuery"));
    assert_eq!(
        refused("users", "$expand=assignments"),
        Some("Request_UnsupportedQuery")
    );
    assert_eq!(
        refused("directoryRoles", "$top=5"),
        Some("Request_UnsupportedQuery")
    );
    assert_eq!(refused("deviceManagement/managedDevices", "$top=5000"), None);
    assert_eq!(
        refused("deviceManagement/deviceConfigurations", "$select=omaSettings"),
        Some("BadRequest")
    );
    assert_eq!(refused("users", "unknown=1"), None);
}

#[test]
fn the_next_link_repeats_the_options_escaped() {
    let query =
        Query::parse("$select=id,mail&$top=2", endpoint("users"), &Part::Whole, false).expect("valid");
    let link = query.next_link("http://h", "/v1.0/users", "a+b=");
    assert_eq!(
        link,
        "http://h/v1.0/users?$select=id%2cmail&$top=2&$skiptoken=a%2bb%3d"
    );
}

#[test]
fn page_sizes_are_capped() {
    let size = |text: &str, path: &str| {
        Query::parse(text, endpoint(path), &Part::Whole, false)
            .map(|query| query.page_size(endpoint(path), 5000))
            .ok()
    };
    assert_eq!(size("", "users"), Some(100));
    assert_eq!(size("$top=7", "users"), Some(7));
    assert_eq!(size("$top=5000", "deviceManagement/managedDevices"), Some(1000));
    assert!(matches!(endpoint("directoryRoles").paging, Paging::Whole));
    assert_eq!(size("", "directoryRoles"), Some(5000));
}

#[test]
fn grants_follow_the_application() {
    let world = world();
    let endpoint = endpoint("servicePrincipals");
    let position = endpoint.position(&world, &format!("{}{}", route::APP_ID_KEY, Uuid::from_u128(2)));
    let rows = (endpoint.children[0].rows)(&world, position.expect("installed"));
    assert_eq!(rows.len(), RECOMMENDED_ROLES.len());
    assert!(
        rows.iter()
            .any(|row| row["appRoleId"] == "df021288-bdef-4463-88db-98f22de89214")
    );
    let graph: Value = endpoint.make(&world, 0);
    assert_eq!(rows[0]["resourceId"], graph["id"]);
}
