//! Values that have the right type and are still wrong, each with the answer that it deserves;
//! and bodies that are right, to show that it was the value that was refused.

use integration_tests::{Customer, TestDatabase, on_both_engines};
use serde_json::json;

use super::{
    bodies::with_bodies,
    trial::{CANARY, Trial, errors},
    wrong::{self, Wrong},
};
use crate::{
    access::{
        cases::{CASES, Place},
        world::spare,
    },
    wire::Request,
};

on_both_engines!(
    values_that_make_no_sense_are_refused_with_their_reason,
    a_change_needs_the_entity_tag_of_what_it_changes,
    the_bodies_that_were_spoiled_are_fine_by_themselves,
);

const CONNECTIONS: &str = "POST /api/v1/workspaces/{workspace_id}/connections";
const MEMBERS: &str = "POST /api/v1/workspaces/{workspace_id}/members";
const RUNS: &str = "POST /api/v1/workspaces/{workspace_id}/operation-runs";
const PREFLIGHT: &str = "POST /api/v1/workspaces/{workspace_id}/operation-runs/preflight";
const WORKSPACES: &str = "POST /api/v1/workspaces";
const CHANGES: &str = "PATCH /api/v1/workspaces/{workspace_id}/connections/{connection_id}";
const IDENTITY: &str = "PUT /api/v1/workspaces/{workspace_id}/connections/{connection_id}/identity";
const PREVIEW: &str = "POST /api/v1/workspaces/{workspace_id}/connections/target-scope-preview";
const LINK: &str = "POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/consent-link";

async fn values_that_make_no_sense_are_refused_with_their_reason(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let tables = [
        (WORKSPACES, wrong::names()),
        (WORKSPACES, wrong::slugs()),
        (CONNECTIONS, wrong::targets()),
        (CONNECTIONS, wrong::kinds()),
        (CONNECTIONS, wrong::credentials()),
        (CONNECTIONS, wrong::providers()),
        (CONNECTIONS, wrong::tags()),
        (CHANGES, wrong::names()),
        (CHANGES, wrong::tags()),
        (IDENTITY, wrong::targets()),
        (IDENTITY, wrong::kinds()),
        (IDENTITY, wrong::credentials()),
        (PREVIEW, wrong::targets()),
        (PREVIEW, wrong::kinds()),
        (PREVIEW, wrong::providers()),
        (PREVIEW, wrong::names()),
        (LINK, wrong::ways_back()),
        (MEMBERS, wrong::members()),
        (RUNS, wrong::starts()),
        (PREFLIGHT, wrong::starts()),
    ];
    let wrong = tables
        .into_iter()
        .flat_map(|(name, table)| table.into_iter().map(move |wrong| (name, wrong)));
    for (
        name,
        Wrong {
            pointer,
            value,
            code,
            reason,
        },
    ) in wrong
    {
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
    trial.end(250).await;
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
                trial
                    .refused_as(&what, &trial.call(case).json(&wrong), 422, code)
                    .await;
            }
        }
    }
}

async fn platform_takes_no_credential(trial: &mut Trial) {
    let case = CASES
        .iter()
        .find(|case| case.name() == CONNECTIONS)
        .expect("a case");
    let mut body = case.body.expect("a body")(&trial.ours);
    body["connection_type"] = json!("platform");
    trial
        .refused_as(
            "a platform credential",
            &trial.call(case).json(&body),
            422,
            "credential_not_allowed",
        )
        .await;
    body["connection_type"] = json!("dedicated");
    body["credential"]
        .as_object_mut()
        .expect("an object")
        .remove("client_identifier");
    trial
        .refused_as(
            "a credential of nobody",
            &trial.call(case).json(&body),
            422,
            "invalid_value",
        )
        .await;
}

async fn a_change_needs_the_entity_tag_of_what_it_changes(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let path = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}";
    let read = trial.request("GET", &trial.ours.fill(path));
    let tag = trial
        .wire
        .send(&read)
        .await
        .header("etag")
        .expect("a tag")
        .to_owned();
    let weak = format!("W/{tag}");
    let bare = tag.trim_matches('"').to_owned();
    let wrong = [
        weak.as_str(),
        &bare,
        "",
        "\"",
        "\"\"",
        &format!("\"{CANARY}\""),
        CANARY,
        "**",
        "\"*\"",
    ];
    for case in CASES.iter().filter(|case| case.matched) {
        let call = trial.request(case.method, &trial.ours.fill(case.path));
        let call = case
            .body
            .map_or_else(|| call.clone(), |body| call.clone().json(&body(&trial.ours)));
        let what = format!("{} without a tag", case.name());
        trial.refused_as(&what, &call, 428, "precondition_required").await;
        for value in wrong {
            let what = format!("{} if {value}", case.name());
            let request = call.clone().with("if-match", value);
            trial
                .refused_as(&what, &request, 412, "precondition_failed")
                .await;
        }
    }
    // Where it may be left out it is held against what is there all the same.
    for case in CASES
        .iter()
        .filter(|case| HONOURED.contains(&case.name().as_str()))
    {
        let call = trial.request(case.method, &trial.ours.fill(case.path));
        let call = case
            .body
            .map_or_else(|| call.clone(), |body| call.clone().json(&body(&trial.ours)));
        let request = call.with("if-match", &weak);
        trial
            .refused_as(&case.name(), &request, 412, "precondition_failed")
            .await;
    }
    let body = json!({ "kind": "client_secret", "secret": Customer::new().secret });
    let put = trial
        .request("PUT", &trial.ours.fill(&format!("{path}/credential")))
        .json(&body);
    let right = trial.wire.send(&put.clone().with("if-match", &tag)).await;
    assert_eq!(right.status, 200, "{}", right.text());
    let again = trial.wire.send(&put.with("if-match", &tag)).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (412, "precondition_failed"),
        "the tag is spent"
    );
    trial.end(80).await;
}

/// Changes that take `If-Match` and do not ask for it.
const HONOURED: [&str; 4] = [
    CHANGES,
    "DELETE /api/v1/workspaces/{workspace_id}/connections/{connection_id}",
    "POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/enable",
    "POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/disable",
];

async fn the_bodies_that_were_spoiled_are_fine_by_themselves(database: TestDatabase) {
    let trial = Trial::begin(database).await;
    for (case, body) in with_bodies() {
        let place = spare(&trial.app, &trial.ours, case).await;
        let call = Request {
            target: place.fill(case.path),
            ..trial.call(case)
        };
        let request: Request = call.json(&body(&place));
        let reply = trial.wire.send(&request).await;
        assert!(
            (200..300).contains(&reply.status),
            "{}: {}",
            case.name(),
            reply.text()
        );
    }
    // What looks strange and is a name nevertheless is kept as it is.
    let case = CASES
        .iter()
        .find(|case| case.name() == WORKSPACES)
        .expect("a case");
    for name in [
        "Contoso 🏢",
        "' OR 1=1--",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "<b>A & B</b>",
        "100 % \\ _",
        "e\u{301}",
    ] {
        let mut body = case.body.expect("a body")(&trial.ours);
        body["display_name"] = json!(name);
        let reply = trial.wire.send(&trial.call(case).json(&body)).await;
        assert_eq!(
            (reply.status, &reply.json()["display_name"]),
            (201, &json!(name)),
            "{}",
            reply.text()
        );
    }
    trial.end(0).await;
}
