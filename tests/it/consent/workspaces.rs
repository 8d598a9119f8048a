//! Two workspaces that want the same target (ADR 0024): the one whose check proved it has it, and
//! the other one is told what everybody is told where nobody agreed.

use cli::Answer;
use integration_tests::{TestApp, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::scene::{OPERATIONS, Scene, age_hints, end_pauses, hints, token_requests};

on_both_engines!(
    the_second_workspace_learns_nothing_that_a_stranger_would_not,
    the_second_workspace_can_prove_it_once_the_first_gave_it_up,
    a_target_whose_consent_was_revoked_is_free,
    of_two_workspaces_that_are_checked_at_once_one_has_it,
);

const HELD: &str = "SELECT count(*) FROM platform_targets";

/// What a caller sees of an answer, without what differs between any two of them: ids, times, and
/// the fingerprints made of them.
fn seen(answer: &Answer) -> String {
    let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let mut body = answer.body.clone();
    blank(&mut body);
    format!("{} {names:?}\n{body:#}", answer.status)
}

fn blank(value: &mut Value) {
    match value {
        Value::String(text) => {
            if chrono::DateTime::parse_from_rfc3339(text).is_ok() {
                "[time]".clone_into(text);
            } else {
                *text = without_ids(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::Object(members) => members.values_mut().for_each(blank),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without_ids(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let id = [36, 32].into_iter().find(|length| {
            rest.get(..*length)
                .is_some_and(|start| Uuid::try_parse(start).is_ok())
        });
        if let Some(length) = id {
            out.push_str("[id]");
            rest = &rest[length..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Everything that a workspace can find out about its connection.
async fn all_that_is_told(scene: &Scene<'_>) -> Vec<(&'static str, String)> {
    let connection = &scene.connection;
    let mut told = vec![
        ("connection", seen(&scene.view().await)),
        (
            "summary",
            seen(
                &scene
                    .get(&format!("connections/{connection}/surface-summary"))
                    .await,
            ),
        ),
        ("list", seen(&scene.get("connections").await)),
        (
            "resolution",
            seen(
                &scene
                    .get(&format!("connections/{connection}/identity-resolution"))
                    .await,
            ),
        ),
        (
            "history",
            seen(&scene.get(&format!("connections/{connection}/history")).await),
        ),
        ("runs", seen(&scene.get("operation-runs?limit=200").await)),
        ("audit", seen(&scene.get("audit-events?limit=200").await)),
    ];
    for operation in OPERATIONS {
        let body = json!({
            "operation_type": operation, "environment_id": scene.environment, "connection_id": connection,
        });
        let preflight = scene.post("operation-runs/preflight", &body).await;
        told.push((operation, seen(&preflight)));
    }
    let runs = scene.get("operation-runs?limit=200").await;
    for run in runs.body["items"].as_array().expect("a list") {
        let run = scene.run(run["id"].as_str().expect("an id")).await;
        told.push(("run", seen(&run)));
    }
    for (what, text) in &told {
        assert!(text.starts_with("200 "), "{what}: {text}");
    }
    told
}

async fn alike(second: &Scene<'_>, stranger: &Scene<'_>, when: &str) -> Vec<(&'static str, String)> {
    let (mine, theirs) = (all_that_is_told(second).await, all_that_is_told(stranger).await);
    assert_eq!(mine.len(), theirs.len(), "{when}");
    for ((what, mine), (_, theirs)) in mine.iter().zip(&theirs) {
        assert_eq!(mine, theirs, "{when}: {what}");
    }
    mine
}

async fn the_second_workspace_learns_nothing_that_a_stranger_would_not(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (contoso, fabrikam) = (app.contoso.tenant_id, app.fabrikam.tenant_id);
    let first = Scene::proven(&app, "first", contoso).await;
    let standing = first.view().await;

    // One wants the target that the first has, the other one a target where nobody agreed. The same
    // person asks for both, because names are no secret of ours.
    let second = Scene::platform(&app, "second", contoso).await;
    let stranger = Scene::platform(&app, "second", fabrikam).await;
    let never = alike(&second, &stranger, "before").await;
    for scene in [&second, &stranger] {
        scene.is_blocked(&OPERATIONS).await;
    }
    alike(&second, &stranger, "turned away").await;

    let answers = [second.forge().await, stranger.forge().await];
    let [mine, theirs] = answers.map(|reply| (reply.status, reply.body));
    assert_eq!(mine, theirs);
    assert_eq!(mine.0, 200);
    // So old that the next look is a minute later for both, whatever a second is to the clock.
    age_hints(&app, 100).await;
    let hinted = alike(&second, &stranger, "with a hint").await;
    assert_ne!(hinted, never, "the comparison sees what a hint changes");

    assert_eq!(app.drain().await, 2);
    for scene in [&second, &stranger] {
        assert_eq!(scene.standing().await, "required pending blocked retry_later");
        let view = scene.view().await;
        assert_eq!(
            view.text("/axes/verification/reason_code"),
            "provider_consent_pending"
        );
    }
    let waiting = alike(&second, &stranger, "while it waits").await;
    assert_ne!(waiting, hinted, "the comparison sees what a look changes");
    end_pauses(&app).await;
    assert_eq!(app.drain().await, 2);
    alike(&second, &stranger, "still waiting").await;

    age_hints(&app, 600).await;
    end_pauses(&app).await;
    assert_eq!(app.drain().await, 2);
    for scene in [&second, &stranger] {
        assert_eq!(scene.standing().await, "required blocked blocked grant_consent");
        scene.is_blocked(&OPERATIONS).await;
    }
    let over = alike(&second, &stranger, "at the end").await;
    assert_ne!(over, waiting, "the comparison sees what the end changes");
    let run = over
        .iter()
        .filter(|(what, _)| *what == "run")
        .map(|(_, text)| text);
    let reported = run.filter(|text| text.contains("\"identity.consent\"")).count();
    assert_eq!(reported, 1, "one run has a report: {over:#?}");

    // The first one did not notice; its hint alone is left, and nobody read anything for the others.
    assert_eq!(first.view().await.body["axes"], standing.body["axes"]);
    assert_eq!(hints(&app).await, 1);
    assert_eq!(first.start("inventory.sync").await.status, 202);
    app.drain().await;
    let items = "SELECT count(DISTINCT workspace_id) FROM inventory_items";
    assert_eq!(
        app.database.number(items).await,
        1,
        "only the first has an inventory"
    );
    app.stop().await;
}

async fn the_second_workspace_can_prove_it_once_the_first_gave_it_up(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tenant = app.contoso.tenant_id;
    let first = Scene::proven(&app, "first", tenant).await;
    let second = Scene::platform(&app, "second", tenant).await;
    // A real walk is no better than a typed one: the administrator agreed, but for the first.
    second.agree().await;
    app.drain().await;
    age_hints(&app, 600).await;
    end_pauses(&app).await;
    app.drain().await;
    assert_eq!(second.standing().await, "required blocked blocked grant_consent");
    assert_eq!(first.standing().await, "granted healthy ready -");

    let deleted = first.change(Method::DELETE, "", None).await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    assert_eq!(app.database.number(HELD).await, 0);
    // Its old hint is gone: a walk of its own is what it takes.
    let before = token_requests(&app);
    second.is_blocked(&OPERATIONS).await;
    assert_eq!(
        (app.drain().await, token_requests(&app)),
        (0, before),
        "nobody looked"
    );
    second.agree().await;
    assert_eq!(app.drain().await, 1);
    assert_eq!(second.standing().await, "granted healthy ready -");
    assert_eq!(app.database.number(HELD).await, 1);
    // And now it is the first one that comes too late.
    let again = first.at(first.connect(&super::scene::platform(tenant)).await);
    again.agree().await;
    app.drain().await;
    assert_eq!(again.view().await.text("/axes/consent/state"), "required");
    app.stop().await;
}

async fn a_target_whose_consent_was_revoked_is_free(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let tenant = app.contoso.tenant_id;
    let first = Scene::proven(&app, "first", tenant).await;
    assert!(control.revoke_consent(tenant, app.platform.client_id));
    age_hints(&app, 600).await;
    assert_eq!(first.start("provider.connection.check").await.status, 202);
    app.drain().await;
    assert_eq!(first.standing().await, "revoked blocked blocked grant_consent");
    let second = Scene::proven(&app, "second", tenant).await;
    // The agreement that the second got does not bring the first back.
    first.is_blocked(&OPERATIONS).await;
    assert_eq!(first.standing().await, "revoked blocked blocked grant_consent");
    assert_eq!(first.forge().await.status, 200);
    app.drain().await;
    assert_ne!(first.view().await.text("/axes/consent/state"), "granted");
    assert_eq!(second.standing().await, "granted healthy ready -");
    app.stop().await;
}

/// The key of the row decides, not who looked first.
async fn of_two_workspaces_that_are_checked_at_once_one_has_it(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tenant = app.contoso.tenant_id;
    let one = Scene::platform(&app, "one", tenant).await;
    let other = Scene::platform(&app, "other", tenant).await;
    one.agree().await;
    other.agree().await;
    assert_eq!(app.drain().await, 2);
    let standings = [one.standing().await, other.standing().await];
    let (granted, waiting) = ("granted healthy ready -", "required pending blocked retry_later");
    assert!(
        standings == [granted, waiting] || standings == [waiting, granted],
        "{standings:?}"
    );
    assert_eq!(app.database.number(HELD).await, 1);
    // The one that has it moves to another target, and the other one's next look proves it.
    let (holder, next) = if standings[0] == granted {
        (&one, &other)
    } else {
        (&other, &one)
    };
    let body = json!({ "connection_type": "platform", "scope_identifier": app.fabrikam.tenant_id });
    let moved = holder.change(Method::PUT, "/identity", Some(&body)).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    assert_eq!(holder.standing().await, "required unknown blocked grant_consent");
    assert_eq!(app.database.number(HELD).await, 0);
    end_pauses(&app).await;
    assert_eq!(app.drain().await, 1);
    assert_eq!(next.standing().await, granted);
    app.stop().await;
}
