//! Filters, orders, expansions, page tokens and licences, as documented and not further.

use crate::support::{Answer, CLIENT, Stage, TENANT};
use chrono::TimeDelta;
use serde_json::{Value, json};

const DEVICES: &str = "/v1.0/deviceManagement/managedDevices";

async fn eventual(stage: &Stage, path: &str) -> (u16, Value) {
    let request = stage.client().get(format!("{}{path}", stage.base()));
    let request = request
        .bearer_auth(stage.token().await)
        .header("ConsistencyLevel", "eventual");
    let answer = request.send().await.expect("answers");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// All rows behind a path.
pub(crate) async fn all(stage: &Stage, path: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = Some(format!("{}{path}", stage.base()));
    while let Some(link) = next {
        let page = stage.get_url(&link).await.json().await;
        rows.extend(page["value"].as_array().expect("a list").clone());
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    rows
}

async fn refused(answer: Answer) -> String {
    let (status, code) = answer.problem().await;
    assert_eq!(status, 400);
    code
}

#[tokio::test]
async fn a_filter_finds_what_the_whole_list_holds() {
    let stage = Stage::start().await;
    let devices = all(&stage, &format!("{DEVICES}?$top=50")).await;
    let with = |fits: &dyn Fn(&Value) -> bool| devices.iter().filter(|row| fits(row)).count();
    let found = async |filter: &str| {
        all(&stage, &format!("{DEVICES}?$top=7&$filter={filter}"))
            .await
            .len()
    };
    assert_eq!(devices.len(), 180);
    let noncompliant = found("complianceState eq 'noncompliant'").await;
    assert_eq!(
        noncompliant,
        with(&|row| row["complianceState"] == "noncompliant")
    );
    assert!(noncompliant > 7, "more than a page");
    assert_eq!(
        found("complianceState eq 'error' or complianceState eq 'conflict'").await,
        with(&|row| row["complianceState"] == "error" || row["complianceState"] == "conflict")
    );
    let since = "2025-12-10T00:00:00Z";
    let recent = found(&format!("lastSyncDateTime gt {since}")).await;
    assert_eq!(
        recent,
        with(&|row| row["lastSyncDateTime"].as_str() > Some(since))
    );
    assert_eq!(recent + found(&format!("lastSyncDateTime lt {since}")).await, 180);
    assert_eq!(
        found(&format!(
            "(managementAgent eq 'mdm') and (lastSyncDateTime gt {since})"
        ))
        .await,
        with(&|row| row["managementAgent"] == "mdm" && row["lastSyncDateTime"].as_str() > Some(since))
    );
}

#[tokio::test]
async fn users_are_filtered_and_counted() {
    let stage = Stage::start().await;
    let users = all(
        &stage,
        "/v1.0/users?$select=id,userType,accountEnabled,displayName",
    )
    .await;
    let guests = users.iter().filter(|user| user["userType"] == "Guest").count();
    assert_eq!(
        all(&stage, "/v1.0/users?$filter=userType eq 'Guest'").await.len(),
        guests
    );
    let off = users
        .iter()
        .filter(|user| user["accountEnabled"] == false)
        .count();
    assert_eq!(
        all(&stage, "/v1.0/users?$filter=accountEnabled eq false")
            .await
            .len(),
        off
    );
    let adas = users.iter().filter(|user| {
        user["displayName"]
            .as_str()
            .is_some_and(|name| name.starts_with("Ada "))
    });
    let adas = adas.count();
    assert!(adas > 0 && off > 0 && guests > 0);
    assert_eq!(
        all(&stage, "/v1.0/users?$filter=startsWith(displayName,'ada ')")
            .await
            .len(),
        adas
    );
    let (_, counted) = eventual(&stage, "/v1.0/users/$count?$filter=userType eq 'Guest'").await;
    assert_eq!(counted, guests);
    let (_, page) = eventual(
        &stage,
        "/v1.0/users?$count=true&$top=1&$filter=userType ne 'Guest'",
    )
    .await;
    assert_eq!(page["@odata.count"], 250 - guests);
}

#[tokio::test]
async fn what_is_not_documented_is_refused() {
    let stage = Stage::start().await;
    for query in [
        "$filter=department eq 'Lab'",
        "$filter=userType ne 'Guest'",
        "$filter=accountEnabled gt true",
        "$filter=endsWith(mail,'x')",
        "$orderby=displayName&$filter=accountEnabled eq true",
        "$orderby=department",
        "$search=\"displayName:Ada\"",
        "$skip=10",
    ] {
        let code = refused(stage.get(&format!("/v1.0/users?{query}")).await).await;
        assert_eq!(code, "Request_UnsupportedQuery", "{query}");
    }
    for query in [
        "$filter=accountEnabled eq",
        "$filter=(accountEnabled eq true",
        "$filter=userType eq 'x",
    ] {
        let code = refused(stage.get(&format!("/v1.0/users?{query}")).await).await;
        assert_eq!(code, "Request_BadRequest", "{query}");
    }
    for path in [
        "/v1.0/subscribedSkus?$filter=skuPartNumber eq 'x'",
        "/v1.0/subscribedSkus?$top=1",
        "/v1.0/directoryRoles?$skiptoken=x",
        "/v1.0/deviceManagement/managedDevices?$filter=deviceName eq 'x'",
        "/v1.0/deviceManagement/managedDevices?$filter=complianceState gt 'x'",
    ] {
        assert_eq!(
            refused(stage.get(path).await).await,
            "Request_UnsupportedQuery",
            "{path}"
        );
    }
}

#[tokio::test]
async fn advanced_queries_need_header_and_count() {
    let stage = Stage::start().await;
    for query in [
        "$filter=accountEnabled eq true&$orderby=displayName",
        "$search=\"displayName:ada\"",
    ] {
        assert_eq!(eventual(&stage, &format!("/v1.0/users?{query}")).await.0, 400);
    }
    let (status, page) = eventual(&stage, "/v1.0/users?$orderby=displayName desc&$top=5&$count=true").await;
    assert_eq!(status, 200);
    let names: Vec<&str> = page["value"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|user| user["displayName"].as_str())
        .collect();
    assert!(names.len() == 5 && names.is_sorted_by(|a, b| a >= b), "{names:?}");
    let (_, found) = eventual(&stage, "/v1.0/users?$search=\"displayName:ADA\"&$count=true").await;
    let rows = found["value"].as_array().expect("rows");
    assert!(
        !rows.is_empty()
            && rows
                .iter()
                .all(|user| user["displayName"].to_string().to_lowercase().contains("ada"))
    );
    assert_eq!(found["@odata.count"], rows.len());
}

#[tokio::test]
async fn the_directory_expands_twenty() {
    let stage = Stage::start().await;
    let groups = all(&stage, "/v1.0/groups?$expand=members&$select=id").await;
    let mut cut = 0;
    for group in &groups {
        let expanded = group["members"].as_array().expect("members").len();
        let path = format!("/v1.0/groups/{}/members", group["id"].as_str().expect("an id"));
        let alone = all(&stage, &path).await.len();
        assert_eq!(expanded, alone.min(20));
        cut += usize::from(alone > 20);
    }
    assert!(cut > 0, "no group was large enough to tell");
    assert_eq!(
        stage
            .get("/v1.0/groups?$expand=members($select=id)")
            .await
            .status(),
        400
    );
}

#[tokio::test]
async fn compliance_policies_show_their_rules() {
    let stage = Stage::start().await;
    let path = "/v1.0/deviceManagement/deviceCompliancePolicies";
    let list = all(
        &stage,
        &format!("{path}?$expand=assignments,scheduledActionsForRule"),
    )
    .await;
    assert!(list[0]["assignments"].is_array());
    assert_eq!(
        list[0]["scheduledActionsForRule"][0].get("scheduledActionConfigurations"),
        None
    );
    let id = list[0]["id"].as_str().expect("an id");
    let alone = all(&stage, &format!("{path}/{id}/scheduledActionsForRule")).await;
    assert_eq!(json!(alone), list[0]["scheduledActionsForRule"]);
    let nested = "$expand=scheduledActionsForRule($expand=scheduledActionConfigurations)";
    let deep = all(&stage, &format!("{path}?{nested}")).await;
    assert_eq!(
        deep[0]["scheduledActionsForRule"][0]["scheduledActionConfigurations"][0]["actionType"],
        "block"
    );
    let settings = "/beta/deviceManagement/configurationPolicies?$expand=assignments,settings";
    let catalog = all(&stage, settings).await;
    assert_eq!(
        catalog[0]["settings"].as_array().map(Vec::len),
        catalog[0]["settingCount"]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
    );
}

#[tokio::test]
async fn a_list_hides_what_one_device_shows_when_it_is_selected() {
    let stage = Stage::start().await;
    let select =
        "$select=id,udid,iccid,notes,ethernetMacAddress,activationLockBypassCode,physicalMemoryInBytes";
    let listed = all(&stage, &format!("{DEVICES}?{select}")).await;
    assert!(
        listed
            .iter()
            .all(|row| row["udid"].is_null() && row["physicalMemoryInBytes"] == 0)
    );
    let id = listed[0]["id"].as_str().expect("an id");
    let one = stage.get(&format!("{DEVICES}/{id}?{select}")).await.json().await;
    for name in [
        "udid",
        "iccid",
        "notes",
        "ethernetMacAddress",
        "activationLockBypassCode",
    ] {
        assert!(one[name].is_string(), "{name}");
    }
    assert!(stage.get(&format!("{DEVICES}/{id}")).await.json().await["udid"].is_null());
}

#[tokio::test]
async fn page_tokens_die_by_the_clock() {
    let stage = Stage::start().await;
    let link = async |path: &str| {
        let page = stage.get(path).await.json().await;
        page["@odata.nextLink"].as_str().expect("a link").to_owned()
    };
    let (users, devices) = (
        link("/v1.0/users?$top=5").await,
        link(&format!("{DEVICES}?$top=5")).await,
    );
    stage.control().set_clock_offset(TimeDelta::minutes(58));
    assert_eq!(stage.get_url(&users).await.status(), 200);
    stage.control().set_clock_offset(TimeDelta::minutes(61));
    assert_eq!(
        refused(stage.get_url(&users).await).await,
        "Directory_ExpiredPageToken"
    );
    let intune = stage.get_url(&devices).await.json().await;
    assert_eq!(
        (&intune["error"]["code"], &intune["error"]["message"]),
        (&json!(""), &json!("Invalid Skip Token"))
    );
    let fresh = link("/v1.0/users?$top=5").await;
    assert_eq!(stage.get_url(&fresh).await.status(), 200);
    let url = format!("{}/_simulator/page-tokens", stage.base());
    let change = stage.client().put(url).json(&json!({ "life_minutes": 0 }));
    assert_eq!(change.send().await.expect("answers").status(), 204);
    assert_eq!(
        refused(stage.get_url(&fresh).await).await,
        "Directory_ExpiredPageToken"
    );
}

#[tokio::test]
async fn without_a_premium_licence_sign_ins_are_refused() {
    let stage = Stage::start().await;
    assert_eq!(stage.get("/v1.0/auditLogs/signIns").await.status(), 200);
    assert_eq!(
        stage
            .get("/v1.0/users?$select=id,signInActivity&$top=999")
            .await
            .json()
            .await["value"]
            .as_array()
            .map(Vec::len),
        Some(250)
    );
    let url = format!("{}/_simulator/tenants/{TENANT}/premium", stage.base());
    let change = stage.client().put(url).json(&json!({ "premium": false }));
    assert_eq!(change.send().await.expect("answers").status(), 204);
    for path in ["/v1.0/auditLogs/signIns", "/v1.0/users?$select=id,signInActivity"] {
        let (status, code) = stage.get(path).await.problem().await;
        assert_eq!(
            (status, code.as_str()),
            (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")
        );
    }
    assert_eq!(stage.get("/v1.0/users").await.status(), 200);
    assert_eq!(stage.get("/v1.0/auditLogs/directoryAudits").await.status(), 200);
    stage.control().set_app_roles(TENANT, CLIENT, ["User.Read.All"]);
    let (_, code) = stage.get("/v1.0/auditLogs/signIns").await.problem().await;
    assert_eq!(code, "Authorization_RequestDenied");
}
