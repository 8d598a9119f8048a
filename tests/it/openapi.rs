//! The OpenAPI document and the problem catalogue as files for review. They come from the routes
//! that serve; a difference fails until `UPDATE_GOLDEN=1` has written the file. Beside that, what
//! must hold of every operation.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Operations that need no token.
const PUBLIC: [&str; 7] = [
    "GET /api/v1/openapi.json",
    "GET /api/v1/operation-types",
    "GET /api/v1/problems",
    "GET /api/v1/reason-codes",
    "GET /livez",
    "GET /metrics",
    "GET /readyz",
];

/// Operations that a caller cannot get wrong.
const WITHOUT_CLIENT_ERROR: [&str; 3] = ["GET /livez", "GET /metrics", "GET /readyz"];

#[test]
fn the_document_is_the_one_in_review() {
    let document = serde_json::to_string_pretty(&api::openapi()).expect("serializes");
    assert_golden("v1.json", &format!("{document}\n"));
}

#[test]
fn the_problem_catalogue_is_the_one_in_review() {
    assert_golden("problems.txt", &api::problems_listing());
}

#[test]
fn the_document_is_about_this_product() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let info = &document["info"];
    assert_eq!(info["title"], "TenantAtlas API");
    assert_eq!(info["license"]["identifier"], "Apache-2.0");
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    for (name, _) in document["components"]["schemas"].as_object().expect("schemas") {
        let ours = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let foreign = [
            "Actix",
            "Utoipa",
            "HttpResponse",
            "Json",
            "Sea",
            "Sqlx",
            "Serde",
            "Uuid",
            "DateTime",
        ];
        assert!(
            ours && !foreign.iter().any(|part| name.contains(part)),
            "{name} is a framework's word"
        );
    }
}

#[test]
fn every_operation_is_described_and_named_once() {
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document()) {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_else(|| panic!("{name} has an operationId"));
        let snake = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && id.contains('_');
        assert!(snake, "{name}: {id} is a verb and a thing in snake_case");
        assert!(ids.insert(id.to_owned()), "{name}: {id} stands twice");
        for key in ["summary", "description"] {
            assert!(
                operation[key].as_str().is_some_and(|text| text.len() > 8),
                "{name} has a {key}"
            );
        }
        let tags = operation["tags"].as_array().map_or(0, Vec::len);
        assert_eq!(tags, 1, "{name} has one tag");
    }
    assert!(ids.len() >= 25, "the operations are found: {ids:?}");
}

#[test]
fn every_tag_is_explained() {
    let document = document();
    let tags = document["tags"].as_array().expect("tags");
    let explained = |tag: &Value| {
        tags.iter()
            .any(|one| one["name"] == *tag && one["description"].is_string())
    };
    for (name, operation) in operations(&document) {
        assert!(
            explained(&operation["tags"][0]),
            "{name}: {}",
            operation["tags"][0]
        );
    }
}

#[test]
fn every_operation_but_the_public_ones_asks_for_a_token() {
    let document = document();
    let everywhere = requires_bearer(&document["security"]);
    let mut open = Vec::new();
    for (name, operation) in operations(&document) {
        let secured = match operation.get("security") {
            None => everywhere,
            Some(own) => requires_bearer(own),
        };
        if !secured {
            open.push(name);
        }
    }
    open.sort();
    assert_eq!(open, PUBLIC, "the list of public operations is literal");
}

#[test]
fn every_operation_names_its_problems() {
    let mut without = Vec::new();
    for (name, operation) in operations(&document()) {
        let responses = operation["responses"].as_object().expect("responses");
        assert!(
            responses
                .keys()
                .any(|status| status.starts_with('2') || status == "304"),
            "{name} can succeed"
        );
        let mut client_errors = 0;
        for (status, response) in responses
            .iter()
            .filter(|(status, _)| status.starts_with(['4', '5']))
        {
            let schema = &response["content"]["application/problem+json"]["schema"];
            assert!(schema.is_object(), "{name} {status} is a problem");
            client_errors += usize::from(status.starts_with('4'));
        }
        if client_errors == 0 {
            without.push(name);
        }
    }
    without.sort();
    assert_eq!(
        without, WITHOUT_CLIENT_ERROR,
        "the list of operations without a 4xx is literal"
    );
}

/// The catalogue's statuses are the ones that operations name, and its codes are one word each.
#[test]
fn every_problem_is_one_line_of_four_parts() {
    let listing = api::problems_listing();
    let mut codes = BTreeSet::new();
    for line in listing.lines() {
        let parts: Vec<_> = line.splitn(4, ' ').collect();
        let [code, status, retryable, title] = parts[..] else {
            panic!("{line}")
        };
        assert!(codes.insert(code), "{code} stands twice");
        assert!(
            code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{line}"
        );
        assert!(
            status
                .parse::<u16>()
                .is_ok_and(|status| (400..600).contains(&status)),
            "{line}"
        );
        assert!(
            ["true", "false"].contains(&retryable) && !title.is_empty(),
            "{line}"
        );
    }
    assert!(
        codes.contains("scope_busy") && codes.contains("operation_blocked"),
        "{codes:?}"
    );
}

fn document() -> Value {
    serde_json::to_value(api::openapi()).expect("serializes")
}

/// Every operation, named `METHOD path`.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("an item").clone().into_iter();
        let operations = methods.filter(|(_, operation)| operation.get("responses").is_some());
        let name = path.clone();
        operations
            .map(move |(method, operation)| (format!("{} {name}", method.to_uppercase()), operation))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// Whether every alternative of a security requirement asks for the bearer token, or for a ticket that was made
/// with one.
fn requires_bearer(security: &Value) -> bool {
    let alternatives = security.as_array().map_or(&[][..], Vec::as_slice);
    let proves = |one: &Value| one.get("bearer").is_some() || one.get("ticket").is_some();
    !alternatives.is_empty() && alternatives.iter().all(proves)
}

fn assert_golden(name: &str, text: &str) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).expect("written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    if golden != text {
        let first = golden.lines().zip(text.lines()).position(|(old, new)| old != new);
        let line = first.unwrap_or_else(|| golden.lines().count().min(text.lines().count()));
        let (was, is) = (golden.lines().nth(line), text.lines().nth(line));
        panic!(
            "openapi/{name} differs in line {}: {was:?} is now {is:?}. UPDATE_GOLDEN=1 writes it.",
            line + 1
        );
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
        .join("openapi")
}
