//! What a state is bound to: the browser that it was given to (F04), the connection that it was
//! made for (F09), and what that connection was then (F08).

use integration_tests::{Customer, TestApp, TestDatabase, on_both_engines};
use kernel::{IdSource as _, SystemIds};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    browser::Browser,
    quiet::{JOURNAL, Quiet, REJECTED},
    scene::{Scene, Visit, dedicated, go_on, hints, platform, token_requests, uuid},
};
use crate::tables::Tables;

on_both_engines!(
    only_the_browser_that_went_on_may_come_back,
    a_state_is_no_answer_for_another_connection,
    an_answer_to_an_older_question_is_refused,
    a_connection_that_is_gone_is_not_found,
);

const MISMATCH: (u16, &str) = (403, "consent_session_mismatch");

/// F04. Each stranger is written down, and none of them uses the link up.
async fn only_the_browser_that_went_on_may_come_back(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let tenant = app.contoso.tenant_id.to_string();
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let mut admin = scene.visit().await;
    let other = scene.visit().await;
    let ours = admin.origin().to_owned();
    let (name, value) = admin.browser.cookies(&ours).pop_first().expect("a cookie");
    let (_, others) = other.browser.cookies(&ours).pop_first().expect("a cookie");
    let with = |name: &str, value: &str| {
        let mut browser = Browser::program();
        browser.set_cookie(&ours, name, value);
        browser
    };
    let strangers = [
        ("no cookie", Browser::program()),
        ("the cookie of another visit", other.browser.clone()),
        ("its value under the right name", with(&name, &others)),
        ("the right value under another name", with("session", &value)),
        ("an empty one", with(&name, "")),
        ("the state as cookie", with(&name, &admin.state)),
        (
            "the link as cookie",
            with(&name, admin.link.rsplit('/').next().expect("a text")),
        ),
    ];
    let mut turned_away = 0;
    for (what, mut stranger) in strangers {
        for query in [
            admin.agreement(&tenant),
            admin.callback(&format!("error=access_denied&state={}", admin.state)),
        ] {
            let quiet = Quiet::begin(&app, &tables).await;
            let reply = stranger.get(&query).await;
            let canaries = [admin.state.as_str(), tenant.as_str()];
            quiet.refused(&reply, MISMATCH, &JOURNAL, &canaries, what).await;
            turned_away += 1;
            assert_eq!(scene.audited("consent.rejected").await, turned_away, "{what}");
        }
    }
    assert_eq!((hints(&app).await, app.drain().await), (0, 0));
    let ended = admin.agreed(&tenant).await;
    assert_eq!(
        ended.status,
        200,
        "the right browser can still finish: {}",
        ended.text()
    );
    tables.close().await;
    app.stop().await;
}

/// F09, in both directions: the state of one connection with all that a visit of another has.
async fn a_state_is_no_answer_for_another_connection(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let (contoso, fabrikam) = (app.contoso.tenant_id, app.fabrikam.tenant_id);
    assert!(
        control.consent(contoso, app.platform.client_id) && control.consent(fabrikam, app.platform.client_id)
    );
    let one = Scene::platform(&app, "owner", contoso).await;
    let same_target = Scene::platform(&app, "other", contoso).await;
    let same_place = one.at(one.connect(&platform(fabrikam)).await);
    let victim = one.visit().await;
    for (what, scene) in [
        ("of another workspace", &same_target),
        ("of the same one", &same_place),
    ] {
        let mut visit = scene.visit().await;
        let url = visit.callback(&format!(
            "admin_consent=True&tenant={contoso}&state={}",
            victim.state
        ));
        let quiet = Quiet::begin(&app, &tables).await;
        let reply = visit.browser.get(&url).await;
        quiet
            .refused(&reply, MISMATCH, &JOURNAL, &[victim.state.as_str()], what)
            .await;
        assert_eq!(
            scene.audited("consent.rejected").await,
            0,
            "it is written down where the state is from"
        );
    }
    assert_eq!(one.audited("consent.rejected").await, 2);
    // Its own state in the same browser goes to its own connection and to no other.
    let mut both = go_on(victim.browser.clone(), same_place.link().await).await;
    assert_eq!(both.agreed(&fabrikam.to_string()).await.status, 200);
    app.drain().await;
    assert_eq!(same_place.standing().await, "granted healthy ready -");
    for untouched in [&one, &same_target] {
        assert_eq!(
            untouched.standing().await,
            "required unknown blocked grant_consent"
        );
    }
    tables.close().await;
    app.stop().await;
}

fn fresh() -> Uuid {
    SystemIds.next_uuid()
}

