//! Policies for devices and for signing in. Of a policy's settings nothing is read: they may hold keys and scripts.

use inventory::{ItemKind, ObservedItem};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    super::values::{Attributes, date, sorted, type_name},
    Observed, item,
};
use crate::contracts::{Contract, table};

/// A policy that configures devices.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ConfigurationPolicy {
    pub(super) id: String,
    #[serde(rename = "@odata.type")]
    odata_type: Option<String>,
    display_name: Option<String>,
    created_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    version: Option<i64>,
}

impl Observed for ConfigurationPolicy {
    const CONTRACT: &'static Contract = &table::DEVICE_CONFIGURATIONS_LIST;
    const KIND: ItemKind = ItemKind::ConfigurationPolicy;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("policy_source", Some("profile"))
            .with("policy_type", type_name(self.odata_type))
            .with("created_at", date(self.created_date_time))
            .with("modified_at", date(self.last_modified_date_time))
            .with("policy_version", self.version);
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// A policy of the settings catalog: the newer kind of policy that configures devices. It has a
/// `name`, and says itself whether it applies to anybody.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct SettingsPolicy {
    pub(super) id: String,
    name: Option<String>,
    platforms: Option<String>,
    technologies: Option<String>,
    created_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    setting_count: Option<u64>,
    is_assigned: Option<bool>,
}

impl Observed for SettingsPolicy {
    const CONTRACT: &'static Contract = &table::SETTINGS_CATALOG_LIST;
    const KIND: ItemKind = ItemKind::ConfigurationPolicy;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("policy_source", Some("settings_catalog"))
            .with("platforms", self.platforms)
            .with("technologies", self.technologies)
            .with("created_at", date(self.created_date_time))
            .with("modified_at", date(self.last_modified_date_time))
            .with("setting_count", self.setting_count)
            .with("assigned", self.is_assigned);
        item(Self::KIND, self.id, self.name, attributes.done())
    }
}

/// A policy that says when a device complies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct CompliancePolicy {
    pub(super) id: String,
    #[serde(rename = "@odata.type")]
    odata_type: Option<String>,
    display_name: Option<String>,
    created_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    version: Option<i64>,
    assignments: Option<Vec<IgnoredAny>>,
    #[serde(rename = "scheduledActionsForRule")]
    scheduled_actions: Option<Vec<IgnoredAny>>,
}

impl CompliancePolicy {
    /// Whether it applies to anybody.
    pub(in super::super) fn is_assigned(&self) -> bool {
        self.assignments
            .as_ref()
            .is_some_and(|assignments| !assignments.is_empty())
    }
}

impl Observed for CompliancePolicy {
    const CONTRACT: &'static Contract = &table::COMPLIANCE_POLICIES_LIST;
    const KIND: ItemKind = ItemKind::CompliancePolicy;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("policy_type", type_name(self.odata_type))
            .with("created_at", date(self.created_date_time))
            .with("modified_at", date(self.last_modified_date_time))
            .with("policy_version", self.version)
            .with(
                "assignment_count",
                self.assignments.map(|assignments| assignments.len()),
            )
            .with(
                "scheduled_rule_count",
                self.scheduled_actions.map(|rules| rules.len()),
            );
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// A policy that says who may sign in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct AccessPolicy {
    pub(super) id: String,
    display_name: Option<String>,
    state: Option<String>,
    created_date_time: Option<String>,
    modified_date_time: Option<String>,
    grant_controls: Option<GrantControls>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrantControls {
    operator: Option<String>,
    built_in_controls: Option<Vec<String>>,
}

impl AccessPolicy {
    /// Whether it is enforced; one that only reports is not.
    pub(in super::super) fn is_enabled(&self) -> bool {
        self.state
            .as_deref()
            .is_some_and(|state| state.eq_ignore_ascii_case("enabled"))
    }
}

impl Observed for AccessPolicy {
    const CONTRACT: &'static Contract = &table::ACCESS_POLICIES_LIST;
    const KIND: ItemKind = ItemKind::AccessPolicy;

    fn observe(self) -> ObservedItem {
        let (operator, controls) = match self.grant_controls {
            Some(grant) => (grant.operator, grant.built_in_controls),
            None => (None, None),
        };
        let attributes = Attributes::default()
            .with("state", self.state)
            .with("created_at", date(self.created_date_time))
            .with("modified_at", date(self.modified_date_time))
            .with("grant_operator", operator)
            .with("grant_controls", sorted(controls));
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}
