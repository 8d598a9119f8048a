//! Observed items: one thing at the target, by kind and the provider's id, with those attributes
//! that the adapter's allow-list lets through.

use kernel::Timestamp;
use provider_core::{ConnectionId, RunId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// What kind of thing was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// The target itself.
    Organization,
    /// A person's or service's account.
    User,
    /// A group of accounts.
    Group,
    /// A device under management.
    Device,
    /// A policy that configures devices.
    ConfigurationPolicy,
    /// A policy that says when a device complies.
    CompliancePolicy,
    /// A policy that says who may sign in.
    AccessPolicy,
    /// A named place on the network or in the world that access policies refer to.
    NetworkLocation,
    /// A rule for how devices come under management.
    EnrollmentPolicy,
    /// An application that is given to devices.
    Application,
    /// A device that the directory knows, under management or not.
    RegisteredDevice,
    /// A role of administrators that somebody could hold.
    DirectoryRole,
    /// A domain name of the target.
    Domain,
    /// Licences of one kind that the target bought.
    Licence,
}

impl ItemKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Organization,
        Self::User,
        Self::Group,
        Self::Device,
        Self::ConfigurationPolicy,
        Self::CompliancePolicy,
        Self::AccessPolicy,
        Self::NetworkLocation,
        Self::EnrollmentPolicy,
        Self::Application,
        Self::RegisteredDevice,
        Self::DirectoryRole,
        Self::Domain,
        Self::Licence,
    ];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::User => "user",
            Self::Group => "group",
            Self::Device => "device",
            Self::ConfigurationPolicy => "configuration_policy",
            Self::CompliancePolicy => "compliance_policy",
            Self::AccessPolicy => "access_policy",
            Self::NetworkLocation => "network_location",
            Self::EnrollmentPolicy => "enrollment_policy",
            Self::Application => "application",
            Self::RegisteredDevice => "registered_device",
            Self::DirectoryRole => "directory_role",
            Self::Domain => "domain",
            Self::Licence => "licence",
        }
    }

    /// The kind that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An item on its way into the store.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedItem {
    /// What kind of thing.
    pub kind: ItemKind,
    /// The provider's id of it.
    pub external_id: String,
    /// For people.
    pub display_name: String,
    /// What the adapter's allow-list lets through.
    pub attributes: Map<String, Value>,
}

impl ObservedItem {
    /// sha256 over name and attributes: another value means that the thing changed. The keys of
    /// a map are sorted, so the order in which a provider sends them does not matter.
    pub fn content_hash(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update((self.display_name.len() as u64).to_be_bytes());
        hasher.update(&self.display_name);
        hasher.update(Value::Object(self.attributes.clone()).to_string());
        kernel::hex(&hasher.finalize())
    }
}

impl ObservedItem {
    /// The item without U+0000 in any of its texts: no provider means anything by it, and
    /// PostgreSQL cannot store it.
    #[must_use]
    pub fn without_nul(mut self) -> Self {
        for text in [&mut self.external_id, &mut self.display_name] {
            strip_nul(text);
        }
        self.attributes.values_mut().for_each(strip_nul_within);
        self
    }
}

fn strip_nul(text: &mut String) {
    text.retain(|character| character != '\0');
}

fn strip_nul_within(value: &mut Value) {
    match value {
        Value::String(text) => strip_nul(text),
        Value::Array(values) => values.iter_mut().for_each(strip_nul_within),
        Value::Object(map) => map.values_mut().for_each(strip_nul_within),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An item as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredItem {
    /// The connection through which it was seen.
    pub connection_id: ConnectionId,
    /// The item itself.
    pub item: ObservedItem,
    /// Grows by one with each change that was seen, from 1.
    pub version: i64,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Timestamp,
    /// The run that last saw it.
    pub last_seen_run_id: RunId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_taken_out_of_every_text() {
        let nested = serde_json::json!({ "list": ["a\0b", { "deep": "\0" }] });
        let item = ObservedItem {
            kind: ItemKind::User,
            external_id: "1\0".into(),
            display_name: "\0Ada".into(),
            attributes: Map::from_iter([("nested".to_owned(), nested)]),
        };
        let clean = item.without_nul();
        assert_eq!(
            (clean.external_id.as_str(), clean.display_name.as_str()),
            ("1", "Ada")
        );
        assert_eq!(
            clean.attributes["nested"],
            serde_json::json!({ "list": ["ab", { "deep": "" }] })
        );
    }

    #[test]
    fn the_hash_sees_content_and_not_order() {
        let item = |name: &str, attributes: [(&str, i32); 2]| ObservedItem {
            kind: ItemKind::Device,
            external_id: "1".into(),
            display_name: name.into(),
            attributes: attributes
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect(),
        };
        let base = item("a", [("x", 1), ("y", 2)]).content_hash();
        assert_eq!(base, item("a", [("y", 2), ("x", 1)]).content_hash());
        assert_ne!(base, item("a", [("x", 1), ("y", 3)]).content_hash());
        assert_ne!(base, item("b", [("x", 1), ("y", 2)]).content_hash());
    }
}
