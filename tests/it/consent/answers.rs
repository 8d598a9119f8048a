//! What an answer says: for another target (F05), a refusal in every form (F06).

use integration_tests::{TestApp, TestDatabase, on_both_engines};

use super::{
    quiet::{Quiet, REJECTED},
    scene::{OPERATIONS, Scene, hints, token_requests},
};
use crate::tables::Tables;

on_both_engines!(
    an_agreement_for_another_target_is_refused_and_written_down,
    an_agreement_that_names_two_targets_is_no_answer,
    a_refusal_leaves_a_code_and_not_a_word_of_its_text,
    every_way_to_refuse_on_the_provider_s_page_is_a_refusal,
);

const MISMATCH: (u16, &str) = (409, "consent_target_mismatch");

/// F05.
async fn an_agreement_for_another_target_is_refused_and_written_down(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let (tenant, other) = (app.contoso.tenant_id, app.fabrikam.tenant_id);
    let scene = Scene::platform(&app, "owner", tenant).await;
    // Both targets let the client in: it is the answer that is wrong, not the world.
    assert!(
        control.consent(tenant, app.platform.client_id) && control.consent(other, app.platform.client_id)
    );
    let mut refused = 0;
    for (name, told) in [
        ("another one", format!("&tenant={other}")),
        ("none", String::new()),
        ("an empty one", "&tenant=".to_owned()),
        ("all of them", "&tenant=common".to_owned()),
        ("any of them", "&tenant=organizations".to_owned()),
        ("a domain", "&tenant=contoso.example".to_owned()),
        ("a list", format!("&tenant%5B%5D={tenant}")),
        ("a part", format!("&tenant={}", &tenant.to_string()[..35])),
        ("one more digit", format!("&tenant={tenant}0")),
        ("two in one", format!("&tenant={tenant},{other}")),
    ] {
        let mut visit = scene.visit().await;
        let url = visit.callback(&format!("admin_consent=True{told}&state={}", visit.state));
        let sent = told.split('=').next_back().filter(|text| !text.is_empty());
        let state = visit.state.clone();
        let canaries = [state.as_str(), sent.unwrap_or("admin_consent")];
        let quiet = Quiet::begin(&app, &tables).await;
        let reply = visit.browser.get(&url).await;
        quiet.refused(&reply, MISMATCH, &REJECTED, &canaries, name).await;
        refused += 1;
        assert_eq!(scene.audited("consent.rejected").await, refused, "{name}");
        // Only once: the right answer comes too late now.
        let quiet = Quiet::begin(&app, &tables).await;
        let late = visit.agreed(&tenant.to_string()).await;
        quiet
            .refused(&late, (409, "consent_state_used"), &[], &canaries[..1], name)
            .await;
    }
    assert_eq!(scene.standing().await, "required unknown blocked grant_consent");
    assert_eq!(
        (hints(&app).await, app.drain().await, token_requests(&app)),
        (0, 0, 0)
    );
    // The same one in capitals is the same one.
    let capitals = scene
        .visit()
        .await
        .agreed(&tenant.to_string().to_uppercase())
        .await;
    assert_eq!(capitals.status, 200, "{}", capitals.text());
    tables.close().await;
    app.stop().await;
}

/// F05, twice: it cannot be read, so it ends nothing either.
async fn an_agreement_that_names_two_targets_is_no_answer(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let (tenant, other) = (app.contoso.tenant_id, app.fabrikam.tenant_id);
    let scene = Scene::platform(&app, "owner", tenant).await;
    let mut visit = scene.visit().await;
    let quiet = Quiet::begin(&app, &tables).await;
    for (name, told) in [
        ("the same one", format!("tenant={tenant}&tenant={tenant}")),
        ("the right one first", format!("tenant={tenant}&tenant={other}")),
        ("the right one last", format!("tenant={other}&tenant={tenant}")),
    ] {
        let url = visit.callback(&format!("admin_consent=True&{told}&state={}", visit.state));
        let reply = visit.browser.get(&url).await;
        let tenant = tenant.to_string();
        quiet
            .refused(
                &reply,
                (400, "consent_state_invalid"),
                &[],
                &[tenant.as_str()],
                name,
            )
            .await;
    }
    assert_eq!(
        visit.agreed(&tenant.to_string()).await.status,
        200,
        "the answer itself still counts"
    );
    tables.close().await;
    app.stop().await;
}

