//! The simulator over real HTTP, as a client sees it.

use crate::support::{CLIENT, SECRET, Stage, TENANT};
use microsoft_simulator::{AppState, Fault, FaultKind};
use serde_json::{Value, json};
use uuid::Uuid;

fn fault(path_contains: &str, kind: FaultKind) -> Fault {
    Fault {
        path_contains: path_contains.to_owned(),
        times: 1,
        kind,
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let stage = Stage::start().await;
    let mut next = Some(format!("{}/v1.0/users?$top=90&$select=id", stage.base()));
    let mut ids = Vec::new();
    let mut pages = 0;
    while let Some(link) = next {
        let page = stage.get_url(&link).await.json().await;
        ids.extend(
            page["value"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|user| user["id"].to_string()),
        );
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((pages, ids.len(), distinct.len()), (3, 250, 250));
}

#[tokio::test]
async fn a_changed_page_token_is_refused_in_the_style_of_the_service() {
    let stage = Stage::start().await;
    let directory = stage.get("/v1.0/users?$skiptoken=AAAA").await;
    assert_eq!(
        directory.problem().await,
        (400, "Directory_ExpiredPageToken".to_owned())
    );
    let intune = stage
        .get("/v1.0/deviceManagement/managedDevices?$skiptoken=AAAA")
        .await;
    assert_eq!(intune.problem().await, (400, String::new()));
}

/// A client that takes a link apart, or decodes it, does not get on.
#[tokio::test]
async fn a_link_is_good_only_as_it_is() {
    let stage = Stage::start().await;
    let page = stage.get("/v1.0/users?$top=5&$select=id").await.json().await;
    let link = page["@odata.nextLink"].as_str().expect("a link");
    assert_eq!(stage.get_url(link).await.status(), 200);
    let decoded = link.replace("%2b", "+").replace("%2c", ",").replace("%3d", "=");
    let other_query = link.replace("$top=5", "$top=6");
    let other_path = link.replace("/users", "/groups");
    let other_page = link.replace("/v1.0/", "/beta/");
    for changed in [decoded, other_query, other_path] {
        assert_ne!(changed, link);
        let refused = stage.get_url(&changed).await.problem().await;
        assert_eq!(
            refused,
            (400, "Directory_ExpiredPageToken".to_owned()),
            "{changed}"
        );
    }
    assert_eq!(stage.get_url(&other_page).await.status(), 404);
}

#[tokio::test]
async fn every_service_denies_in_its_own_way() {
    let stage = Stage::start().await;
    stage.control().set_app_roles(TENANT, CLIENT, ["Domain.Read.All"]);
    let token = stage.token().await;
    let deny = async |path: &str| stage.get_with(path, &token).await.problem().await;
    assert_eq!(
        deny("/v1.0/users").await,
        (403, "Authorization_RequestDenied".to_owned())
    );
    assert_eq!(
        deny("/v1.0/identity/conditionalAccess/policies").await,
        (403, "AccessDenied".to_owned())
    );
    let intune = stage
        .get_with("/v1.0/deviceManagement/managedDevices", &token)
        .await;
    assert_eq!(intune.status(), 403);
    let message = intune.json().await["error"]["message"].to_string();
    let nested: Value = serde_json::from_str(&serde_json::from_str::<String>(&message).expect("a string"))
        .expect("the message is a document");
    assert!(
        nested["Message"]
            .to_string()
            .contains("DeviceManagementManagedDevices.Read.All")
    );
}

#[tokio::test]
async fn roles_are_those_of_the_token() {
    let stage = Stage::start().await;
    let before = stage.token().await;
    stage
        .control()
        .set_app_roles(TENANT, CLIENT, Vec::<String>::new());
    assert_eq!(stage.get_with("/v1.0/users", &before).await.status(), 200);
    let after = stage.token().await;
    assert_eq!(stage.get_with("/v1.0/users", &after).await.status(), 403);
}

#[tokio::test]
async fn an_unlicensed_tenant_has_no_intune() {
    let stage = Stage::start_with(|tenant| tenant.intune_licensed = false).await;
    let answer = stage.get("/v1.0/deviceManagement/deviceConfigurations").await;
    assert_eq!(answer.status(), 400);
    assert_eq!(
        answer.json().await["error"]["message"],
        "Request not applicable to target tenant."
    );
    assert_eq!(stage.get("/v1.0/organization").await.status(), 200);
}

#[tokio::test]
async fn tokens_are_demanded() {
    let stage = Stage::start().await;
    let missing = stage
        .client()
        .get(format!("{}/v1.0/users", stage.base()))
        .send()
        .await
        .expect("answers");
    assert_eq!(missing.status(), 401);
    assert!(missing.headers().contains_key("www-authenticate"));
    let forged = stage.get_with("/v1.0/users", "a.b.c").await;
    assert_eq!(
        forged.problem().await,
        (401, "InvalidAuthenticationToken".to_owned())
    );
    let token = stage.token().await;
    stage.control().expire_tokens();
    assert_eq!(stage.get_with("/v1.0/users", &token).await.status(), 401);
}

#[tokio::test]
async fn counting_needs_the_consistency_level() {
    let stage = Stage::start().await;
    let refused = stage.get("/v1.0/users/$count").await;
    assert_eq!(refused.problem().await, (400, "Request_BadRequest".to_owned()));
    let token = stage.token().await;
    let eventual = |path: &str| {
        let request = stage
            .client()
            .get(format!("{}{path}", stage.base()))
            .bearer_auth(&token);
        request.header("ConsistencyLevel", "eventual").send()
    };
    let counted = eventual("/v1.0/users/$count").await.expect("answers");
    assert_eq!(counted.text().await.expect("text"), "250");
    let listed: Value = eventual("/v1.0/groups?$count=true&$top=1")
        .await
        .expect("answers")
        .json()
        .await
        .expect("JSON");
    assert_eq!(listed["@odata.count"], 40);
    let ignored = stage.get("/v1.0/groups?$count=true&$top=1").await.json().await;
    assert_eq!(ignored.get("@odata.count"), None);
}

#[tokio::test]
async fn assignments_come_expanded_and_alone() {
    let stage = Stage::start().await;
    let path = "/v1.0/deviceManagement/deviceConfigurations";
    let list = stage
        .get(&format!("{path}?$select=id&$expand=assignments"))
        .await
        .json()
        .await;
    let assigned = list["value"].as_array().into_iter().flatten();
    let policy = assigned
        .into_iter()
        .find(|policy| policy["assignments"] != json!([]))
        .expect("one is assigned");
    let id = policy["id"].as_str().expect("an id");
    let alone = stage.get(&format!("{path}/{id}/assignments")).await.json().await;
    assert_eq!(alone["value"], policy["assignments"]);
    assert_eq!(
        stage
            .get(&format!("{path}/{}/assignments", Uuid::nil()))
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn everything_in_the_recommended_set_answers() {
    let stage = Stage::start().await;
    let principal = format!("/v1.0/servicePrincipals(appId='{CLIENT}')");
    for path in [
        "/v1.0/organization",
        "/v1.0/users",
        "/v1.0/groups",
        "/v1.0/devices",
        "/v1.0/directoryRoles",
        "/v1.0/domains",
        "/v1.0/subscribedSkus",
        "/v1.0/identity/conditionalAccess/policies",
        "/v1.0/identity/conditionalAccess/namedLocations",
        "/v1.0/deviceManagement",
        "/v1.0/deviceManagement/deviceConfigurations",
        "/v1.0/deviceManagement/deviceCompliancePolicies",
        "/v1.0/deviceManagement/deviceCompliancePolicyDeviceStateSummary",
        "/v1.0/deviceManagement/managedDevices",
        "/v1.0/deviceManagement/managedDeviceOverview",
        "/v1.0/deviceManagement/deviceEnrollmentConfigurations",
        "/v1.0/deviceAppManagement/mobileApps",
        "/beta/deviceManagement/configurationPolicies",
        &principal,
    ] {
        let answer = stage.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let body = answer.json().await;
        let context = body["@odata.context"].as_str().unwrap_or_default();
        assert!(context.starts_with(&stage.base()), "{path}: {context}");
    }
    assert_eq!(stage.get("/v1.0/deviceManagement/toasters").await.status(), 404);
}

#[tokio::test]
async fn faults_hit_as_often_as_they_should() {
    let stage = Stage::start().await;
    let throttled = FaultKind::Throttled {
        retry_after: Some("3".to_owned()),
    };
    stage.control().inject(Fault {
        times: 2,
        ..fault("/users", throttled)
    });
    for _ in 0..2 {
        let answer = stage.get("/v1.0/users").await;
        assert_eq!(answer.header("retry-after").as_deref(), Some("3"));
        assert_eq!(answer.problem().await, (429, "TooManyRequests".to_owned()));
    }
    assert_eq!(stage.get("/v1.0/users").await.status(), 200);
    stage.control().inject(fault("", FaultKind::ServerError));
    stage.control().clear_faults();
    assert_eq!(stage.get("/v1.0/users").await.status(), 200);
}

#[tokio::test]
async fn answers_are_bent_on_demand() {
    let stage = Stage::start().await;
    stage.control().inject(fault("/groups", FaultKind::Truncated));
    assert!(stage.get("/v1.0/groups").await.try_json().await.is_err());
    stage.control().inject(fault(
        "/groups",
        FaultKind::NextLink {
            url: "https://evil.example/".to_owned(),
        },
    ));
    assert_eq!(
        stage.get("/v1.0/groups").await.json().await["@odata.nextLink"],
        "https://evil.example/"
    );
    stage.control().inject(fault(
        "/groups",
        FaultKind::Redirect {
            location: "https://evil.example/".to_owned(),
        },
    ));
    assert_eq!(
        stage.get("/v1.0/groups").await.header("location").as_deref(),
        Some("https://evil.example/")
    );
    stage.control().inject(fault(
        "/groups",
        FaultKind::Status {
            status: 418,
            body: "{\"a\":1}".to_owned(),
        },
    ));
    let odd = stage.get("/v1.0/groups").await;
    assert_eq!(
        (odd.status(), odd.header("content-type").as_deref()),
        (418, Some("application/json"))
    );
}

#[tokio::test]
async fn an_empty_page_loses_nothing() {
    let stage = Stage::start().await;
    let whole = stage.get("/v1.0/groups").await.json().await;
    stage.control().inject(Fault {
        times: 2,
        ..fault("/groups", FaultKind::EmptyPage)
    });
    let first = stage.get("/v1.0/groups").await.json().await;
    let link = first["@odata.nextLink"].as_str().expect("a link").to_owned();
    let second = stage.get_url(&link).await.json().await;
    assert_eq!((&first["value"], &second["value"]), (&json!([]), &json!([])));
    let next = second["@odata.nextLink"].as_str().expect("a link");
    assert_ne!(next, link);
    assert_eq!(stage.get_url(next).await.json().await["value"], whole["value"]);
}

#[tokio::test]
async fn a_hold_stops_requests_until_it_is_released() {
    let stage = Stage::start().await;
    let hold = stage.control().hold("/groups");
    assert_eq!(hold.waiting(), 0);
    let (answer, ()) = tokio::join!(stage.get("/v1.0/groups"), async {
        hold.reached().await;
        assert_eq!(hold.waiting(), 1);
        assert_eq!(stage.get("/v1.0/users").await.status(), 200);
        let logged = stage
            .control()
            .calls()
            .into_iter()
            .find(|call| call.path == "/v1.0/groups");
        assert_eq!(logged.map(|call| call.status), Some(0));
        hold.release();
    });
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn calls_are_logged_without_secrets() {
    let stage = Stage::start().await;
    let token = stage.token().await;
    let request = stage
        .client()
        .get(format!("{}/v1.0/groups?$top=1", stage.base()))
        .bearer_auth(&token);
    let answer = request
        .header("client-request-id", "abc")
        .send()
        .await
        .expect("answers");
    assert_eq!(answer.headers()["client-request-id"], "abc");
    assert!(answer.headers().contains_key("request-id") && answer.headers().contains_key("date"));
    let calls = stage.control().calls();
    let last = calls.last().expect("a call");
    assert_eq!(
        (last.path.as_str(), last.status, last.tenant),
        ("/v1.0/groups?$top=1", 200, Some(TENANT))
    );
    assert_eq!(last.client_request_id.as_deref(), Some("abc"));
    let log = serde_json::to_string(&calls).expect("JSON");
    assert!(!log.contains(&token) && !log.contains(SECRET));
    stage.control().clear_calls();
    assert!(stage.control().calls().is_empty());
}

#[tokio::test]
async fn the_port_is_closed_after_stop() {
    let stage = Stage::start().await;
    let hold = stage.control().hold("/users");
    let (client, url, token) = (
        stage.client().clone(),
        format!("{}/v1.0/users", stage.base()),
        stage.token().await,
    );
    let request = tokio::spawn(client.get(&url).bearer_auth(token).send());
    hold.reached().await;
    let address = stage.base().trim_start_matches("http://").to_owned();
    stage.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(
        request.await.expect("no panic").expect("was let go").status(),
        200
    );
}

#[tokio::test]
async fn a_disabled_application_shows_in_the_directory() {
    let stage = Stage::start().await;
    let path = format!("/v1.0/servicePrincipals(appId='{CLIENT}')?$select=accountEnabled");
    let token = stage.token().await;
    stage.control().set_app_state(TENANT, CLIENT, AppState::Disabled);
    assert_eq!(
        stage.get_with(&path, &token).await.json().await["accountEnabled"],
        false
    );
    stage.control().set_app_state(TENANT, CLIENT, AppState::Absent);
    assert_eq!(stage.get_with(&path, &token).await.status(), 404);
}
