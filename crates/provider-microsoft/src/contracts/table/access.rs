//! Conditional access. One request a second for a tenant, so lists are read and nothing by id.

use super::{
    super::{
        Contract, Licence, ThrottleClass,
        path::Path,
        permission::{ACCESS_POLICIES, COMPLIANCE, INVENTORY},
        reach,
    },
    LIST,
};

const CONDITIONAL_ACCESS: Contract = Contract {
    permission: &ACCESS_POLICIES,
    throttle: ThrottleClass::ConditionalAccess,
    licence: Licence::EntraP1,
    clouds: reach::CONDITIONAL_ACCESS,
    ..LIST
};

/// Policies that say who may sign in ("List conditionalAccessPolicies").
pub(crate) static ACCESS_POLICIES_LIST: Contract = Contract {
    name: "conditionalAccess.policies.list",
    path: Path::Fixed("identity/conditionalAccess/policies"),
    select: &[
        "id",
        "displayName",
        "state",
        "createdDateTime",
        "modifiedDateTime",
        "grantControls",
    ],
    used_by: &[INVENTORY, COMPLIANCE],
    ..CONDITIONAL_ACCESS
};

/// Places that those policies refer to ("List namedLocations"). The type names the kind; addresses
/// and countries belong to the kinds and are not selected.
pub(crate) static NETWORK_LOCATIONS_LIST: Contract = Contract {
    name: "conditionalAccess.namedLocations.list",
    path: Path::Fixed("identity/conditionalAccess/namedLocations"),
    select: &["id", "displayName", "createdDateTime", "modifiedDateTime"],
    ..CONDITIONAL_ACCESS
};
