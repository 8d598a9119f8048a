//! One small type for each kind of item: exactly what the contract selects, and how it becomes an
//! observed item. What is not a field here is dropped while it is parsed.
//!
//! Properties and their types: Graph v1.0 resource pages organization, user, group, managedDevice,
//! device, directoryRole, domain, subscribedSku, deviceConfiguration, deviceCompliancePolicy,
//! deviceEnrollmentConfiguration, mobileApp, conditionalAccessPolicy, namedLocation; beta resource
//! page deviceManagementConfigurationPolicy.

mod directory;
mod estate;
mod places;
mod policies;

use inventory::{ItemKind, ObservedItem};
use serde_json::{Map, Value};

pub(super) use directory::{Group, ManagedDevice, Organization, User};
pub(super) use estate::{DirectoryRole, Domain, RegisteredDevice, Subscription};
pub(super) use places::{Application, EnrollmentPolicy, NetworkLocation};
pub(super) use policies::{AccessPolicy, CompliancePolicy, ConfigurationPolicy, SettingsPolicy};

use crate::{contracts::Contract, pages::Row};

/// A row that becomes an item.
pub(super) trait Observed: Row {
    /// The call that lists it.
    const CONTRACT: &'static Contract;
    /// The kind of item that it becomes.
    const KIND: ItemKind;

    /// The item.
    fn observe(self) -> ObservedItem;
}

/// An item of `kind`; a thing without a name is shown by its id.
fn item(kind: ItemKind, id: String, name: Option<String>, attributes: Map<String, Value>) -> ObservedItem {
    let display_name = name
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| id.clone());
    ObservedItem {
        kind,
        external_id: id,
        display_name,
        attributes,
    }
}

/// Gives each type its id.
macro_rules! rows {
    ($($type:ty),+) => {$(
        impl Row for $type {
            fn id(&self) -> &str {
                &self.id
            }
        }
    )+};
}

rows!(
    Organization,
    User,
    Group,
    RegisteredDevice,
    DirectoryRole,
    Domain,
    Subscription,
    ManagedDevice,
    ConfigurationPolicy,
    SettingsPolicy,
    CompliancePolicy,
    EnrollmentPolicy,
    Application,
    AccessPolicy,
    NetworkLocation
);

#[cfg(test)]
mod tests;
