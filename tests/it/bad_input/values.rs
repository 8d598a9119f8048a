//! Values that have the right type and are still wrong, each with the answer that it deserves;
//! and bodies that are right, to show that it was the value that was refused.

use integration_tests::{Customer, TestDatabase, on_both_engines};
use serde_json::{Value, json};

use super::{
    bodies::with_bodies,
    trial::{CANARY, Trial, errors},
};
use crate::{
    access::cases::{CASES, Place},
    wire::Request,
};

on_both_engines!(
    values_that_make_no_sense_are_refused_with_their_reason,
    a_change_needs_the_entity_tag_of_what_it_changes,
    the_bodies_that_were_spoiled_are_fine_by_themselves,
);

/// A place in a body, a value for it, and the code and the reason that are answered.
type Wrong = (&'static str, Value, &'static str, &'static str);

const CONNECTIONS: &str = "POST /api/v1/workspaces/{workspace_id}/connections";
const MEMBERS: &str = "POST /api/v1/workspaces/{workspace_id}/members";
const RUNS: &str = "POST /api/v1/workspaces/{workspace_id}/operation-runs";
const PREFLIGHT: &str = "POST /api/v1/workspaces/{workspace_id}/operation-runs/preflight";
const WORKSPACES: &str = "POST /api/v1/workspaces";

async fn values_that_make_no_sense_are_refused_with_their_reason(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let mut wrong: Vec<(&str, Wrong)> = Vec::new();
    wrong.extend(names().into_iter().map(|wrong| (WORKSPACES, wrong)));
    wrong.extend(slugs().into_iter().map(|wrong| (WORKSPACES, wrong)));
    wrong.extend(targets().into_iter().map(|wrong| (CONNECTIONS, wrong)));
    wrong.extend(credentials().into_iter().map(|wrong| (CONNECTIONS, wrong)));
    wrong.extend(members().into_iter().map(|wrong| (MEMBERS, wrong)));
    for name in [RUNS, PREFLIGHT] {
        wrong.extend(starts().into_iter().map(|wrong| (name, wrong)));
    }
    for (name, (pointer, value, code, reason)) in wrong {
        let case = CASES.iter().find(|case| case.name() == name).expect("a case");
        let mut body = case.body.expect("a body")(&trial.ours);
        *body.pointer_mut(pointer).expect("a place in the body") = value.clone();
        let what = format!("{name} with {value} in {pointer}");
        let request = trial.call(case).json(&body);
        let reply = trial.refused_as(&what, &request, 422, code).await;
        if !errors(&reply).contains(&(pointer.to_owned(), reason.to_owned())) {
            trial.fail(&what, &request, &format!("wants {reason} at {pointer}"), &reply);
        }
    }
    references(&mut trial).await;
    platform_takes_no_credential(&mut trial).await;
    trial.end(100).await;
}

/// Words of the shapes that secrets have. None of them is one.
fn secret_shaped() -> [String; 6] {
    [
        format!("abc8Q~{CANARY}{CANARY}.-_"),
        format!("-----BEGIN PRIVATE KEY-----{CANARY}"),
        format!("-----BEGIN CERTIFICATE-----{CANARY}"),
        format!("eyJhbGciOiJIUzI1NiJ9.{CANARY}{CANARY}.{CANARY}"),
        format!("Bearer {CANARY}"),
        format!("tat_{CANARY}{CANARY}"),
    ]
}

fn names() -> Vec<Wrong> {
    let place = "/display_name";
    let mut wrong: Vec<Wrong> = vec![
        (place, json!(""), "invalid_value", "empty"),
        (place, json!(" \u{3000} "), "invalid_value", "empty"),
        (place, json!(format!("{CANARY}{}", "é".repeat(120))), "invalid_value", "too_long"),
    ];
    wrong.extend(secret_shaped().map(|text| (place, json!(text), "invalid_value", "looks_like_secret")));
    wrong
}

fn slugs() -> Vec<Wrong> {
    let texts = ["A", "a b", "a_b", "-a", "a-", "a--b", "ä", "ａ", "a.b", "../a", "a/b", "a%2fb", "a'--", "İ", "..", "а"];
    let mut wrong: Vec<Wrong> =
        texts.map(|text| ("/slug", json!(text), "invalid_value", "not_a_slug")).into_iter().collect();
    wrong.push(("/slug", json!(""), "invalid_value", "empty"));
    wrong.push(("/slug", json!("a".repeat(64)), "invalid_value", "too_long"));
    wrong
}

fn targets() -> Vec<Wrong> {
    let guid = "7d0a3f6e-3d5c-4f0e-9a55-0c1f5a7f1a11";
    let full_width: String = guid.chars().map(|character| match character {
        '0'..='9' => char::from_u32(u32::from(character) - u32::from('0') + 0xFF10).expect("a digit"),
        other => other,
    }).collect();
    let identifiers = [
        "contoso.example".to_owned(),
        "common".to_owned(),
        "organizations".to_owned(),
        "consumers".to_owned(),
        "9188040d-6c67-4c5b-b112-36a304b66dad".to_owned(),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        "ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned(),
        format!("https://login.example.com/{guid}"),
        format!("{guid}/.."),
        format!("{guid} "),
        format!(" {guid}"),
        format!("{{{guid}}}"),
        format!("urn:uuid:{guid}"),
        guid.replace('-', ""),
        format!("{guid}0"),
        full_width,
        format!("{guid}?x={CANARY}"),
        "' OR 1=1--".to_owned(),
        String::new(),
    ];
    let place = "/scope_identifier";
    let mut wrong: Vec<Wrong> = identifiers
        .map(|text| (place, json!(text), "target_scope_invalid", "invalid_scope_identifier"))
        .into_iter()
        .collect();
    for provider in ["google", "Microsoft", CANARY, "", "micro soft", "../microsoft"] {
        wrong.push(("/provider", json!(provider), "target_scope_invalid", "unsupported_provider_scope_combination"));
    }
    for context in [json!({ "cloud": CANARY }), json!({ CANARY: 1 }), json!({ "cloud": ["global"] }), json!({ "cloud": null })] {
        wrong.push(("/provider_context", context, "target_scope_invalid", "invalid_provider_context"));
    }
    for text in ["", "Platform", "both", CANARY] {
        wrong.push(("/connection_type", json!(text), "invalid_value", "invalid_value"));
    }
    wrong
}

fn credentials() -> Vec<Wrong> {
    let place = "/credential/secret";
    let secrets = [
        (String::new(), "empty"),
        ("7d0a3f6e-3d5c-4f0e-9a55-0c1f5a7f1a11".to_owned(), "secret_id_instead_of_value"),
        ("********".to_owned(), "placeholder"),
        ("••••••••".to_owned(), "placeholder"),
        (format!(" {CANARY}"), "surrounding_white_space"),
        (format!("{CANARY}\u{A0}"), "surrounding_white_space"),
        (format!("{CANARY}{}", "x".repeat(600)), "too_long"),
        (format!("{CANARY}{}", "x".repeat(5000)), "too_long"),
    ];
    let mut wrong: Vec<Wrong> =
        secrets.map(|(text, reason)| (place, json!(text), "invalid_value", reason)).into_iter().collect();
    for kind in ["", "certificate", "Client_Secret", CANARY] {
        wrong.push(("/credential/kind", json!(kind), "invalid_value", "invalid_value"));
    }
    for client in ["contoso.example", "", CANARY, "00000000-0000-0000-0000-000000000000"] {
        wrong.push(("/credential/client_identifier", json!(client), "invalid_value", "invalid_client_identifier"));
    }
    let times = ["tomorrow", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T24:61:00Z", "2030-02-30T00:00:00Z", CANARY];
    let far = ["+10000-01-01T00:00:00Z", "+262142-12-31T23:59:59Z", "-0001-01-01T00:00:00Z", "-262143-01-01T00:00:00Z"];
    for time in times.into_iter().chain(far) {
        wrong.push(("/credential/expires_at", json!(time), "invalid_value", "invalid_value"));
    }
    wrong
}

fn members() -> Vec<Wrong> {
    let mut wrong: Vec<Wrong> = Vec::new();
    for role in ["", "admin", "Owner", "owner ", CANARY, "root"] {
        wrong.push(("/role", json!(role), "invalid_value", "invalid_value"));
    }
    for place in ["/issuer", "/subject"] {
        wrong.push((place, json!(""), "invalid_value", "empty"));
        wrong.push((place, json!(format!(" {CANARY}")), "invalid_value", "surrounding_white_space"));
        wrong.push((place, json!("x".repeat(256)), "invalid_value", "too_long"));
        for text in secret_shaped() {
            wrong.push((place, json!(text), "invalid_value", "looks_like_secret"));
        }
    }
    wrong.extend(secret_shaped().map(|text| ("/label", json!(text), "invalid_value", "looks_like_secret")));
    wrong
}

fn starts() -> Vec<Wrong> {
    let mut wrong: Vec<Wrong> = Vec::new();
    for text in ["", "inventory", "inventory.Sync", "inventory.sync ", "system.prune", "inventory.sync'--", CANARY] {
        wrong.push(("/operation_type", json!(text), "unknown_operation_type", "unknown_operation_type"));
    }
    for inputs in [json!({ CANARY: 1 }), json!({ "target_scope": {} }), json!({ "workspace_id": CANARY }), json!({ "": {} })] {
        wrong.push(("/inputs", inputs, "invalid_value", "must_be_empty"));
    }
    wrong
}

/// Ids in bodies: of somebody else, of nobody, and of no id at all.
async fn references(trial: &mut Trial) {
    let (theirs, nobody) = (trial.theirs.clone(), Place::nowhere());
    for name in [CONNECTIONS, RUNS, PREFLIGHT] {
        let case = CASES.iter().find(|case| case.name() == name).expect("a case");
        let body = case.body.expect("a body")(&trial.ours);
        for (field, foreign, random) in [
            ("environment_id", &theirs.environment, &nobody.environment),
            ("connection_id", &theirs.connection, &nobody.connection),
        ] {
            if body[field].is_null() {
                continue;
            }
            let braced = format!("{{{random}}}");
            let bare = random.replace('-', "");
            let ids = [
                (foreign.as_str(), "invalid_reference"),
                (random, "invalid_reference"),
                (&braced, "invalid_value"),
                (&bare, "invalid_value"),
                (CANARY, "invalid_value"),
                ("7", "invalid_value"),
                ("", "invalid_value"),
            ];
            for (id, code) in ids {
                let mut wrong = body.clone();
                wrong[field] = json!(id);
                let what = format!("{name} with {id} in {field}");
                trial.refused_as(&what, &trial.call(case).json(&wrong), 422, code).await;
            }
        }
    }
}

async fn platform_takes_no_credential(trial: &mut Trial) {
    let case = CASES.iter().find(|case| case.name() == CONNECTIONS).expect("a case");
    let mut body = case.body.expect("a body")(&trial.ours);
    body["connection_type"] = json!("platform");
    trial.refused_as("a platform credential", &trial.call(case).json(&body), 422, "credential_not_allowed").await;
    body["connection_type"] = json!("dedicated");
    body["credential"].as_object_mut().expect("an object").remove("client_identifier");
    trial.refused_as("a credential of nobody", &trial.call(case).json(&body), 422, "invalid_value").await;
}

async fn a_change_needs_the_entity_tag_of_what_it_changes(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let path = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}";
    let read = trial.request("GET", &trial.ours.fill(path));
    let tag = trial.wire.send(&read).await.header("etag").expect("a tag").to_owned();
    let body = json!({ "kind": "client_secret", "secret": Customer::new().secret });
    let put = trial.request("PUT", &trial.ours.fill(&format!("{path}/credential"))).json(&body);
    trial.refused_as("no tag", &put, 428, "precondition_required").await;
    let weak = format!("W/{tag}");
    let bare = tag.trim_matches('"').to_owned();
    let wrong = [weak.as_str(), &bare, "", "\"", "\"\"", &format!("\"{CANARY}\""), CANARY, "**", "\"*\""];
    for value in wrong {
        trial.refused_as(value, &put.clone().with("if-match", value), 412, "precondition_failed").await;
    }
    let right = trial.wire.send(&put.clone().with("if-match", &tag)).await;
    assert_eq!(right.status, 200, "{}", right.text());
    let again = trial.wire.send(&put.with("if-match", &tag)).await;
    assert_eq!((again.status, again.code().as_str()), (412, "precondition_failed"), "the tag is spent");
    trial.end(10).await;
}

async fn the_bodies_that_were_spoiled_are_fine_by_themselves(database: TestDatabase) {
    let trial = Trial::begin(database).await;
    for (case, body) in with_bodies() {
        let request: Request = trial.call(case).json(&body(&trial.ours));
        let reply = trial.wire.send(&request).await;
        assert!((200..300).contains(&reply.status), "{}: {}", case.name(), reply.text());
    }
    // What looks strange and is a name nevertheless is kept as it is.
    let case = CASES.iter().find(|case| case.name() == WORKSPACES).expect("a case");
    for name in ["Contoso 🏢", "' OR 1=1--", "{{7*7}}", "${jndi:ldap://x}", "<b>A & B</b>", "100 % \\ _", "e\u{301}"] {
        let mut body = case.body.expect("a body")(&trial.ours);
        body["display_name"] = json!(name);
        let reply = trial.wire.send(&trial.call(case).json(&body)).await;
        assert_eq!((reply.status, &reply.json()["display_name"]), (201, &json!(name)), "{}", reply.text());
    }
    trial.end(0).await;
}
