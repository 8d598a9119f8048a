//! What a directory holds besides people and groups: devices, roles, domains, licences.

use inventory::{ItemKind, ObservedItem};
use serde::Deserialize;

use super::{
    super::values::{Attributes, date, joined, sorted},
    Observed, item,
};
use crate::contracts::{Contract, table};

/// A device that the directory knows, under management or not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct RegisteredDevice {
    pub(super) id: String,
    device_id: Option<String>,
    display_name: Option<String>,
    account_enabled: Option<bool>,
    device_ownership: Option<String>,
    is_compliant: Option<bool>,
    is_managed: Option<bool>,
    management_type: Option<String>,
    on_premises_sync_enabled: Option<bool>,
    operating_system: Option<String>,
    operating_system_version: Option<String>,
    profile_type: Option<String>,
    registration_date_time: Option<String>,
    trust_type: Option<String>,
}

impl Observed for RegisteredDevice {
    const CONTRACT: &'static Contract = &table::DEVICES_LIST;
    const KIND: ItemKind = ItemKind::RegisteredDevice;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("directory_device_id", joined(self.device_id))
            .with("enabled", self.account_enabled)
            .with("owner_type", self.device_ownership)
            .with("compliant", self.is_compliant)
            .with("managed", self.is_managed)
            .with("management_type", self.management_type)
            .with("synced_from_premises", self.on_premises_sync_enabled)
            .with("operating_system", self.operating_system)
            .with("os_version", self.operating_system_version)
            .with("profile_type", self.profile_type)
            .with("registered_at", date(self.registration_date_time))
            .with("join_type", self.trust_type.as_deref().map(join_type));
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// How a device belongs to the directory, in words that say it ("device resource type",
/// `trustType`).
fn join_type(trust: &str) -> &'static str {
    match trust.to_ascii_lowercase().as_str() {
        "azuread" => "joined",
        "serverad" => "joined_from_premises",
        "workplace" => "registered",
        _ => "other",
    }
}

/// A role of administrators that was activated.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct DirectoryRole {
    pub(super) id: String,
    display_name: Option<String>,
    role_template_id: Option<String>,
}

impl Observed for DirectoryRole {
    const CONTRACT: &'static Contract = &table::DIRECTORY_ROLES_LIST;
    const KIND: ItemKind = ItemKind::DirectoryRole;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default().with("template_id", self.role_template_id);
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// A domain. Its id is its name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Domain {
    pub(super) id: String,
    authentication_type: Option<String>,
    is_admin_managed: Option<bool>,
    is_default: Option<bool>,
    is_initial: Option<bool>,
    is_root: Option<bool>,
    is_verified: Option<bool>,
    supported_services: Option<Vec<String>>,
}

impl Observed for Domain {
    const CONTRACT: &'static Contract = &table::DOMAINS_LIST;
    const KIND: ItemKind = ItemKind::Domain;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("authentication_type", self.authentication_type)
            .with("admin_managed", self.is_admin_managed)
            .with("default", self.is_default)
            .with("initial", self.is_initial)
            .with("root", self.is_root)
            .with("verified", self.is_verified)
            .with("services", sorted(self.supported_services));
        item(Self::KIND, self.id, None, attributes.done())
    }
}

/// Licences of one product.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Subscription {
    pub(super) id: String,
    sku_id: Option<String>,
    sku_part_number: Option<String>,
    capability_status: Option<String>,
    applies_to: Option<String>,
    consumed_units: Option<i64>,
    prepaid_units: Option<Units>,
}

/// How many licences are in which state.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Units {
    enabled: Option<i64>,
    suspended: Option<i64>,
    warning: Option<i64>,
    locked_out: Option<i64>,
}

impl Observed for Subscription {
    const CONTRACT: &'static Contract = &table::SUBSCRIPTIONS_LIST;
    const KIND: ItemKind = ItemKind::Licence;

    fn observe(self) -> ObservedItem {
        let units = self.prepaid_units.unwrap_or_default();
        let attributes = Attributes::default()
            .with("product_id", self.sku_id)
            .with("status", self.capability_status)
            .with("applies_to", self.applies_to)
            .with("used_units", self.consumed_units)
            .with("enabled_units", units.enabled)
            .with("suspended_units", units.suspended)
            .with("warning_units", units.warning)
            .with("locked_out_units", units.locked_out);
        item(Self::KIND, self.id, self.sku_part_number, attributes.done())
    }
}
