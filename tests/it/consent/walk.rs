//! The whole walk, from a connection that nobody agreed to up to an inventory of its target.

use integration_tests::{Customer, TestApp, TestDatabase, on_both_engines};
use kernel::{IdSource as _, SystemIds, hex};
use microsoft_simulator::{AppRegistration, AppState};
use serde_json::json;

use super::{
    browser::{Browser, location, origin, parameter},
    quiet::Quiet,
    scene::{OPERATIONS, Scene, Visit, age_hints, dedicated, end_pauses, hints, platform, token_requests},
};
use crate::tables::Tables;

on_both_engines!(
    an_administrator_walks_from_the_link_to_a_working_platform_connection,
    a_connection_with_a_client_of_its_own_walks_the_same_way,
    a_callback_alone_never_makes_consent_granted,
    a_decline_does_not_undo_consent_that_a_check_proved,
    every_connection_needs_a_walk_of_its_own,
);

async fn an_administrator_walks_from_the_link_to_a_working_platform_connection(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let tables = Tables::of(&app.database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;

    // E17: it is made unusable, and nothing may begin on it, not even a look.
    let view = scene.view().await;
    assert_eq!(
        scene.standing().await,
        "required unknown blocked grant_consent",
        "{}",
        view.body
    );
    assert_eq!(view.text("/summary/reason_code"), "provider_consent_missing");
    scene.is_blocked(&OPERATIONS).await;
    assert_eq!(app.drain().await, 0, "blocked runs are no work");
    assert!(control.calls().is_empty(), "nobody called the provider");

    let made = scene.ask(&json!({})).await;
    let client = app.platform.client_id.to_string();
    let callback = format!("{}/consent/callback", app.base_url);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.text("/redirect_uri"), callback);
    assert_eq!(made.text("/effective_client_identity/client_identifier"), client);
    let link = made.text("/url").to_owned();
    let token = link
        .strip_prefix(&format!("{}/consent/", app.base_url))
        .expect("a page of ours");
    assert_eq!(token.len(), 43, "256 bits: {link}");
    is_shown_what_is_asked(&scene, &tables, &made.body, &link).await;

    let visit = has_gone_on(&app, &link).await;
    assert_eq!(parameter(&visit.page, "client_id"), client);
    assert_eq!(parameter(&visit.page, "redirect_uri"), callback);
    let asked = visit.browser.clone().as_person().get(&visit.page).await;
    assert!(
        (asked.status, asked.text().contains("The installation")) == (200, true),
        "{}",
        asked.text()
    );

    let (origin, cookies) = (visit.origin().to_owned(), visit.browser.cookies(origin(&link)));
    let mut admin = visit;
    let back = admin.decision("approve").await;
    let ended = admin.browser.get(&back).await;
    assert_eq!(
        (ended.status, ended.json()),
        (200, json!({ "result": "recorded" })),
        "{}",
        ended.text()
    );
    assert!(
        admin.browser.cookies(&origin).is_empty(),
        "the cookie has done its work"
    );

    // A hint, and a check that the system queued; nothing else may begin yet.
    assert_eq!(scene.standing().await, "required pending blocked retry_later");
    scene.is_blocked_but_for_the_check().await;
    let run = scene.active_run().await;
    assert_eq!(
        (&run["status"], &run["operation_type"]),
        (&"queued".into(), &"provider.connection.check".into())
    );
    assert_eq!(
        run["initiator"],
        json!({ "label": "consent", "principal_id": null }),
        "the system did it"
    );
    assert_eq!(token_requests(&app), 0, "the API does not look itself");

    assert_eq!(app.drain().await, 1);
    assert_eq!(scene.standing().await, "granted healthy ready -");
    let run = scene.run(run["id"].as_str().expect("an id")).await;
    assert_eq!(run.text("/outcome"), "succeeded", "{}", run.body);
    let synced = scene.start("inventory.sync").await;
    assert_eq!(
        (synced.status, synced.text("/disposition")),
        (202, "accepted"),
        "{}",
        synced.body
    );
    assert_eq!(app.drain().await, 1);
    let synced = scene.run(synced.text("/run/id")).await;
    assert_eq!(synced.text("/outcome"), "succeeded", "{}", synced.body);
    for action in ["consent.link_created", "consent.started", "consent.recorded"] {
        assert_eq!(scene.audited(action).await, 1, "{action}");
    }

    // Neither the link, the state and the cookie, which others hold, nor the platform's secret.
    let secrets = [token, admin.state.as_str(), app.platform.secret.as_str()];
    let everything = tables.contents().await;
    let everything: String = everything.values().flatten().map(String::as_str).collect();
    for secret in secrets.into_iter().chain(cookies.values().map(String::as_str)) {
        let hex = hex(secret.as_bytes());
        assert!(
            secret.len() > 20 && !everything.contains(secret),
            "{secret} is stored"
        );
        assert!(
            !everything.to_ascii_lowercase().contains(&hex),
            "{secret} is stored"
        );
    }
    is_the_client_that_signs_in(&scene, &admin.page).await;
    tables.close().await;
    app.stop().await;
}

