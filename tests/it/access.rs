//! Who may do what. Every operation of the OpenAPI document stands in one table; each of them is
//! called by everybody who must not see it and by each role, and the answers are compared byte
//! for byte.

mod bodies;
pub(crate) mod cases;
mod lists;
mod references;
mod tokens;
pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use integration_tests::{Engine, TestApp, TestDatabase, on_both_engines};
use serde_json::Value;
use tenancy::{Capability, Role};

use crate::{spec, wire::Reply};
use cases::{CASES, Case, Needs, Place};
use tokens::{Door, with_all};
use world::{NEIGHBOUR, NOBODY, ROLES, World, bare};

on_both_engines!(
    a_stranger_gets_the_answer_of_a_workspace_that_never_was,
    a_foreign_child_gets_the_answer_of_a_child_that_never_was,
    each_role_may_do_what_its_capabilities_say_and_nothing_else,
    what_a_member_may_changes_with_the_very_next_request,
);

#[test]
fn every_operation_has_a_case_and_every_case_an_operation() {
    let cases = CASES.iter().map(Case::name).collect();
    assert_eq!(spec::names(|_| true), cases);
    for operation in spec::operations() {
        let case = CASES
            .iter()
            .find(|case| case.name() == operation.name())
            .expect("has a case");
        let own = operation.details["security"].as_array();
        let public = own.is_some_and(|all| all.iter().all(|one| one.get("bearer").is_none()));
        assert_eq!(public, case.needs == Needs::Nothing, "{}", case.name());
        assert_eq!(
            operation.details["requestBody"].is_object(),
            case.body.is_some(),
            "{}",
            case.name()
        );
        let parameters = operation.details["parameters"].as_array().into_iter().flatten();
        let required = parameters.filter(|entry| entry["name"] == "If-Match" && entry["required"] == true);
        assert_eq!(required.count() == 1, case.matched, "{}", case.name());
        if case.names_a_child() || case.method != "GET" {
            assert!(
                case.in_workspace() || case.needs == Needs::Token,
                "{}",
                case.name()
            );
        }
    }
}

#[test]
fn every_capability_is_needed_somewhere() {
    let needed: Vec<_> = CASES.iter().map(|case| case.needs).collect();
    for capability in Capability::ALL {
        assert!(
            needed.contains(&Needs::Capability(capability.as_str())),
            "{}",
            capability.as_str()
        );
    }
}

/// A token is checked before the store is asked, so the engine cannot matter.
#[test]
fn without_a_token_that_counts_every_operation_gives_the_same_answer() {
    integration_tests::database::run(Engine::Sqlite, |database| async move {
        let app = TestApp::start(database).await;
        let door = Door::open(&app.program);
        let (refused, place) = (door.refused(), Place::nowhere());
        let mut answers = BTreeMap::new();
        for case in &CASES {
            for (name, headers) in &refused {
                let reply = door.wire.send(&with_all(&bare(case, &place), headers)).await;
                let what = format!("{} with {name}: {}", case.name(), reply.text());
                if case.needs == Needs::Nothing {
                    assert_eq!(reply.status, 200, "{what}");
                } else {
                    assert_eq!(
                        (reply.status, reply.code().as_str()),
                        (401, "unauthenticated"),
                        "{what}"
                    );
                    assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{what}");
                    answers.insert(reply.anonymous(), what);
                }
            }
            if case.needs != Needs::Nothing {
                let reply = door
                    .wire
                    .send(&bare(case, &place).bearer(&door.token("owner")))
                    .await;
                assert_ne!(reply.status, 401, "a good token counts: {}", reply.text());
            }
        }
        assert_eq!(
            answers.len(),
            1,
            "nothing tells one cause from another: {:#?}",
            answers.values()
        );
        door.close().await;
        app.stop().await;
    });
}

async fn a_stranger_gets_the_answer_of_a_workspace_that_never_was(database: TestDatabase) {
    let world = World::build(database).await;
    for case in CASES.iter().filter(|case| case.in_workspace()) {
        for subject in [NOBODY, NEIGHBOUR] {
            let nowhere = Place {
                workspace: Place::nowhere().workspace,
                ..world.ours.clone()
            };
            let unseen = world.call(case, &world.ours, subject).await;
            let absent = world.call(case, &nowhere, subject).await;
            assert_alike(case, &unseen, &absent);
            // Nor does a wrong body or a wrong query show that there is something behind.
            for place in [&world.ours, &nowhere] {
                let mut wrong = world.request(case, place, subject);
                wrong.target.push_str("?limit=nonsense");
                wrong.body = wrong.body.map(|_| b"{".to_vec());
                assert_alike(case, &world.wire.send(&wrong).await, &absent);
            }
        }
    }
    world.app.stop().await;
}

async fn a_foreign_child_gets_the_answer_of_a_child_that_never_was(database: TestDatabase) {
    let world = World::build(database).await;
    let cases: Vec<_> = CASES.iter().filter(|case| case.names_a_child()).collect();
    assert_eq!(cases.len(), 43);
    for case in cases {
        let foreign = Place {
            workspace: world.theirs.workspace.clone(),
            ..world.ours.clone()
        };
        let absent = Place {
            workspace: world.theirs.workspace.clone(),
            ..Place::nowhere()
        };
        let foreign = world.call(case, &foreign, NEIGHBOUR).await;
        let absent = world.call(case, &absent, NEIGHBOUR).await;
        assert_alike(case, &foreign, &absent);
    }
    world.app.stop().await;
}

