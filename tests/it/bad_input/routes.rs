//! Everything around a body: paths, ids in them, methods, queries and headers.

use std::collections::BTreeSet;

use integration_tests::{TestDatabase, on_both_engines};

use super::trial::{CANARY, Trial};
use crate::{
    access::cases::{CASES, Case, Place},
    spec::{self, Operation, fill},
    wire::Request,
};

on_both_engines!(
    an_id_that_is_not_here_is_not_found_in_any_spelling,
    a_query_that_makes_no_sense_is_refused,
    a_method_that_a_path_does_not_have_is_told_the_ones_it_has,
    a_path_that_does_not_exist_is_not_found,
    heads_that_are_too_large_or_not_understood_are_refused,
);

async fn an_id_that_is_not_here_is_not_found_in_any_spelling(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let (theirs, nobody) = (trial.theirs.clone(), Place::nowhere());
    let names = [
        "workspace_id",
        "environment_id",
        "connection_id",
        "run_id",
        "snapshot_id",
        "schedule_id",
        "webhook_id",
        "delivery_id",
        "notification_id",
    ];
    for case in CASES.iter().filter(|case| case.in_workspace()) {
        for name in names
            .into_iter()
            .filter(|name| case.path.contains(&format!("{{{name}}}")))
        {
            let own = trial.ours.fill(&format!("{{{name}}}"));
            let mut ids: Vec<String> = strange_ids(&own).into();
            ids.extend([&theirs, &nobody].map(|place| place.fill(&format!("{{{name}}}"))));
            for id in ids {
                let path = trial.ours.fill(&fill(case.path, &[(name, &id)]));
                let mut request = Request {
                    target: path,
                    ..trial.call(case)
                };
                if let Some(body) = case.body {
                    request = request.json(&body(&trial.ours));
                }
                let what = format!("{} with {id:.60} as {name}", case.name());
                trial.refused_as(&what, &request, 404, "not_found").await;
            }
        }
    }
    trial.end(700).await;
}

/// Texts close to an id that is here, and texts close to nothing.
fn strange_ids(id: &str) -> [String; 17] {
    [
        "x".to_owned(),
        "0".to_owned(),
        CANARY.to_owned(),
        format!("{id}0"),
        id[1..].to_owned(),
        id.replace('-', ""),
        format!("%7B{id}%7D"),
        format!("urn:uuid:{id}"),
        format!("{id};x"),
        format!("{id}.svg"),
        format!("{id}%00"),
        format!("{id}%ff"),
        format!("%20{id}"),
        format!("{id}%2f..%2f{id}"),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        format!("{CANARY}{}", "x".repeat(1000)),
        "%27%20OR%201%3D1--".to_owned(),
    ]
}

async fn a_query_that_makes_no_sense_is_refused(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    for operation in spec::operations() {
        // Probes and scrapers put into a query what they like.
        if !operation.path.starts_with("/api/v1/") {
            continue;
        }
        let case = CASES.iter().find(|case| case.name() == operation.name());
        let case = case.expect("a case");
        for query in [
            &format!("{CANARY}=1"),
            &format!("%00={CANARY}"),
            "access_token=x",
            "fields=id",
        ] {
            query_is(&mut trial, case, query, "invalid_query").await;
        }
        if operation.takes("limit") {
            for limit in STRANGE_LIMITS {
                query_is(&mut trial, case, &format!("limit={limit}"), "invalid_query").await;
            }
        }
        if operation.takes("cursor") {
            for cursor in strange_cursors() {
                query_is(&mut trial, case, &format!("cursor={cursor}"), "cursor_invalid").await;
            }
        }
        for filter in [
            "environment_id",
            "connection_id",
            "operation_type",
            "status",
            "kind",
            "readiness",
            "consent",
            "verification",
            "expires_before",
            "reason_code",
            "tag",
            "outcome",
            "initiator",
            "trigger",
            "freshness",
            "parent_run_id",
            "schedule_id",
            "created_after",
            "created_before",
        ] {
            for value in STRANGE_FILTERS.into_iter().filter(|_| operation.takes(filter)) {
                query_is(&mut trial, case, &format!("{filter}={value}"), "invalid_query").await;
            }
        }
        // Any word may be the key of a provider.
        for value in ["", "%00", "%ff", "..%2f", "%27%20OR%201%3D1--", "Upper"] {
            if operation.takes("provider") {
                query_is(&mut trial, case, &format!("provider={value}"), "invalid_query").await;
            }
        }
    }
    trial.end(400).await;
}

