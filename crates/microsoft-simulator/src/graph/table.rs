//! The endpoints: one row a call. Roles from the permissions reference, page sizes from the list pages of the
//! Microsoft Graph documentation; where no size is documented, 1,000 for Intune and 100 for the directory.

mod absent;
mod intune;

use super::endpoint::{Children, Endpoint, Keys, Licence, Paging, Rows, Service};
use super::filter::Op;
use crate::population::{access, audit, devices, people, principals, tenant};

/// What directory lists have in common.
const DIRECTORY: Endpoint = Endpoint {
    beta: false,
    path: "",
    entity: "",
    service: Service::Directory,
    roles: &[],
    paging: Paging::Pages(100, 999),
    advanced: false,
    counts_page: false,
    licence: Licence::Free,
    declared: &[],
    absent: &[],
    defaults: &[],
    alone: &[],
    filters: &[],
    children: &[],
    len: tenant::one,
    keys: Keys::Kind(""),
    rows: Rows::Objects(tenant::organization),
};

const CONDITIONAL_ACCESS: Endpoint = Endpoint {
    service: Service::ConditionalAccess,
    roles: &["Policy.Read.All"],
    ..DIRECTORY
};

const AUDIT_ROLES: &[&str] = &["AuditLog.Read.All"];

const NAME_OPS: &[Op] = &[Op::Eq, Op::StartsWith];
const CHOICE_OPS: &[Op] = &[Op::Eq, Op::Ne];

/// All endpoints.
pub(super) fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().chain(&intune::ENDPOINTS)
}

