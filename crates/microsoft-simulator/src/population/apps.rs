//! Intune apps and enrollment configurations: a fixed handful per tenant.

use serde_json::{Value, json};

use super::World;

pub(crate) const MOBILE_APPS: &str = "mobileApps";
pub(crate) const ENROLLMENT: &str = "deviceEnrollmentConfigurations";

const APPS: [(&str, &str, &str); 5] = [
    ("winGetApp", "Fabrikam Notes", "Fabrikam"),
    ("win32LobApp", "Northwind Planner", "Northwind"),
    ("iosStoreApp", "Adatum Mail", "Adatum"),
    ("androidManagedStoreApp", "Adatum Mail", "Adatum"),
    ("webApp", "Contoso intranet", "Contoso"),
];

const ENROLLMENTS: [(&str, &str); 4] = [
    ("deviceEnrollmentLimitConfiguration", "All users: device limit"),
    (
        "deviceEnrollmentPlatformRestrictionsConfiguration",
        "All users: platforms",
    ),
    (
        "deviceEnrollmentWindowsHelloForBusinessConfiguration",
        "All users: sign-in without password",
    ),
    (
        "windows10EnrollmentCompletionPageConfiguration",
        "All users: status page",
    ),
];

pub(crate) fn mobile_app_count(_: &World) -> usize {
    APPS.len()
}

pub(crate) fn enrollment_count(_: &World) -> usize {
    ENROLLMENTS.len()
}

/// One app.
pub(crate) fn mobile_app(world: &World, index: usize) -> Value {
    let (type_name, name, publisher) = APPS[index];
    let source = &world.source;
    json!({
        "@odata.type": format!("#microsoft.graph.{type_name}"),
        "id": world.id(MOBILE_APPS, index),
        "displayName": name,
        "description": format!("{name} for everybody"),
        "publisher": publisher,
        "largeIcon": null,
        "createdDateTime": source.fine_date(MOBILE_APPS, index, "created", 900),
        "lastModifiedDateTime": source.fine_date(MOBILE_APPS, index, "modified", 90),
        "isFeatured": index == 0,
        "privacyInformationUrl": null,
        "informationUrl": null,
        "owner": "",
        "developer": "",
        "notes": "",
        "publishingState": "published",
    })
}

/// One enrollment configuration; its id carries its kind, as in real tenants.
pub(crate) fn enrollment(world: &World, index: usize) -> Value {
    let (type_name, name) = ENROLLMENTS[index];
    let source = &world.source;
    json!({
        "@odata.type": format!("#microsoft.graph.{type_name}"),
        "id": world.id(ENROLLMENT, index),
        "displayName": name,
        "description": "Applies to everybody",
        "priority": 0,
        "createdDateTime": "0001-01-01T00:00:00Z",
        "lastModifiedDateTime": source.fine_date(ENROLLMENT, index, "modified", 300),
        "version": 0,
    })
}
