//! The tenant itself: organization, domains, subscriptions, activated directory roles, Intune subscription
//! (Microsoft Graph documentation, resource types of these names).

use serde_json::{Value, json};
use uuid::Uuid;

use super::World;

/// Stock-keeping units: part number, plans. The first is what members get.
const SKUS: [(&str, &[(&str, &str)]); 2] = [
    (
        "SIMULATED_SUITE",
        &[
            ("AAD_PREMIUM", "User"),
            ("EXCHANGE_S_STANDARD", "User"),
            ("INTUNE_A", "User"),
        ],
    ),
    ("SIMULATED_BASIC", &[("EXCHANGE_S_STANDARD", "User")]),
];

/// Name and role template; template ids are the same in every tenant.
const ROLES: [(&str, &str); 3] = [
    ("Global Administrator", "62e90394-69f5-4237-9190-012177145e10"),
    ("Global Reader", "f2ef992c-3afb-46b9-b7cf-a126ee74c451"),
    ("Directory Readers", "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"),
];

pub(crate) fn one(_: &World) -> usize {
    1
}

/// The organization; its id is the tenant id.
pub(crate) fn organization(world: &World, _: usize) -> Value {
    let tenant = &world.tenant;
    let plan = |service: &str, index: usize| {
        json!({
            "assignedDateTime": world.source.date("plans", index, "assigned", 700),
            "capabilityStatus": "Enabled", "service": service,
            "servicePlanId": world.source.guid("plans", index, service),
        })
    };
    let mut plans = vec![plan("exchange", 0), plan("AADPremiumService", 1)];
    if tenant.intune_licensed {
        plans.push(plan("SCO", 2));
    }
    json!({
        "id": tenant.tenant_id,
        "deletedDateTime": null,
        "assignedPlans": plans,
        "businessPhones": [],
        "city": null,
        "country": null,
        "countryLetterCode": "DE",
        "createdDateTime": world.source.date("organization", 0, "created", 3000),
        "defaultUsageLocation": null,
        "displayName": tenant.display_name,
        "mobileDeviceManagementAuthority": if tenant.intune_licensed { "intune" } else { "unknown" },
        "onPremisesLastSyncDateTime": null,
        "onPremisesSyncEnabled": null,
        "partnerTenantType": null,
        "postalCode": null,
        "preferredLanguage": "en",
        "state": null,
        "street": null,
        "technicalNotificationMails": [format!("operations@{}", tenant.primary_domain)],
        "tenantType": "AAD",
        "verifiedDomains": [
            { "capabilities": "Email, OfficeCommunicationsOnline", "isDefault": false, "isInitial": true,
              "name": tenant.initial_domain(), "type": "Managed" },
            { "capabilities": "Email", "isDefault": true, "isInitial": false,
              "name": tenant.primary_domain, "type": "Managed" },
        ],
    })
}

pub(crate) fn domain_count(_: &World) -> usize {
    2
}

pub(crate) fn domain_name(world: &World, index: usize) -> String {
    if index == 0 {
        world.tenant.initial_domain()
    } else {
        world.tenant.primary_domain.clone()
    }
}

/// One domain; its id is its name.
pub(crate) fn domain(world: &World, index: usize) -> Value {
    json!({
        "id": domain_name(world, index),
        "authenticationType": "Managed",
        "availabilityStatus": null,
        "isAdminManaged": true,
        "isDefault": index == 1,
        "isInitial": index == 0,
        "isRoot": true,
        "isVerified": true,
        "supportedServices": ["Email", "OfficeCommunicationsOnline"],
        "passwordValidityPeriodInDays": null,
        "passwordNotificationWindowInDays": null,
        "state": null,
    })
}

/// The same in every tenant, as real ones are.
pub(crate) fn sku_id(index: usize) -> Uuid {
    super::Source::new(0, Uuid::nil()).guid("sku", index, "id")
}

pub(crate) fn sku_count(_: &World) -> usize {
    SKUS.len()
}

pub(crate) fn sku_key(world: &World, index: usize) -> String {
    format!("{}_{}", world.tenant.tenant_id, sku_id(index))
}

/// One subscription.
pub(crate) fn sku(world: &World, index: usize) -> Value {
    let (part, plans) = SKUS[index];
    let plan = |&(name, applies): &(&str, &str)| {
        let on = name != "INTUNE_A" || world.tenant.intune_licensed;
        json!({
            "servicePlanId": super::Source::new(0, Uuid::nil()).guid("plan", 0, name), "servicePlanName": name,
            "provisioningStatus": if on { "Success" } else { "Disabled" }, "appliesTo": applies,
        })
    };
    json!({
        "id": sku_key(world, index),
        "accountId": world.tenant.tenant_id,
        "accountName": world.tenant.display_name,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": if index == 0 { world.tenant.users } else { 0 },
        "prepaidUnits": { "enabled": world.tenant.users + 25, "suspended": 0, "warning": 0, "lockedOut": 0 },
        "servicePlans": plans.iter().map(plan).collect::<Vec<_>>(),
        "skuId": sku_id(index),
        "skuPartNumber": part,
        "subscriptionIds": [world.source.guid("subscription", index, "id")],
    })
}

pub(crate) fn role_count(_: &World) -> usize {
    ROLES.len()
}

/// One activated directory role.
pub(crate) fn role(world: &World, index: usize) -> Value {
    let (name, template) = ROLES[index];
    json!({
        "id": world.id("directoryRoles", index),
        "deletedDateTime": null,
        "description": format!("Members act as {name}."),
        "displayName": name,
        "roleTemplateId": template,
    })
}

/// `/deviceManagement`: whether Intune is there at all.
pub(crate) fn device_management(world: &World, _: usize) -> Value {
    json!({
        "id": world.id("deviceManagement", 0),
        "subscriptionState": "active",
        "intuneAccountId": world.source.guid("deviceManagement", 0, "account"),
    })
}