/// Those of the directory, of conditional access and of the audit logs.
static ENDPOINTS: [Endpoint; 13] = [
    Endpoint {
        path: "organization",
        entity: "organization",
        roles: &[
            "Organization.Read.All",
            "Directory.Read.All",
            "Organization.ReadWrite.All",
        ],
        paging: Paging::Whole,
        absent: absent::ORGANIZATION,
        keys: Keys::Made(|world, _| world.tenant.tenant_id.to_string()),
        ..DIRECTORY
    },
    Endpoint {
        path: "users",
        entity: "user",
        roles: &[
            "User.Read.All",
            "Directory.Read.All",
            "User.ReadWrite.All",
            "Directory.ReadWrite.All",
        ],
        advanced: true,
        absent: absent::USER,
        defaults: people::USER_DEFAULTS,
        len: |world| world.tenant.users,
        keys: Keys::Kind(people::USERS),
        rows: Rows::Columns(&people::USER),
        filters: &[
            ("accountEnabled", CHOICE_OPS),
            ("userType", CHOICE_OPS),
            ("displayName", NAME_OPS),
            ("userPrincipalName", NAME_OPS),
            ("mail", NAME_OPS),
            ("id", &[Op::Eq]),
        ],
        ..DIRECTORY
    },
    Endpoint {
        path: "groups",
        entity: "group",
        roles: &[
            "GroupMember.Read.All",
            "Group.Read.All",
            "Group.ReadBasic.All",
            "Directory.Read.All",
        ],
        advanced: true,
        absent: absent::GROUP,
        len: |world| world.tenant.groups,
        keys: Keys::Kind(people::GROUPS),
        rows: Rows::Objects(people::group),
        filters: &[
            ("displayName", NAME_OPS),
            ("mailEnabled", CHOICE_OPS),
            ("securityEnabled", CHOICE_OPS),
        ],
        children: &[Children {
            segment: "members",
            expandable: true,
            rows: |world, index| people::members(world, people::GROUPS, index, 30),
            nested: None,
        }],
        ..DIRECTORY
    },
    Endpoint {
        path: "devices",
        entity: "device",
        roles: &["Device.Read.All", "Directory.Read.All", "Device.ReadWrite.All"],
        advanced: true,
        absent: absent::DEVICE,
        len: |world| world.tenant.devices,
        keys: Keys::Kind(devices::DEVICES),
        rows: Rows::Columns(&devices::DIRECTORY_DEVICE),
        filters: &[
            ("accountEnabled", CHOICE_OPS),
            ("deviceId", &[Op::Eq]),
            ("displayName", NAME_OPS),
            ("isCompliant", CHOICE_OPS),
            ("isManaged", CHOICE_OPS),
            ("operatingSystem", NAME_OPS),
        ],
        ..DIRECTORY
    },
    Endpoint {
        path: "directoryRoles",
        entity: "directoryRole",
        roles: &["RoleManagement.Read.Directory", "Directory.Read.All"],
        paging: Paging::Whole,
        len: tenant::role_count,
        keys: Keys::Kind("directoryRoles"),
        rows: Rows::Objects(tenant::role),
        children: &[Children {
            segment: "members",
            expandable: true,
            rows: |world, index| people::members(world, "directoryRoles", index, 30),
            nested: None,
        }],
        ..DIRECTORY
    },
    Endpoint {
        path: "domains",
        entity: "domain",
        roles: &["Domain.Read.All", "Directory.Read.All", "Domain.ReadWrite.All"],
        paging: Paging::Whole,
        len: tenant::domain_count,
        keys: Keys::Made(tenant::domain_name),
        rows: Rows::Objects(tenant::domain),
        absent: absent::DOMAIN,
        ..DIRECTORY
    },
    Endpoint {
        path: "subscribedSkus",
        entity: "subscribedSku",
        roles: &[
            "LicenseAssignment.Read.All",
            "Organization.Read.All",
            "Directory.Read.All",
        ],
        paging: Paging::Whole,
        len: tenant::sku_count,
        keys: Keys::Made(tenant::sku_key),
        rows: Rows::Objects(tenant::sku),
        ..DIRECTORY
    },
    Endpoint {
        path: "servicePrincipals",
        entity: "servicePrincipal",
        roles: &[
            "Application.Read.All",
            "Directory.Read.All",
            "Application.ReadWrite.All",
        ],
        advanced: true,
        absent: absent::SERVICE_PRINCIPAL,
        children: &[Children {
            segment: "appRoleAssignments",
            expandable: false,
            rows: principals::role_assignments,
            nested: None,
        }],
        len: principals::count,
        keys: Keys::Made(principals::id),
        rows: Rows::Objects(principals::principal),
        filters: &[("appId", &[Op::Eq]), ("displayName", NAME_OPS)],
        ..DIRECTORY
    },
    Endpoint {
        path: "identity/conditionalAccess/policies",
        entity: "conditionalAccessPolicy",
        absent: &["description"],
        filters: &[("displayName", NAME_OPS), ("state", &[Op::Eq])],
        len: |world| world.tenant.conditional_access_policies,
        keys: Keys::Kind(access::POLICIES),
        rows: Rows::Objects(access::policy),
        ..CONDITIONAL_ACCESS
    },
    Endpoint {
        path: "identity/conditionalAccess/namedLocations",
        entity: "namedLocation",
        declared: &["createdDateTime", "displayName", "id", "modifiedDateTime"],
        len: access::location_count,
        keys: Keys::Kind(access::LOCATIONS),
        rows: Rows::Objects(access::location),
        ..CONDITIONAL_ACCESS
    },
    Endpoint {
        path: "auditLogs/signIns",
        entity: "signIn",
        roles: AUDIT_ROLES,
        paging: Paging::Pages(1000, 1000),
        licence: Licence::Premium,
        len: audit::count,
        keys: Keys::Kind(audit::SIGN_INS),
        rows: Rows::Objects(audit::sign_in),
        ..DIRECTORY
    },
    Endpoint {
        path: "auditLogs/directoryAudits",
        entity: "directoryAudit",
        roles: AUDIT_ROLES,
        paging: Paging::Pages(1000, 1000),
        len: audit::count,
        keys: Keys::Made(audit::audit_id),
        rows: Rows::Objects(audit::audit),
        ..DIRECTORY
    },
    Endpoint {
        path: "security/secureScores",
        entity: "secureScore",
        roles: &["SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All"],
        len: audit::score_count,
        keys: Keys::Made(audit::score_id),
        rows: Rows::Objects(audit::score),
        ..DIRECTORY
    },
];
