//! The organization, people, groups, and devices under management.

use inventory::{ItemKind, ObservedItem};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    super::values::{Attributes, date, joined, sorted},
    Observed, item,
};
use crate::contracts::{Contract, table};

/// The tenant itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Organization {
    pub(super) id: String,
    display_name: Option<String>,
    tenant_type: Option<String>,
    country_letter_code: Option<String>,
    created_date_time: Option<String>,
    mobile_device_management_authority: Option<String>,
    on_premises_sync_enabled: Option<bool>,
    #[serde(default)]
    verified_domains: Vec<VerifiedDomain>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedDomain {
    name: Option<String>,
    is_default: Option<bool>,
}

impl Observed for Organization {
    const CONTRACT: &'static Contract = &table::ORGANIZATION_LIST;
    const KIND: ItemKind = ItemKind::Organization;

    fn observe(self) -> ObservedItem {
        let domains = self.verified_domains.len();
        let default = self
            .verified_domains
            .into_iter()
            .find(|domain| domain.is_default == Some(true));
        let attributes = Attributes::default()
            .with("tenant_type", self.tenant_type)
            .with("country", self.country_letter_code)
            .with("created_at", date(self.created_date_time))
            .with(
                "device_management_authority",
                self.mobile_device_management_authority,
            )
            .with("synced_from_premises", self.on_premises_sync_enabled)
            .with("domain_count", Some(domains))
            .with("default_domain", default.and_then(|domain| domain.name));
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// An account.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct User {
    pub(super) id: String,
    display_name: Option<String>,
    account_enabled: Option<bool>,
    #[serde(rename = "userType")]
    kind: Option<String>,
    created_date_time: Option<String>,
    on_premises_sync_enabled: Option<bool>,
    assigned_licenses: Option<Vec<IgnoredAny>>,
}

impl Observed for User {
    const CONTRACT: &'static Contract = &table::USERS_LIST;
    const KIND: ItemKind = ItemKind::User;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("enabled", self.account_enabled)
            .with("user_type", self.kind)
            .with("created_at", date(self.created_date_time))
            .with("synced_from_premises", self.on_premises_sync_enabled)
            .with(
                "licence_count",
                self.assigned_licenses.map(|licences| licences.len()),
            );
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// A group.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Group {
    pub(super) id: String,
    display_name: Option<String>,
    created_date_time: Option<String>,
    #[serde(rename = "groupTypes")]
    types: Option<Vec<String>>,
    is_assignable_to_role: Option<bool>,
    mail_enabled: Option<bool>,
    on_premises_sync_enabled: Option<bool>,
    security_enabled: Option<bool>,
    visibility: Option<String>,
}

impl Observed for Group {
    const CONTRACT: &'static Contract = &table::GROUPS_LIST;
    const KIND: ItemKind = ItemKind::Group;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("created_at", date(self.created_date_time))
            .with("group_types", sorted(self.types))
            .with("assignable_to_role", self.is_assignable_to_role)
            .with("mail_enabled", self.mail_enabled)
            .with("security_enabled", self.security_enabled)
            .with("synced_from_premises", self.on_premises_sync_enabled)
            .with("visibility", self.visibility);
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// A device under management.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ManagedDevice {
    pub(super) id: String,
    device_name: Option<String>,
    pub(in super::super) compliance_state: Option<String>,
    operating_system: Option<String>,
    os_version: Option<String>,
    #[serde(rename = "managedDeviceOwnerType")]
    owner_type: Option<String>,
    management_agent: Option<String>,
    pub(in super::super) is_encrypted: Option<bool>,
    enrolled_date_time: Option<String>,
    compliance_grace_period_expiration_date_time: Option<String>,
    #[serde(rename = "azureADDeviceId")]
    directory_device_id: Option<String>,
    device_enrollment_type: Option<String>,
}

impl Observed for ManagedDevice {
    const CONTRACT: &'static Contract = &table::MANAGED_DEVICES_LIST;
    const KIND: ItemKind = ItemKind::Device;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("compliance_state", self.compliance_state)
            .with("operating_system", self.operating_system)
            .with("os_version", self.os_version)
            .with("owner_type", self.owner_type)
            .with("management_agent", self.management_agent)
            .with("encrypted", self.is_encrypted)
            .with("enrolled_at", date(self.enrolled_date_time))
            .with(
                "grace_period_ends_at",
                date(self.compliance_grace_period_expiration_date_time),
            )
            .with("directory_device_id", joined(self.directory_device_id))
            .with("enrollment_type", self.device_enrollment_type);
        item(Self::KIND, self.id, self.device_name, attributes.done())
    }
}
