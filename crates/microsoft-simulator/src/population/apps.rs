//! Intune apps and enrollment configurations: a fixed handful per tenant.

use serde_json::{Value, json};

use super::World;

pub(crate) const MOBILE_APPS: &str = "mobileApps";
const ENROLLMENT: &str = "deviceEnrollmentConfigurations";

const APPS: [(&str, &str, &str); 5] = [
    ("winGetApp", "Fabrikam Notes", "Fabrikam"),
    ("win32LobApp", "Northwind Planner", "Northwind"),
    ("iosStoreApp", "Adatum Mail", "Adatum"),
    ("androidManagedStoreApp", "Adatum Mail", "Adatum"),
    ("webApp", "Contoso intranet", "Contoso"),
];

/// Type, name, and the end of the id.
const ENROLLMENTS: [(&str, &str, &str); 4] = [
    (
        "deviceEnrollmentLimitConfiguration",
        "All users: device limit",
        "DefaultLimit",
    ),
    (
        "deviceEnrollmentPlatformRestrictionsConfiguration",
        "All users: platforms",
        "DefaultPlatformRestrictions",
    ),
    (
        "deviceEnrollmentWindowsHelloForBusinessConfiguration",
        "All users: sign-in without password",
        "DefaultWindowsHelloForBusiness",
    ),
    (
        "windows10EnrollmentCompletionPageConfiguration",
        "All users: status page",
        "DefaultStatusPage",
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

/// Id of an enrollment configuration; it is no GUID, because it carries the kind, as in real tenants.
pub(crate) fn enrollment_id(world: &World, index: usize) -> String {
    format!("{}_{}", world.id(ENROLLMENT, 0), ENROLLMENTS[index].2)
}

/// One enrollment configuration.
pub(crate) fn enrollment(world: &World, index: usize) -> Value {
    let (type_name, name, _) = ENROLLMENTS[index];
    let source = &world.source;
    json!({
        "@odata.type": format!("#microsoft.graph.{type_name}"),
        "id": enrollment_id(world, index),
        "displayName": name,
        "description": "Applies to everybody",
        "priority": 0,
        "createdDateTime": "0001-01-01T00:00:00Z",
        "lastModifiedDateTime": source.fine_date(ENROLLMENT, index, "modified", 300),
        "version": 0,
    })
}

/// Whom an app is offered to: everybody with a licence.
pub(crate) fn mobile_app_assignments(world: &World, index: usize) -> Vec<Value> {
    let target = json!({ "@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget" });
    vec![
        json!({ "id": format!("{}_0_0", world.id(MOBILE_APPS, index)), "intent": "available", "target": target,
                 "settings": null }),
    ]
}

/// The default enrollment configurations apply to all devices.
pub(crate) fn enrollment_assignments(world: &World, index: usize) -> Vec<Value> {
    let target = json!({ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" });
    vec![json!({ "id": format!("{}_0", enrollment_id(world, index)), "target": target })]
}