/// The connection with another identity.
async fn becomes(scene: &Scene<'_>, body: &Value) {
    let mut body = body.clone();
    let members = body.as_object_mut().expect("an object");
    members.retain(|name, _| !matches!(name.as_str(), "provider" | "display_name"));
    let put = scene.change(Method::PUT, "/identity", Some(&body)).await;
    assert_eq!(put.status, 200, "{}", put.body);
}

/// F08. The right browser, the right state, the target that was asked about; only the connection
/// is not what it was.
async fn an_answer_to_an_older_question_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let customer = |tenant_id| Customer {
        tenant_id,
        ..Customer::new()
    };
    for what in [
        "another target",
        "another target and back",
        "another type",
        "another client",
        "switched off",
        "other permissions",
        "another client of the installation",
    ] {
        let tenant = fresh();
        let body = match what {
            "another client" => dedicated(&customer(tenant)),
            _ => platform(tenant),
        };
        let scene = scene.at(scene.connect(&body).await);
        let mut visit = scene.visit().await;
        let link = format!("WHERE connection_id = {}", uuid(&app, &scene.connection));
        match what {
            "another target" => becomes(&scene, &platform(fresh())).await,
            "another target and back" => {
                becomes(&scene, &platform(fresh())).await;
                becomes(&scene, &platform(tenant)).await;
            }
            "another type" | "another client" => becomes(&scene, &dedicated(&customer(tenant))).await,
            "switched off" => assert_eq!(scene.change(Method::POST, "/disable", None).await.status, 200),
            "other permissions" => {
                let sql = format!("UPDATE consent_links SET permission_set = 'fewer' {link}");
                assert_eq!(app.database.tamper(&sql).await, 1);
            }
            _ => {
                let sql = format!(
                    "UPDATE consent_links SET client_identifier = '{}' {link}",
                    fresh()
                );
                assert_eq!(app.database.tamper(&sql).await, 1);
            }
        }
        let standing = scene.standing().await;
        older(
            &scene,
            &tables,
            &mut visit,
            (409, "consent_connection_changed"),
            &tenant.to_string(),
            what,
        )
        .await;
        assert_eq!(scene.standing().await, standing, "{what}");
        assert_eq!(scene.audited("consent.rejected").await, 1, "{what}");
    }
    assert_eq!(
        (hints(&app).await, app.drain().await, token_requests(&app)),
        (0, 0, 0)
    );
    tables.close().await;
    app.stop().await;
}

/// The page, going on and coming back all say the same; only the last one ends the visit.
async fn older(
    scene: &Scene<'_>,
    tables: &Tables,
    visit: &mut Visit,
    problem: (u16, &str),
    tenant: &str,
    what: &str,
) {
    let canaries = [visit.state.clone()];
    let canaries = [canaries[0].as_str()];
    let quiet = Quiet::begin(scene.app, tables).await;
    let (page, next) = (
        visit.browser.get(&visit.link).await,
        visit.browser.post(&visit.link, "").await,
    );
    quiet.refused(&page, problem, &[], &canaries, what).await;
    quiet.refused(&next, problem, &[], &canaries, what).await;
    let back = visit.agreed(tenant).await;
    let allowed: &[_] = if problem.0 == 404 { &[] } else { &REJECTED };
    quiet.refused(&back, problem, allowed, &canaries, what).await;
}

async fn a_connection_that_is_gone_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let tenant = app.contoso.tenant_id;
    let scene = Scene::platform(&app, "owner", tenant).await;
    let mut visit = scene.visit().await;
    assert_eq!(scene.change(Method::DELETE, "", None).await.status, 200);
    older(
        &scene,
        &tables,
        &mut visit,
        (404, "not_found"),
        &tenant.to_string(),
        "deleted",
    )
    .await;
    // One that is made anew for the same target is another one.
    let anew = scene.at(scene.connect(&platform(tenant)).await);
    older(
        &anew,
        &tables,
        &mut visit,
        (404, "not_found"),
        &tenant.to_string(),
        "deleted",
    )
    .await;
    assert_eq!(anew.standing().await, "required unknown blocked grant_consent");
    // A stranger is told that he is one, and the journal can still name what he was after.
    let quiet = Quiet::begin(&app, &tables).await;
    let reply = Browser::program()
        .get(&visit.agreement(&tenant.to_string()))
        .await;
    quiet
        .refused(&reply, MISMATCH, &JOURNAL, &[visit.state.as_str()], "a stranger")
        .await;
    // No new link, and none while it is switched off.
    assert_eq!(scene.ask(&json!({})).await.status, 404);
    assert_eq!(anew.change(Method::POST, "/disable", None).await.status, 200);
    let blocked = anew.ask(&json!({})).await;
    assert_eq!(
        (blocked.status, blocked.text("/reason_code")),
        (422, "provider_connection_disabled")
    );
    tables.close().await;
    app.stop().await;
}
