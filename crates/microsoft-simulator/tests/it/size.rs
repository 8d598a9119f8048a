//! Tenants of a million users, and a log that stays small.

#[cfg(target_os = "linux")]
use std::collections::HashSet;

#[cfg(target_os = "linux")]
use crate::process::Program;
use crate::support::{CLIENT, Stage, TENANT};
use serde_json::{Value, json};

/// What the program may hold at its most. A million users' names alone would be more.
#[cfg(target_os = "linux")]
const MOST_KIB: u64 = 64 * 1024;

/// The most memory that a process held at any moment, in KiB.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.expect("a peak in kB").parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_million_users_are_there_without_being_kept() {
    let program = Program::start(&["--users", "1000000"]);
    let base = program.text("/base_url");
    let client = reqwest::Client::new();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &program.text("/client_id")),
        ("client_secret", &program.text("/client_secret")),
        ("scope", &format!("{base}/.default")),
    ];
    let login = format!("{base}/{}/oauth2/v2.0/token", program.text("/tenant_id"));
    let answer = client.post(login).form(&form).send().await.expect("answers");
    let token: Value = answer.json().await.expect("JSON");
    let token = token["access_token"].as_str().expect("a token");
    let get = async |url: &str| {
        let request = client
            .get(url)
            .bearer_auth(token)
            .header("ConsistencyLevel", "eventual");
        let answer = request.send().await.expect("answers");
        answer.json::<Value>().await.expect("JSON")
    };
    assert_eq!(get(&format!("{base}/v1.0/users/$count")).await, 1_000_000);
    let mut link = format!("{base}/v1.0/users?$top=999");
    let mut seen = HashSet::new();
    for _ in 0..10 {
        let page = get(&link).await;
        let rows = page["value"].as_array().expect("rows");
        seen.extend(rows.iter().map(|row| row["id"].to_string()));
        page["@odata.nextLink"]
            .as_str()
            .expect("more")
            .clone_into(&mut link);
    }
    assert_eq!(seen.len(), 9990);
    let peak = peak(program.child.id());
    assert!(peak < MOST_KIB, "{peak} KiB");
}

#[tokio::test]
async fn one_of_a_million_users_is_found_and_the_same_seed_gives_the_same_page() {
    let stage = Stage::start_with(|tenant| tenant.users = 1_000_000).await;
    let first = stage
        .get("/v1.0/users?$top=999&$select=id,displayName")
        .await
        .json()
        .await;
    let rows = first["value"].as_array().expect("rows");
    assert_eq!(rows.len(), 999);
    let id = rows[998]["id"].as_str().expect("an id");
    let one = stage
        .get(&format!("/v1.0/users/{}", id.to_uppercase()))
        .await
        .json()
        .await;
    assert_eq!(
        (&one["id"], &one["displayName"]),
        (&rows[998]["id"], &rows[998]["displayName"])
    );
    let unknown = stage
        .get("/v1.0/users/00000000-0000-4000-8000-000000000000")
        .await;
    assert_eq!(unknown.status(), 404);
    // The same seed gives the same bytes, links and all.
    let again = Stage::start_with(|tenant| tenant.users = 1_000_000).await;
    let page = again
        .get("/v1.0/users?$top=999&$select=id,displayName")
        .await
        .json()
        .await;
    assert_eq!(page["value"], first["value"]);
    let token = |page: &Value| {
        page["@odata.nextLink"]
            .as_str()
            .and_then(|link| link.split("skiptoken=").nth(1))
            .map(str::to_owned)
    };
    assert_eq!(token(&page), token(&first));
}

#[tokio::test]
async fn the_log_is_read_in_parts_and_counted() {
    let stage = Stage::start().await;
    let token = stage.token().await;
    for number in 1..=3 {
        stage
            .get_with(&format!("/v1.0/groups?$top={number}"), &token)
            .await;
    }
    let read = async |path: &str| {
        let answer = stage
            .client()
            .get(format!("{}/_simulator{path}", stage.base()))
            .send()
            .await
            .expect("answers");
        answer.json::<Value>().await.expect("JSON")
    };
    let newest = read(&format!("/calls?tenant={TENANT}&path_contains=groups&limit=2")).await;
    let paths: Vec<&Value> = newest
        .as_array()
        .into_iter()
        .flatten()
        .map(|call| &call["path"])
        .collect();
    assert_eq!(paths, ["/v1.0/groups?$top=2", "/v1.0/groups?$top=3"]);
    assert_eq!(read(&format!("/calls?tenant={CLIENT}")).await, json!([]));
    let after = newest[0]["sequence"].as_u64().expect("a number");
    assert_eq!(
        read(&format!("/calls?after={after}"))
            .await
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let counts = read("/calls/counts").await;
    assert!(
        counts
            .as_array()
            .into_iter()
            .flatten()
            .any(|count| *count == json!({ "path": "/v1.0/groups", "calls": 3 })),
        "{counts}"
    );
}