const STRANGE_LIMITS: [&str; 16] = [
    "0",
    "201",
    "-1",
    "abc",
    "",
    "1.5",
    "1e1",
    "1e20",
    "65536",
    "4294967297",
    "%D9%A3",
    "%205",
    "%00",
    "0x10",
    "1&limit=2",
    "1&limit=1",
];

const STRANGE_FILTERS: [&str; 8] = [
    CANARY,
    "",
    "%00",
    "%ff",
    "..%2f",
    "%27%20OR%201%3D1--",
    "null",
    "7",
];

fn strange_cursors() -> [String; 8] {
    [
        String::new(),
        CANARY.to_owned(),
        "A".repeat(54),
        "A".repeat(53),
        "A".repeat(2000),
        "%00".to_owned(),
        "%ff%fe".to_owned(),
        "eyJpZCI6MX0%3D".to_owned(),
    ]
}

async fn query_is(trial: &mut Trial, case: &Case, query: &str, code: &str) {
    let mut request = trial.call(case);
    request.target = format!("{}?{query}", request.target);
    if let Some(body) = case.body {
        request = request.json(&body(&trial.ours));
    }
    trial
        .refused_as(&format!("{}?{query}", case.name()), &request, 400, code)
        .await;
}

async fn a_method_that_a_path_does_not_have_is_told_the_ones_it_has(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let operations = spec::operations();
    let paths: BTreeSet<_> = operations
        .iter()
        .map(|operation| operation.path.as_str())
        .collect();
    for path in paths {
        let of_path = operations.iter().filter(|operation| operation.path == path);
        let mut declared: BTreeSet<_> = of_path.map(|operation| operation.method.as_str()).collect();
        if declared.contains("GET") {
            declared.insert("HEAD");
        }
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO", "get",
        ] {
            // Where an id may stand, a word such as `preflight` is read as the id of nothing.
            let as_id = |other: &Operation| other.method == method && is_read_as(path, &other.path);
            if declared.contains(method) || operations.iter().any(as_id) {
                continue;
            }
            let request = trial.request(method, &trial.ours.fill(path));
            let what = format!("{method} {path}");
            let reply = trial.refused_as(&what, &request, 405, "method_not_allowed").await;
            let allow: BTreeSet<_> = reply.header("allow").unwrap_or_default().split(", ").collect();
            if allow != declared {
                trial.fail(
                    &what,
                    &request,
                    &format!("allows {allow:?}, not {declared:?}"),
                    &reply,
                );
            }
        }
    }
    trial.end(120).await;
}

/// Whether `path` is one of those that `template` stands for.
fn is_read_as(path: &str, template: &str) -> bool {
    let (path, template) = (path.split('/'), template.split('/'));
    path.clone().count() == template.clone().count()
        && path
            .zip(template)
            .all(|(own, other)| own == other || other.starts_with('{'))
}

