//! The list over HTTP: filters narrow, wrong ones are named, cursors serve the list that they are
//! of and no other.

use chrono::{SecondsFormat, TimeDelta};
use cli::Answer;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use reqwest::Method;
use serde_json::{Value, json};

use crate::credential_life::kit::{Life, Untouched, assert_outcome};

on_both_engines!(
    filters_narrow_and_combine,
    a_wrong_filter_is_refused_and_named,
    a_cursor_is_bound_to_its_filters,
);

fn names(page: &Answer) -> Vec<&str> {
    assert_eq!(page.status, 200, "{}", page.body);
    let items = page.body["items"].as_array().expect("a page");
    items
        .iter()
        .filter_map(|item| item["display_name"].as_str())
        .collect()
}

fn in_days(days: i64) -> String {
    (SystemClock.now() + TimeDelta::days(days)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn filters_narrow_and_combine(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let environment = life
        .post(
            "/environments",
            &json!({ "display_name": "Test", "slug": "test" }),
        )
        .await;
    let environment = environment.text("/id").to_owned();
    let credential = json!({
        "kind": "client_secret", "client_identifier": SystemIds.next_uuid(), "secret": "a-secret",
        "expires_at": in_days(9),
    });
    for body in [
        json!({ "display_name": "bare", "tags": { "tier": "gold", "site": "a:b" } }),
        json!({ "display_name": "platform", "connection_type": "platform", "tags": { "tier": "silver" } }),
        json!({ "display_name": "ending", "credential": credential, "tags": { "tier": "gold" } }),
        json!({ "display_name": "elsewhere", "environment_id": environment }),
    ] {
        let mut body = body;
        body["scope_identifier"] = json!(SystemIds.next_uuid());
        let made = life.connect(body).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let all = ["A connection", "bare", "platform", "ending", "elsewhere"];
    for (query, expected) in [
        (String::new(), &all[..]),
        ("provider=microsoft".to_owned(), &all[..]),
        ("provider=other".to_owned(), &[]),
        (format!("environment_id={environment}"), &["elsewhere"]),
        (format!("environment_id={}", SystemIds.next_uuid()), &[]),
        ("readiness=ready".to_owned(), &["A connection"]),
        ("readiness=blocked".to_owned(), &["bare", "platform", "elsewhere"]),
        ("readiness=unknown".to_owned(), &["ending"]),
        ("readiness=degraded".to_owned(), &[]),
        ("consent=granted".to_owned(), &["A connection"]),
        ("consent=required".to_owned(), &["platform"]),
        ("verification=healthy".to_owned(), &["A connection"]),
        ("verification=unknown".to_owned(), &all[1..]),
        (format!("expires_before={}", in_days(10)), &["ending"]),
        (format!("expires_before={}", in_days(8)), &[]),
        (
            "reason_code=provider_credential_missing".to_owned(),
            &["bare", "elsewhere"],
        ),
        ("reason_code=provider_consent_missing".to_owned(), &["platform"]),
        ("tag=tier:gold".to_owned(), &["bare", "ending"]),
        ("tag=site:a:b".to_owned(), &["bare"]),
        ("tag=tier:bronze".to_owned(), &[]),
        ("tag=tier:gold&readiness=blocked".to_owned(), &["bare"]),
        ("tag=tier:gold&consent=required".to_owned(), &[]),
    ] {
        let page = life.get(&format!("/connections?{query}")).await;
        assert_eq!(names(&page), expected, "{query}");
        for item in page.body["items"].as_array().expect("a page") {
            assert_eq!(item.get("requirements"), None, "they are for the single one");
        }
    }
    // A list tells the same as the single connection.
    let page = life.get("/connections").await;
    let mut single = life.view().await.body;
    single.as_object_mut().expect("an object").remove("requirements");
    assert_eq!(page.body["items"][0], single);
    // The next credential ends too.
    let mut next = life.secret("the-next-one");
    next["expires_at"] = json!(in_days(2));
    life.changed(Method::PUT, "/credential/next", Some(&next)).await;
    let page = life
        .get(&format!("/connections?expires_before={}", in_days(3)))
        .await;
    assert_eq!(names(&page), ["A connection"]);
    life.end().await;
}

async fn a_wrong_filter_is_refused_and_named(database: TestDatabase) {
    let life = Life::begin(database).await;
    let untouched = Untouched::since(&life).await;
    for (parameter, values) in [
        ("environment_id", &["x", "123"][..]),
        ("provider", &["", "Micro%20Soft", "a%00b"]),
        ("readiness", &["fine", "", "READY"]),
        ("consent", &["given", ""]),
        ("verification", &["ok", "true"]),
        ("expires_before", &["tomorrow", "2026-13-01T00:00:00Z", "1"]),
        ("reason_code", &["no_such_reason", ""]),
        ("tag", &["tier", "tier:", ":gold", "Tier:gold"]),
        ("limit", &["0", "201", "-1", "x"]),
    ] {
        for value in values {
            let refused = life.get(&format!("/connections?{parameter}={value}")).await;
            Untouched::answered(&refused, (400, "invalid_query"), ("", ""), &[]);
            assert_eq!(refused.text("/parameter"), parameter, "{value}: {}", refused.body);
        }
    }
    let unknown = life.get("/connections?colour=blue").await;
    Untouched::answered(&unknown, (400, "invalid_query"), ("", ""), &["colour", "blue"]);
    let twice = life.get("/connections?readiness=ready&readiness=blocked").await;
    Untouched::answered(&twice, (400, "invalid_query"), ("", ""), &[]);
    for cursor in ["x", "AAAA", "%00"] {
        let refused = life.get(&format!("/connections?cursor={cursor}")).await;
        Untouched::answered(&refused, (400, "cursor_invalid"), ("", ""), &[]);
    }
    untouched.ends(&life).await;
    life.end().await;
}

async fn a_cursor_is_bound_to_its_filters(database: TestDatabase) {
    let life = Life::begin(database).await;
    for number in 0..4 {
        let body = json!({
            "display_name": format!("gold {number}"), "scope_identifier": SystemIds.next_uuid(),
            "tags": { "tier": "gold" },
        });
        assert_eq!(life.connect(body).await.status, 201);
    }
    let query = "tag=tier:gold&readiness=blocked&limit=3";
    let first = life.get(&format!("/connections?{query}")).await;
    assert_eq!(names(&first), ["gold 0", "gold 1", "gold 2"]);
    let cursor = first.text("/next_cursor").to_owned();
    let rest = life.get(&format!("/connections?{query}&cursor={cursor}")).await;
    assert_eq!(names(&rest), ["gold 3"]);
    assert_eq!(rest.body["next_cursor"], Value::Null);
    let narrower = life
        .get(&format!(
            "/connections?tag=tier:gold&readiness=blocked&limit=1&cursor={cursor}"
        ))
        .await;
    assert_eq!(names(&narrower), ["gold 3"], "the limit is no filter");
    for other in [
        "limit=3",
        "tag=tier:gold&limit=3",
        "readiness=blocked&limit=3",
        "tag=tier:silver&readiness=blocked&limit=3",
        "tag=tier:gold&readiness=unknown&limit=3",
        "tag=tier:gold&readiness=blocked&provider=microsoft&limit=3",
    ] {
        let refused = life.get(&format!("/connections?{other}&cursor={cursor}")).await;
        assert_eq!(
            (refused.status, refused.text("/code")),
            (400, "cursor_invalid"),
            "{other}"
        );
    }
    let history = format!("/connections/{}/history?cursor={cursor}", life.home.connection);
    assert_eq!(life.get(&history).await.text("/code"), "cursor_invalid");
    life.end().await;
}
