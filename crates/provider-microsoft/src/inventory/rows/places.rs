//! How devices come under management, what is installed on them, and which places access policies
//! know.

use inventory::{ItemKind, ObservedItem};
use serde::Deserialize;

use super::{
    super::values::{Attributes, date, type_name},
    Observed, item,
};
use crate::contracts::{Contract, table};

/// A rule for enrolling devices.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct EnrollmentPolicy {
    pub(super) id: String,
    #[serde(rename = "@odata.type")]
    odata_type: Option<String>,
    display_name: Option<String>,
    priority: Option<i64>,
    created_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    version: Option<i64>,
}

impl Observed for EnrollmentPolicy {
    const CONTRACT: &'static Contract = &table::ENROLLMENT_POLICIES_LIST;
    const KIND: ItemKind = ItemKind::EnrollmentPolicy;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("policy_type", type_name(self.odata_type))
            .with("priority", self.priority)
            .with("created_at", date(self.created_date_time))
            .with("modified_at", date(self.last_modified_date_time))
            .with("policy_version", self.version);
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// An application that is offered to devices.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Application {
    pub(super) id: String,
    #[serde(rename = "@odata.type")]
    odata_type: Option<String>,
    display_name: Option<String>,
    publisher: Option<String>,
    created_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    is_featured: Option<bool>,
    publishing_state: Option<String>,
}

impl Observed for Application {
    const CONTRACT: &'static Contract = &table::APPLICATIONS_LIST;
    const KIND: ItemKind = ItemKind::Application;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("application_type", type_name(self.odata_type))
            .with("publisher", self.publisher.filter(|name| !name.is_empty()))
            .with("created_at", date(self.created_date_time))
            .with("modified_at", date(self.last_modified_date_time))
            .with("featured", self.is_featured)
            .with("publishing_state", self.publishing_state);
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}

/// A named place. Which addresses or countries it covers is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct NetworkLocation {
    pub(super) id: String,
    #[serde(rename = "@odata.type")]
    odata_type: Option<String>,
    display_name: Option<String>,
    created_date_time: Option<String>,
    modified_date_time: Option<String>,
}

impl Observed for NetworkLocation {
    const CONTRACT: &'static Contract = &table::NETWORK_LOCATIONS_LIST;
    const KIND: ItemKind = ItemKind::NetworkLocation;

    fn observe(self) -> ObservedItem {
        let attributes = Attributes::default()
            .with("location_type", type_name(self.odata_type))
            .with("created_at", date(self.created_date_time))
            .with("modified_at", date(self.modified_date_time));
        item(Self::KIND, self.id, self.display_name, attributes.done())
    }
}