fn assert_alike(case: &Case, unseen: &Reply, absent: &Reply) {
    assert_eq!(
        (unseen.status, unseen.code().as_str()),
        (404, "not_found"),
        "{}: {}",
        case.name(),
        unseen.text()
    );
    assert_eq!(unseen.anonymous(), absent.anonymous(), "{}", case.name());
}

/// Below this lies everything that needs a capability.
const WORKSPACE: &str = "/api/v1/workspaces/{workspace_id}";

/// What those who may do it are told nevertheless, because of how things are.
const REFUSED: [(&str, &str); 7] = [
    (
        "POST /connections/{connection_id}/credential/promote",
        "credential_not_verified",
    ),
    (
        "POST /connections/{connection_id}/credential/rollback",
        "credential_stage_missing",
    ),
    ("POST /operation-runs", "scope_busy"),
    ("POST /operation-runs/{run_id}/cancel", "run_already_completed"),
    (
        "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
        "delivery_not_repeatable",
    ),
    (
        "POST /operation-runs/{run_id}/force-cancel",
        "run_already_completed",
    ),
    ("POST /operation-runs/{run_id}/release", "run_already_completed"),
];

async fn each_role_may_do_what_its_capabilities_say_and_nothing_else(database: TestDatabase) {
    let world = World::build(database).await;
    let (mut matrix, mut refused) = (BTreeMap::new(), BTreeSet::new());
    for case in &CASES {
        let Needs::Capability(capability) = case.needs else {
            continue;
        };
        for role in ROLES {
            let place = world::spare(&world.app, &world.ours, case).await;
            let reply = world.call(case, &place, role).await;
            let what = format!("{} as {role}: {}", case.name(), reply.text());
            let may = match reply.status {
                403 => false,
                200..300 => true,
                _ => {
                    let name = case.name().replace(WORKSPACE, "");
                    let known = REFUSED
                        .iter()
                        .find(|(refused, code)| *refused == name && *code == reply.code());
                    refused.insert(known.unwrap_or_else(|| panic!("{what}")));
                    true
                }
            };
            if !may {
                assert_eq!(reply.code(), "forbidden", "{what}");
                assert_eq!(reply.json()["required_capability"], capability, "{what}");
            }
            let known = matrix.entry((capability, role)).or_insert(may);
            assert_eq!(*known, may, "one capability, two rules: {what}");
        }
    }
    assert_eq!(refused, REFUSED.iter().collect(), "each refusal has its call");
    for ((capability, role), may) in &matrix {
        let role = Role::parse(role).expect("a role");
        let capability = Capability::ALL
            .into_iter()
            .find(|entry| entry.as_str() == *capability);
        assert_eq!(
            role.holds(capability.expect("a capability")),
            *may,
            "{capability:?} {role:?}"
        );
    }
    compare_with_golden(&listing(&matrix));
    world.app.stop().await;
}

/// The matrix as people review it.
fn listing(matrix: &BTreeMap<(&str, &str), bool>) -> String {
    let mut text = String::new();
    let words = |may: bool| if may { "yes" } else { "-" };
    let line = |first: &str, cells: [&str; 4]| {
        format!(
            "{first:<26}{:<8}{:<9}{:<10}{:<8}",
            cells[0], cells[1], cells[2], cells[3]
        )
        .trim_end()
        .to_owned()
    };
    writeln!(text, "{}\n", line("", ROLES)).expect("writing to a string works");
    for capability in Capability::ALL.map(Capability::as_str) {
        let cells = ROLES.map(|role| words(matrix[&(capability, role)]));
        writeln!(text, "{}", line(capability, cells)).expect("writing to a string works");
        for case in CASES
            .iter()
            .filter(|case| case.needs == Needs::Capability(capability))
        {
            writeln!(text, "    {:<6} {}", case.method, case.path).expect("writing to a string works");
        }
    }
    text
}

fn compare_with_golden(text: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/it/access/roles.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, text).expect("written");
    }
    let golden = std::fs::read_to_string(path).expect("the golden file is there");
    assert_eq!(
        text, golden,
        "who may do what has changed: review it, then UPDATE_GOLDEN=1"
    );
}

async fn what_a_member_may_changes_with_the_very_next_request(database: TestDatabase) {
    let world = World::build(database).await;
    let case = |name: &str| CASES.iter().find(|case| case.name() == name).expect("a case");
    let create = case("POST /api/v1/workspaces/{workspace_id}/environments");
    let read = case("GET /api/v1/workspaces/{workspace_id}");
    assert_eq!(world.call(create, &world.ours, "manager").await.status, 201);
    let manager = "principal_id = (SELECT id FROM principals WHERE subject = 'manager')";
    assert_eq!(
        world
            .app
            .database
            .tamper(&format!("UPDATE members SET role = 'operator' WHERE {manager}"))
            .await,
        1
    );
    assert_eq!(world.call(create, &world.ours, "manager").await.status, 403);
    assert_eq!(world.call(read, &world.ours, "manager").await.status, 200);
    assert_eq!(
        world
            .app
            .database
            .tamper(&format!("DELETE FROM members WHERE {manager}"))
            .await,
        1
    );
    for case in [create, read] {
        let reply = world.call(case, &world.ours, "manager").await;
        assert_alike(
            case,
            &reply,
            &world.call(case, &Place::nowhere(), "manager").await,
        );
    }
    let reply = world
        .call(case("GET /api/v1/workspaces"), &world.ours, "manager")
        .await;
    assert_eq!(
        reply.json()["items"],
        Value::Array(Vec::new()),
        "{}",
        reply.text()
    );
    world.app.stop().await;
}