/// Our page, read by a program and by a person, by any number of them.
async fn is_shown_what_is_asked(scene: &Scene<'_>, tables: &Tables, made: &serde_json::Value, link: &str) {
    let quiet = Quiet::begin(scene.app, tables).await;
    let json = Browser::program().get(link).await;
    assert_eq!(json.status, 200, "{}", json.text());
    let json = json.json();
    assert_eq!(json["workspace"], "Operators");
    assert_eq!(
        json["client_identifier"],
        made["effective_client_identity"]["client_identifier"]
    );
    assert_eq!(json["target_scope"], made["target_scope"]);
    assert_eq!(json["asked_permissions"], made["asked_permissions"]);
    assert_eq!(json["next_step"]["kind"], "grant_consent");
    let html = Browser::person().get(link).await;
    assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
    let html = String::from_utf8(html.body).expect("text");
    let asked = made["asked_permissions"].as_array().expect("a list");
    assert!(asked.len() > 3, "{asked:?}");
    let mut said: Vec<_> = asked
        .iter()
        .map(|one| one["name"].as_str().expect("a name"))
        .collect();
    said.extend(["Operators", "<form method=\"post\">"]);
    said.push(
        made["target_scope"]["scope_identifier"]
            .as_str()
            .expect("an identifier"),
    );
    said.push(json["client_identifier"].as_str().expect("a client"));
    for text in said {
        assert!(html.contains(text), "{text} stands on the page: {html}");
    }
    quiet.only(&[], "reading uses nothing up").await;
}

/// A person sends the form of our page; the cookie belongs to this page alone.
async fn has_gone_on(app: &TestApp, link: &str) -> Visit {
    let mut browser = Browser::person();
    let led = browser.post(link, "").await;
    assert_eq!(led.status, 303, "{}", led.text());
    let cookie = led.header("set-cookie").expect("a cookie");
    for attribute in ["; Path=/;", "; HttpOnly;", "; SameSite=Lax", "; Max-Age=3600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let page = location(&led);
    let expected = format!(
        "{}/{}/v2.0/adminconsent?",
        app.simulator.as_ref().expect("runs").base_url(),
        app.contoso.tenant_id
    );
    assert!(page.starts_with(&expected), "{page}");
    let state = parameter(&page, "state");
    assert_eq!(state.len(), 43, "256 bits: {state}");
    let mut browser_of_the_walk = Browser::program();
    for (name, value) in browser.cookies(origin(link)) {
        browser_of_the_walk.set_cookie(origin(link), &name, &value);
    }
    Visit {
        browser: browser_of_the_walk,
        link: link.to_owned(),
        page,
        state,
    }
}

/// The client that the page asked for is the one that token requests name. The simulator keeps no
/// bodies, so it is asked the other way: switch off every other client and it works; switch this
/// one off and it does not.
async fn is_the_client_that_signs_in(scene: &Scene<'_>, page: &str) {
    let app = scene.app;
    let control = app.simulator.as_ref().expect("runs").control();
    let client = parameter(page, "client_id");
    let shown = scene.view().await;
    assert_eq!(shown.text("/effective_client_identity/client_identifier"), client);
    let (tenant, own) = (app.contoso.tenant_id, app.contoso.client_id);
    if own.to_string() != client {
        assert!(control.set_app_state(tenant, own, AppState::Absent));
    }
    control.expire_tokens();
    let before = token_requests(app);
    assert_eq!(scene.start("provider.connection.check").await.status, 202);
    app.drain().await;
    assert_eq!(scene.standing().await, "granted healthy ready -");
    assert!(
        token_requests(app) > before,
        "a check asks for a token of its own"
    );

    assert!(control.revoke_consent(tenant, client.parse().expect("an id")));
    age_hints(app, 600).await;
    assert_eq!(scene.start("provider.connection.check").await.status, 202);
    app.drain().await;
    assert_eq!(scene.standing().await, "revoked blocked blocked grant_consent");
    assert_eq!(hints(app).await, 0, "an old hint is forgotten");
    let held = app.database.number("SELECT count(*) FROM platform_targets").await;
    assert_eq!(held, 0, "the target is given up");
}

impl Scene<'_> {
    async fn is_blocked_but_for_the_check(&self) {
        self.is_blocked(&OPERATIONS[1..]).await;
    }
}

