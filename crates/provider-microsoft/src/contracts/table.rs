//! The rows. Paths and options from the list and get pages of the Graph v1.0 reference; what is
//! selected leaves out everything that names, locates or reaches a person or a piece of hardware,
//! except the display name.
//!
//! `$top` stands only where a page documents its largest value (users, groups). `$select` stands
//! wherever the page documents it. Costs: page "Microsoft Graph service-specific throttling
//! limits", resource units of directory objects.

mod access;
mod devices;
mod directory;

pub(crate) use self::{
    access::{ACCESS_POLICIES_LIST, NETWORK_LOCATIONS_LIST},
    devices::{
        APPLICATIONS_LIST, COMPLIANCE_POLICIES_LIST, COMPLIANCE_SUMMARY, DEVICE_CONFIGURATIONS_LIST,
        ENROLLMENT_POLICIES_LIST, MANAGED_DEVICE_OVERVIEW, MANAGED_DEVICES_LIST, SETTINGS_CATALOG_LIST,
    },
    directory::{
        CLIENT_BY_APP_ID, CLIENT_GRANTS_LIST, DEVICES_COUNT, DEVICES_LIST, DIRECTORY_ROLES_LIST,
        DOMAINS_LIST, GROUPS_COUNT, GROUPS_LIST, ORGANIZATION_LIST, SUBSCRIPTIONS_LIST, USERS_COUNT,
        USERS_LIST,
    },
};
use super::{
    ApiVersion, Contract, Licence, RetryClass, Sensitivity, Shape, ThrottleClass,
    path::Path,
    permission::{CONFIGURATION, INVENTORY, ORGANIZATION},
    reach,
};

/// What rows have in common.
const LIST: Contract = Contract {
    name: "",
    version: ApiVersion::V1,
    path: Path::Fixed(""),
    shape: Shape::List,
    select: &[],
    expand: &[],
    page_size: None,
    permission: &ORGANIZATION,
    throttle: ThrottleClass::Directory,
    cost: 1,
    retry: RetryClass::Patient,
    sensitivity: Sensitivity::Configuration,
    licence: Licence::Any,
    clouds: reach::EVERYWHERE,
    used_by: &[INVENTORY],
    kept: "",
};

const INTUNE: Contract = Contract {
    permission: &CONFIGURATION,
    throttle: ThrottleClass::IntuneOther,
    licence: Licence::Intune,
    ..LIST
};

const COUNT: Contract = Contract {
    shape: Shape::Count,
    retry: RetryClass::Brief,
    sensitivity: Sensitivity::Count,
    kept: "a number",
    ..LIST
};

/// Every call that can be made.
pub static ALL: [&Contract; 22] = [
    &ORGANIZATION_LIST,
    CLIENT_BY_APP_ID.contract(),
    CLIENT_GRANTS_LIST.contract(),
    &USERS_LIST,
    &USERS_COUNT,
    &GROUPS_LIST,
    &GROUPS_COUNT,
    &DEVICES_LIST,
    &DEVICES_COUNT,
    &DIRECTORY_ROLES_LIST,
    &DOMAINS_LIST,
    &SUBSCRIPTIONS_LIST,
    &MANAGED_DEVICES_LIST,
    &MANAGED_DEVICE_OVERVIEW,
    &DEVICE_CONFIGURATIONS_LIST,
    &COMPLIANCE_POLICIES_LIST,
    &COMPLIANCE_SUMMARY,
    &SETTINGS_CATALOG_LIST,
    &ENROLLMENT_POLICIES_LIST,
    &APPLICATIONS_LIST,
    &ACCESS_POLICIES_LIST,
    &NETWORK_LOCATIONS_LIST,
];