/// F06. What the provider's page writes beside its code may hold anything; it is read for one
/// number and dropped.
async fn a_refusal_leaves_a_code_and_not_a_word_of_its_text(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let control = app.simulator.as_ref().expect("runs").control();
    let tables = Tables::of(&app.database).await;
    let tenant = app.contoso.tenant_id;
    let scene = Scene::platform(&app, "owner", tenant).await;
    // Somebody did agree: only the answer says no.
    assert!(control.consent(tenant, app.platform.client_id));
    let canary = "canary-6c1f";
    let html = format!(
        "%3Cscript%3Ealert%28%27{canary}%27%29%3C%2Fscript%3E%0D%0ASet-Cookie%3A+{canary}%3D1+AADSTS65004%3A+{canary}"
    );
    let described = format!("error_description={html}&error_uri=https%3A%2F%2F{canary}.example%2F");
    let declined = "provider_consent_declined";
    for (name, query, reason) in [
        ("False", "admin_consent=False".to_owned(), declined),
        (
            "false",
            format!("admin_consent=false&tenant={tenant}&{described}"),
            declined,
        ),
        ("denied", format!("error=access_denied&{described}"), declined),
        (
            "denied, and True",
            format!("error=access_denied&{described}&admin_consent=True&tenant={tenant}"),
            declined,
        ),
        (
            "True, and an error",
            format!("admin_consent=True&tenant={tenant}&error={canary}"),
            "provider_auth_failed",
        ),
        (
            "an empty error",
            format!("admin_consent=True&tenant={tenant}&error="),
            "provider_auth_failed",
        ),
        (
            "another directory",
            format!("error=access_denied&error_description=AADSTS50020%3A+{canary}&admin_consent=True"),
            "provider_target_scope_mismatch",
        ),
    ] {
        let mut visit = scene.visit().await;
        let url = visit.callback(&format!("{query}&state={}", visit.state));
        let mut person = visit.browser.as_person();
        let reply = if name == "denied" {
            person.get(&url).await
        } else {
            visit.browser.get(&url).await
        };
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        if name != "denied" {
            assert_eq!(reply.json()["result"], "declined", "{name}");
        }
        let text = reply.text();
        assert!(
            !text.contains(canary) && !text.contains("<script"),
            "{name}: {text}"
        );
        let view = scene.view().await;
        assert_eq!(
            view.text("/axes/consent/state"),
            "failed",
            "{name}: {}",
            view.body
        );
        assert_eq!(view.text("/axes/consent/reason_code"), reason, "{name}");
        assert_eq!(
            scene.standing().await,
            "failed unknown blocked grant_consent",
            "{name}"
        );
        scene.is_blocked(&OPERATIONS).await;
        let everything = tables.contents().await;
        let row = |row: &String| row.contains(canary) || row.contains("script");
        let found: Vec<_> = everything.values().flatten().filter(|text| row(text)).collect();
        assert!(found.is_empty(), "{name} is stored: {found:?}");
    }
    let results = "SELECT count(*) FROM consent_links WHERE result = 'declined'";
    assert_eq!(app.database.number(results).await, 7);
    assert_eq!(scene.audited("consent.declined").await, 7);
    assert_eq!(
        (hints(&app).await, app.drain().await, token_requests(&app)),
        (0, 0, 0),
        "no hint, no look"
    );
    // It is not the end: another administrator may agree.
    scene.agree().await;
    app.drain().await;
    assert_eq!(scene.standing().await, "granted healthy ready -");
    tables.close().await;
    app.stop().await;
}

async fn every_way_to_refuse_on_the_provider_s_page_is_a_refusal(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    for (decision, reason) in [
        ("decline", "provider_consent_declined"),
        ("decline_as_documented", "provider_consent_declined"),
        ("cancel", "provider_consent_declined"),
        ("wrong_directory", "provider_target_scope_mismatch"),
    ] {
        let ended = scene.visit().await.decide(decision).await;
        assert_eq!(
            (ended.status, &ended.json()["result"]),
            (200, &"declined".into()),
            "{}",
            ended.text()
        );
        let view = scene.view().await;
        assert_eq!(view.text("/axes/consent/state"), "failed", "{decision}");
        assert_eq!(view.text("/axes/consent/reason_code"), reason, "{decision}");
    }
    assert_eq!(
        (hints(&app).await, app.drain().await),
        (0, 0),
        "no hint, no check"
    );
    app.stop().await;
}
