//! Sign-ins, directory audits and secure scores: few, because only their limits and licences matter here (Microsoft
//! Graph documentation, resource types signIn, directoryAudit, secureScore).

use serde_json::{Value, json};

use super::World;
use super::people::USERS;

pub(crate) const SIGN_INS: &str = "signIns";
pub(crate) const AUDITS: &str = "directoryAudits";
pub(crate) const SCORES: &str = "secureScores";

/// As many as there are users, but no more than a few pages.
pub(crate) fn count(world: &World) -> usize {
    world.tenant.users.min(2500)
}

pub(crate) fn score_count(_: &World) -> usize {
    5
}

/// One sign-in. What tells where a person was is null.
pub(crate) fn sign_in(world: &World, index: usize) -> Value {
    json!({
        "id": world.id(SIGN_INS, index),
        "createdDateTime": world.source.date(SIGN_INS, index, "created", 30),
        "userDisplayName": null,
        "userPrincipalName": null,
        "userId": world.id(USERS, index),
        "appId": world.source.guid(SIGN_INS, index % 7, "app"),
        "appDisplayName": "Northwind Portal",
        "ipAddress": "192.0.2.10",
        "clientAppUsed": "Browser",
        "correlationId": world.source.guid(SIGN_INS, index, "correlation"),
        "conditionalAccessStatus": "notApplied",
        "isInteractive": true,
        "riskDetail": "none",
        "riskLevelAggregated": "none",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "riskEventTypes": [],
        "resourceDisplayName": "Microsoft Graph",
        "status": { "errorCode": 0, "failureReason": "Other.", "additionalDetails": null },
        "deviceDetail": null,
        "location": null,
        "appliedConditionalAccessPolicies": [],
    })
}

/// One entry of the directory audit.
pub(crate) fn audit(world: &World, index: usize) -> Value {
    json!({
        "id": format!("Directory_{}", world.source.guid(AUDITS, index, "id").simple()),
        "activityDateTime": world.source.fine_date(AUDITS, index, "at", 30),
        "activityDisplayName": "Update user",
        "additionalDetails": [],
        "category": "UserManagement",
        "correlationId": world.source.guid(AUDITS, index, "correlation"),
        "initiatedBy": { "app": null, "user": null },
        "loggedByService": "Core Directory",
        "operationType": "Update",
        "result": "success",
        "resultReason": "",
        "targetResources": [],
    })
}

/// Id of an audit entry; it is no GUID.
pub(crate) fn audit_id(world: &World, index: usize) -> String {
    format!("Directory_{}", world.source.guid(AUDITS, index, "id").simple())
}

/// One day's score.
pub(crate) fn score(world: &World, index: usize) -> Value {
    json!({
        "id": score_id(world, index),
        "activeUserCount": world.tenant.users,
        "averageComparativeScores": [],
        "azureTenantId": world.tenant.tenant_id,
        "controlScores": [],
        "createdDateTime": world.source.date(SCORES, index, "created", 90),
        "currentScore": world.source.below(SCORES, index, "score", 300),
        "enabledServices": ["HasExchange"],
        "licensedUserCount": world.tenant.users,
        "maxScore": 400,
        "vendorInformation": { "provider": "SecureScore", "providerVersion": null, "subProvider": null,
                               "vendor": "Microsoft" },
    })
}

/// Id of a score: the tenant and a day.
pub(crate) fn score_id(world: &World, index: usize) -> String {
    format!("{}_2025-12-{:02}", world.tenant.tenant_id, index + 1)
}
