//! Service principals and the application permissions granted to them. They follow the applications of the
//! tenant as they are now, unlike the roles in a token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use crate::options::{AppOptions, AppState};

/// Application id of Microsoft Graph itself, the same in every tenant.
pub(crate) const GRAPH_APP: Uuid = Uuid::from_u128(0x0000_0003_0000_0000_c000_0000_0000_0000);

/// Application roles of Microsoft Graph (permissions reference). The ids are the same in every tenant of the
/// public cloud.
const APP_ROLES: [(&str, &str); 22] = [
    ("Application.Read.All", "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"),
    ("AuditLog.Read.All", "b0afded3-3588-46d8-8b3d-9842eff778da"),
    (
        "CrossTenantInformation.ReadBasic.All",
        "cac88765-0581-4025-9725-5ebc13f729ee",
    ),
    ("Device.Read.All", "7438b122-aefc-4978-80ed-43db9fcc7715"),
    (
        "DeviceManagementApps.Read.All",
        "7a6ee1e7-141e-4cec-ae74-d9db155731ff",
    ),
    (
        "DeviceManagementConfiguration.Read.All",
        "dc377aa6-52d8-4e23-b271-2a7ae04cedf3",
    ),
    (
        "DeviceManagementManagedDevices.Read.All",
        "2f51be20-0bb4-4fed-bf7b-db946066c75e",
    ),
    (
        "DeviceManagementRBAC.Read.All",
        "58ca0d9a-1575-47e1-a3cb-007ef2e4583b",
    ),
    (
        "DeviceManagementScripts.Read.All",
        "c7a5be92-2b3d-4540-8a67-c96dcaae8b43",
    ),
    (
        "DeviceManagementServiceConfig.Read.All",
        "06a5fe6d-c49d-46a7-b082-56b1b14103c7",
    ),
    ("Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61"),
    ("Domain.Read.All", "dbb9058a-0e50-45d7-ae91-66909b5d4664"),
    ("Group.Read.All", "5b567255-7703-4780-807c-7be8301ae99b"),
    ("Group.ReadBasic.All", "07d67222-3a10-4d3b-9ddc-b8aa43198a00"),
    ("GroupMember.Read.All", "98830695-27a2-44f7-8c18-0c3ebc9698f6"),
    (
        "LicenseAssignment.Read.All",
        "e2f98668-2877-4f38-a2f4-8202e0717aa1",
    ),
    ("Organization.Read.All", "498476ce-e0fe-48b0-b801-37ba7e2685c6"),
    ("Policy.Read.All", "246dd0d5-5bd0-4def-940b-0421030a5b68"),
    (
        "RoleManagement.Read.Directory",
        "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
    ),
    ("SecurityEvents.Read.All", "bf394140-e372-4bf9-a898-299cfc7564e5"),
    ("User.Read.All", "df021288-bdef-4463-88db-98f22de89214"),
    ("User.ReadBasic.All", "97235f07-e226-4f63-ace3-39588e11d3a1"),
];

/// Id of a role; one that is not in the table gets an invented id that is always the same.
fn role_id(name: &str) -> String {
    APP_ROLES.iter().find(|(known, _)| *known == name).map_or_else(
        || {
            super::Source::new(0, Uuid::nil())
                .guid("appRoles", 0, name)
                .to_string()
        },
        |(_, id)| (*id).to_owned(),
    )
}

/// The applications that have a service principal here.
fn installed(world: &World) -> impl Iterator<Item = &AppOptions> {
    world
        .tenant
        .apps
        .iter()
        .filter(|app| app.state != AppState::Absent)
}

/// Graph is the first, then the applications.
fn app_at(world: &World, index: usize) -> Option<&AppOptions> {
    index.checked_sub(1).and_then(|index| installed(world).nth(index))
}

pub(crate) fn count(world: &World) -> usize {
    1 + installed(world).count()
}

pub(crate) fn id(world: &World, index: usize) -> String {
    let client = app_at(world, index).map_or(GRAPH_APP, |app| app.client_id);
    world.source.principal(client).to_string()
}

/// Finds the place of an application for `servicePrincipals(appId='...')`.
pub(crate) fn position_of_app(world: &World, app_id: &str) -> Option<usize> {
    let wanted = Uuid::try_parse(app_id).ok()?;
    (0..count(world)).find(|&index| app_at(world, index).map_or(GRAPH_APP, |app| app.client_id) == wanted)
}

/// One service principal.
pub(crate) fn principal(world: &World, index: usize) -> Value {
    let app = app_at(world, index);
    let name = app.map_or("Microsoft Graph", |app| app.display_name.as_str());
    let client = app.map_or(GRAPH_APP, |app| app.client_id);
    let owner = world.source.guid("owner", 0, &client.to_string());
    json!({
        "id": id(world, index),
        "deletedDateTime": null,
        "accountEnabled": app.is_none_or(|app| app.state == AppState::Consented),
        "alternativeNames": [],
        "appDisplayName": name,
        "appId": client,
        "appOwnerOrganizationId": owner,
        "appRoleAssignmentRequired": false,
        "appRoles": if app.is_some() { Vec::new() } else { app_roles() },
        "disabledByMicrosoftStatus": null,
        "displayName": name,
        "homepage": null,
        "keyCredentials": [],
        "loginUrl": null,
        "logoutUrl": null,
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "replyUrls": [],
        "servicePrincipalNames": [client],
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMultipleOrgs",
        "tags": [],
    })
}

fn app_roles() -> Vec<Value> {
    let row = |(name, id): &(&str, &str)| {
        json!({
            "allowedMemberTypes": ["Application"], "description": name, "displayName": name, "id": id,
            "isEnabled": true, "origin": "Application", "value": name,
        })
    };
    APP_ROLES.iter().map(row).collect()
}

/// The grants of one service principal, one row a role.
pub(crate) fn role_assignments(world: &World, index: usize) -> Vec<Value> {
    let Some(app) = app_at(world, index) else {
        return Vec::new();
    };
    let principal = id(world, index);
    let row = |(number, role): (usize, &String)| {
        let first = world.source.guid("appRoleAssignments", number, &principal);
        let second = world.source.guid("appRoleAssignments", number, role);
        json!({
            "id": BASE64.encode([first.into_bytes(), second.into_bytes()].concat()),
            "deletedDateTime": null,
            "appRoleId": role_id(role),
            "createdDateTime": world.source.fine_date("appRoleAssignments", number, role, 30),
            "principalDisplayName": app.display_name,
            "principalId": principal,
            "principalType": "ServicePrincipal",
            "resourceDisplayName": "Microsoft Graph",
            "resourceId": id(world, 0),
        })
    };
    app.roles.iter().enumerate().map(row).collect()
}