async fn a_connection_with_a_client_of_its_own_walks_the_same_way(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let own = Customer {
        client_id: SystemIds.next_uuid(),
        tenant_id: app.contoso.tenant_id,
        secret: app.fabrikam.secret.clone(),
    };
    let registration = AppRegistration::new(own.client_id, "Their own")
        .with_redirect_uri(format!("{}/consent/callback", app.base_url))
        .with_secret(&own.secret);
    control.add_registration(registration);
    let scene = Scene::with(&app, "owner", &dedicated(&own)).await;
    assert_eq!(
        scene.start("provider.connection.check").await.status,
        202,
        "its own credential may look"
    );
    app.drain().await;
    assert_eq!(scene.standing().await, "required blocked blocked grant_consent");

    let visit = scene.visit().await;
    let page = visit.page.clone();
    assert_eq!(parameter(&page, "client_id"), own.client_id.to_string());
    let ended = visit.decide("approve").await;
    assert_eq!(ended.json()["result"], "recorded", "{}", ended.text());
    assert_eq!(scene.standing().await, "required pending blocked retry_later");
    // It may have been told a moment ago that nobody agreed; a minute later it asks again.
    for _ in 0..3 {
        end_pauses(&app).await;
        app.drain().await;
    }
    assert_eq!(scene.standing().await, "granted healthy ready -");
    let synced = scene.start("inventory.sync").await;
    assert_eq!(synced.status, 202, "{}", synced.body);
    app.drain().await;
    assert_eq!(
        scene.run(synced.text("/run/id")).await.text("/outcome"),
        "succeeded"
    );
    let held = app.database.number("SELECT count(*) FROM platform_targets").await;
    assert_eq!(held, 0, "it holds nothing of the platform's");
    is_the_client_that_signs_in(&scene, &page).await;
    app.stop().await;
}

/// I14. Nobody looked yet, so nobody knows: whoever agreed, and whatever the answer says.
async fn a_callback_alone_never_makes_consent_granted(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let tenant = app.contoso.tenant_id;
    let scene = Scene::platform(&app, "owner", tenant).await;
    let state = "SELECT count(*) FROM provider_connections WHERE consent_state = 'granted'";
    let not_granted = |what: &'static str| {
        let scene = &scene;
        async move {
            assert_eq!(scene.app.database.number(state).await, 0, "{what}");
            scene.is_blocked_but_for_the_check().await;
            assert_eq!(token_requests(scene.app), 0, "{what}: nobody looked");
        }
    };
    assert_eq!(scene.forge().await.status, 200);
    not_granted("a typed answer").await;
    assert!(control.consent(tenant, app.platform.client_id));
    assert_eq!(scene.forge().await.status, 200);
    not_granted("a typed answer where the client was let in").await;
    scene.agree().await;
    not_granted("the provider's own answer").await;
    let visit = scene.visit().await;
    let url = format!(
        "{}&scope=x&admin_consent_granted=True&consent=granted",
        visit.agreement(&tenant.to_string())
    );
    assert_eq!(visit.browser.clone().get(&url).await.status, 200);
    not_granted("an answer that says more").await;
    // The way to it is a check, and there is no other.
    assert_eq!(app.drain().await, 1, "all of them wait for one check");
    assert_eq!(app.database.number(state).await, 1);
    app.stop().await;
}

async fn a_decline_does_not_undo_consent_that_a_check_proved(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let scene = Scene::proven(&app, "owner", app.contoso.tenant_id).await;
    let before = scene.view().await;
    for decision in ["decline", "wrong_directory", "cancel", "decline_as_documented"] {
        let ended = scene.visit().await.decide(decision).await;
        assert_eq!(
            (ended.status, &ended.json()["result"]),
            (200, &"declined".into()),
            "{}",
            ended.text()
        );
        let now = scene.view().await;
        for part in ["/axes", "/summary", "/version"] {
            assert_eq!(now.body.pointer(part), before.body.pointer(part), "{decision}");
        }
    }
    assert_eq!(scene.audited("consent.declined").await, 4);
    assert_eq!(app.drain().await, 0, "there is nothing to check");
    assert_eq!(scene.start("inventory.sync").await.status, 202);
    app.drain().await;
    app.stop().await;
}

async fn every_connection_needs_a_walk_of_its_own(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let scene = Scene::proven(&app, "owner", app.contoso.tenant_id).await;
    let calls = token_requests(&app);
    // In another environment of the same workspace, and in a workspace of the same owner.
    let body = json!({ "display_name": "Staging", "slug": "staging" });
    let staging = scene.post("environments", &body).await.text("/id").to_owned();
    let mut body = platform(app.contoso.tenant_id);
    body["environment_id"] = staging.clone().into();
    let made = scene.post("connections", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let mut second = scene.at(made.text("/id").to_owned());
    second.environment = staging;
    let third = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    for other in [&second, &third] {
        assert_eq!(other.standing().await, "required unknown blocked grant_consent");
        other.is_blocked(&OPERATIONS).await;
    }
    assert_eq!(
        (app.drain().await, token_requests(&app)),
        (0, calls),
        "nobody looked"
    );
    // The same workspace can prove it once more; then each of both stands alone.
    second.agree().await;
    app.drain().await;
    assert_eq!(second.standing().await, "granted healthy ready -");
    let deleted = scene.change(reqwest::Method::DELETE, "", None).await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    let held = app.database.number("SELECT count(*) FROM platform_targets").await;
    assert_eq!(held, 1, "the second one still stands on it");
    assert_eq!(third.forge().await.status, 200);
    app.drain().await;
    assert_eq!(third.view().await.text("/axes/consent/state"), "required");
    app.stop().await;
}
