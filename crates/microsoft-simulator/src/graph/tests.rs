//! The endpoint table, routes, page tokens and projections, without HTTP.

use serde_json::Value;
use uuid::Uuid;

use super::endpoint::{Endpoint, Paging};
use super::page::Cursor;
use super::query::Query;
use super::route::{self, Part};
use super::table::ENDPOINTS;
use crate::options::{AppOptions, RECOMMENDED_ROLES, TenantOptions};
use crate::population::World;
use crate::seal::Seal;

fn endpoint(path: &str) -> &'static Endpoint {
    ENDPOINTS
        .iter()
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
    for endpoint in &ENDPOINTS {
        assert!(
            endpoint.roles.iter().any(|role| RECOMMENDED_ROLES.contains(role)),
            "{} is out of reach of the recommended roles",
            endpoint.path
        );
        let object = (endpoint.make)(&world, 0);
        for name in endpoint.defaults.iter().chain(endpoint.declared) {
            assert!(object.get(*name).is_some(), "{} lacks {name}", endpoint.path);
        }
        if !endpoint.is_single() {
            assert_eq!(object["id"], (endpoint.id)(&world, 0), "{}", endpoint.path);
            let last = (endpoint.len)(&world) - 1;
            assert_eq!(
                endpoint.position(&world, &(endpoint.id)(&world, last)),
                Some(last)
            );
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
    let cursor = Cursor::default().after(100);
    let token = cursor.seal(&seal, "a");
    assert_eq!(Cursor::open(&seal, "a", &token), Some(cursor));
    assert_eq!(Cursor::open(&seal, "b", &token), None);
    assert_eq!(Cursor::open(&Seal::from_seed(2), "a", &token), None);
    assert_eq!(Cursor::open(&seal, "a", "AAAA"), None);
    let mut changed = token.into_bytes();
    changed[3] = if changed[3] == b'A' { b'B' } else { b'A' };
    assert_eq!(
        Cursor::open(&seal, "a", &String::from_utf8(changed).expect("ASCII")),
        None
    );
}

#[test]
fn selecting_keeps_the_type_of_a_kind() {
    let endpoint = endpoint("deviceManagement/deviceConfigurations");
    let query = Query::parse("$select=id,version", endpoint, &Part::Whole).expect("both exist");
    let narrowed = query.narrow((endpoint.make)(&world(), 0), endpoint);
    let names: Vec<&String> = narrowed
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(narrowed["@odata.type"].is_string() && narrowed["version"].is_u64());
}

#[test]
fn users_come_with_the_default_properties_only() {
    let endpoint = endpoint("users");
    let narrowed = Query::default().narrow((endpoint.make)(&world(), 0), endpoint);
    assert_eq!(
        narrowed.as_object().map(serde_json::Map::len),
        Some(endpoint.defaults.len())
    );
    assert_eq!(narrowed.get("accountEnabled"), None);
}

#[test]
fn queries_are_checked() {
    let refused = |path: &str, text: &str| {
        Query::parse(text, endpoint(path), &Part::Whole)
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
    let query = Query::parse("$select=id,mail&$top=2", endpoint("users"), &Part::Whole).expect("valid");
    let link = query.next_link("http://h", "/v1.0/users", "a+b=");
    assert_eq!(
        link,
        "http://h/v1.0/users?$select=id%2cmail&$top=2&$skiptoken=a%2bb%3d"
    );
}

#[test]
fn page_sizes_are_capped() {
    let size = |text: &str, path: &str| {
        Query::parse(text, endpoint(path), &Part::Whole)
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
    let rows = (endpoint.children.as_ref().expect("has children").rows)(&world, position.expect("installed"));
    assert_eq!(rows.len(), RECOMMENDED_ROLES.len());
    assert!(
        rows.iter()
            .any(|row| row["appRoleId"] == "df021288-bdef-4463-88db-98f22de89214")
    );
    let graph: Value = (endpoint.make)(&world, 0);
    assert_eq!(rows[0]["resourceId"], graph["id"]);
}