async fn a_path_that_does_not_exist_is_not_found(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let workspace = trial.ours.fill("/api/v1/workspaces/{workspace_id}");
    let paths = [
        "/".to_owned(),
        "/api".to_owned(),
        "/api/v1".to_owned(),
        "/api/v2/workspaces".to_owned(),
        "//api/v1/workspaces".to_owned(),
        "/api//v1/workspaces".to_owned(),
        "/api/v1/workspaces/".to_owned(),
        "/api/v1/workspaces;x".to_owned(),
        "/api/v1/workspaces.svg".to_owned(),
        "/API/v1/workspaces".to_owned(),
        "/api/v1/workspaces%2f".to_owned(),
        "/api/v1/workspaces%00".to_owned(),
        "/api/v1/workspaces%ff".to_owned(),
        "/%00".to_owned(),
        "/%ff".to_owned(),
        "/%".to_owned(),
        "/%zz".to_owned(),
        "/..%2f..%2fetc%2fpasswd".to_owned(),
        "/%2e%2e/%2e%2e/etc/passwd".to_owned(),
        "/../../etc/passwd".to_owned(),
        "/docs/../api/v1/workspaces".to_owned(),
        "/docs/..%2f..%2fetc%2fpasswd".to_owned(),
        format!("/docs/{CANARY}"),
        format!("/{CANARY}"),
        format!("/api/v1/{CANARY}"),
        format!("{workspace}/{CANARY}"),
        format!("{workspace}/connections/{CANARY}/credential/x"),
        format!("{workspace}/operation-runs/x/y/z"),
        format!("{workspace}//connections"),
        format!("{workspace}/connections/"),
        format!("{workspace}/connections;{CANARY}"),
    ];
    for path in paths {
        let what = format!("GET {path}");
        let as_somebody = trial.request("GET", &path);
        let known = trial.refused_as(&what, &as_somebody, 404, "not_found").await;
        let as_nobody = trial
            .refused_as(&what, &Request::get(&path), 404, "not_found")
            .await;
        assert_eq!(known.anonymous(), as_nobody.anonymous(), "{path}");
    }
    trial.end(60).await;
}

async fn heads_that_are_too_large_or_not_understood_are_refused(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let (list, nothing) = ("/api/v1/workspaces", "/api/v1/nothing");
    let good = trial.request("GET", list);
    let large = |bytes: usize| format!("{CANARY}{}", "x".repeat(bytes));
    let many = |request: Request, number| request.with(&format!("x-{number}"), &large(1000));
    for (what, request) in [
        ("40 KB of header", good.clone().with("x-large", &large(40_000))),
        ("40 KB of headers", (0..40).fold(good.clone(), many)),
    ] {
        trial.refused_as(what, &request, 431, "headers_too_large").await;
    }
    for target in [
        format!("{list}?x={}", large(9 * 1024)),
        format!("/{}", large(9 * 1024)),
    ] {
        let request = trial.request("GET", &target);
        trial
            .refused_as("9 KB of address", &request, 414, "uri_too_long")
            .await;
    }
    for token in [
        &large(20 * 1024),
        &large(9 * 1024),
        CANARY,
        &format!("{CANARY}\u{e9}"),
    ] {
        let request = Request::get(list).bearer(token);
        trial
            .refused_as("a token of nobody", &request, 401, "unauthenticated")
            .await;
    }
    let twice = good.clone().bearer(CANARY);
    trial
        .refused_as("two tokens", &twice, 401, "unauthenticated")
        .await;
    for (name, value) in [
        ("x-request-id", format!("{CANARY} {CANARY}")),
        ("x-request-id", format!("<b>{CANARY}</b>")),
        ("x-request-id", format!("\u{e9}{CANARY}")),
        ("x-request-id", large(100)),
        ("origin", format!("https://{CANARY}.example")),
    ] {
        let request = trial.request("GET", nothing).with(name, &value);
        trial
            .refused_as(&format!("{name}: {value}"), &request, 404, "not_found")
            .await;
    }
    // What is unusual and does no harm is answered: the refusals above had their reasons.
    let fine = good
        .with("x-large", &large(20_000))
        .with("accept", "image/png")
        .with("x-forwarded-for", CANARY);
    let reply = trial.wire.send(&fine).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!reply.text().contains(CANARY), "{}", reply.text());
    trial.end(14).await;
}
