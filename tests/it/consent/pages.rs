//! What every answer of the three pages carries, and who may send their forms (F11).

use std::collections::BTreeSet;

use integration_tests::{TestApp, TestDatabase, on_both_engines};
use serde_json::json;

use super::{
    browser::Browser,
    quiet::Quiet,
    scene::{Scene, Visit, go_on},
};
use crate::{
    tables::Tables,
    wire::{Reply, Request},
};

on_both_engines!(
    every_answer_says_that_nothing_of_it_is_to_be_kept_or_told,
    only_our_own_page_leads_on,
    whoever_went_on_last_may_come_back,
);

/// The headers, and a body with nothing from elsewhere.
fn is_dressed(reply: &Reply, what: &str) {
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{what}: {}", reply.text());
    }
    let policy = reply.header("content-security-policy").expect("a policy");
    for rule in ["default-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{what}: {policy}");
    }
    for rule in ["script", "*", "unsafe", "data:"] {
        assert!(!policy.contains(rule), "{what}: {policy}");
    }
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    if reply
        .header("content-type")
        .is_some_and(|media| media.starts_with("text/html"))
        && !what.starts_with("a head")
    {
        assert!(body.starts_with("<!DOCTYPE html>"), "{what}: {body}");
        for foreign in [
            "://", "<script", "src=", "href=", "@import", "url(", "onload", "onclick",
        ] {
            assert!(!body.contains(foreign), "{what}: {foreign} in {body}");
        }
        assert!(policy.contains("style-src 'sha256-"), "{what}: {policy}");
    }
}

async fn every_answer_says_that_nothing_of_it_is_to_be_kept_or_told(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tenant = app.contoso.tenant_id.to_string();
    let mut statuses = BTreeSet::new();
    let mut media = BTreeSet::new();
    for (number, person) in [false, true].into_iter().enumerate() {
        let new = || {
            if person {
                Browser::person()
            } else {
                Browser::program()
            }
        };
        let mut stranger = new();
        let scene = Scene::platform(&app, &format!("owner-{number}"), app.contoso.tenant_id).await;
        let mut replies = Vec::new();
        let unknown = format!("{}/consent/nobody-gave-this-out", app.base_url);
        let callback = format!("{}/consent/callback", app.base_url);
        replies.push(("an unknown link", stranger.get(&unknown).await));
        replies.push(("going on from it", stranger.post(&unknown, "").await));
        replies.push(("no state", stranger.get(&callback).await));
        replies.push(("a post to the callback", stranger.post(&callback, "").await));
        let put = |url: &str| Request::new("PUT", url);
        replies.push(("a wrong method", stranger.send(&unknown, put).await));
        replies.push((
            "a head of it",
            stranger.send(&unknown, |url| Request::new("HEAD", url)).await,
        ));

        let link = scene.link().await;
        replies.push(("the page", stranger.get(&link).await));
        let abroad = |url: &str| {
            Request::new("POST", url)
                .with("origin", "https://evil.example")
                .bytes(b"")
        };
        replies.push(("a foreign form", stranger.send(&link, abroad).await));
        let mut browser = new();
        replies.push(("going on", browser.post(&link, "").await));
        let visit = |visit: Visit| Visit {
            browser: if person {
                visit.browser.as_person()
            } else {
                visit.browser
            },
            ..visit
        };
        let mut admin = visit(go_on(browser, link).await);
        let agreement = admin.agreement(&tenant);
        replies.push(("a stranger", stranger.get(&agreement).await));
        replies.push(("an end", admin.agreed(&tenant).await));
        replies.push(("a replay", admin.agreed(&tenant).await));
        let mut elsewhere = visit(scene.visit().await);
        replies.push(("another target", elsewhere.agreed("common").await));
        let mut declined = visit(scene.visit().await);
        let url = declined.callback(&format!("admin_consent=False&state={}", declined.state));
        replies.push(("a decline", declined.browser.get(&url).await));
        let made = scene.ask(&json!({ "return_to": TestApp::FRONT_END })).await;
        let mut back = visit(go_on(new(), made.text("/url").to_owned()).await);
        replies.push(("a way back", back.agreed(&tenant).await));
        for (what, reply) in &replies {
            is_dressed(reply, &format!("{what}, person: {person}"));
            statuses.insert(reply.status);
            media.insert(reply.header("content-type").unwrap_or("-").to_owned());
        }
        app.drain().await;
    }
    assert_eq!(
        Vec::from_iter(statuses),
        [200, 303, 400, 403, 405, 409],
        "all kinds of answers were seen"
    );
    for expected in [
        "-",
        "application/json",
        "application/problem+json",
        "text/html; charset=utf-8",
    ] {
        assert!(media.contains(expected), "{expected} is among {media:?}");
    }
    app.stop().await;
}

/// A page elsewhere could otherwise lead people past the page that says who asks.
async fn only_our_own_page_leads_on(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let link = scene.link().await;
    let token = link.rsplit('/').next().expect("a token").to_owned();
    let quiet = Quiet::begin(&app, &tables).await;
    for (what, headers) in [
        ("another origin", vec![("origin", "https://evil.example")]),
        ("a front end", vec![("origin", TestApp::FRONT_END)]),
        ("another port", vec![("origin", "http://127.0.0.1:1")]),
        ("no origin that can be told", vec![("origin", "null")]),
        ("another site", vec![("sec-fetch-site", "cross-site")]),
        (
            "a sister site",
            vec![("origin", app.base_url.as_str()), ("sec-fetch-site", "same-site")],
        ),
    ] {
        let mut browser = Browser::program();
        let post = |target: &str| {
            let post = Request::new("POST", target).bytes(b"");
            headers
                .iter()
                .fold(post, |post, (name, value)| post.with(name, value))
        };
        let reply = browser.send(&link, post).await;
        quiet
            .refused(
                &reply,
                (403, "consent_session_mismatch"),
                &[],
                &[token.as_str()],
                what,
            )
            .await;
        assert_eq!(
            (reply.header("set-cookie"), reply.header("location")),
            (None, None),
            "{what}"
        );
    }
    let mut browser = Browser::program();
    let hidden = |target: &str| {
        let post = Request::new("POST", target).with("origin", "null").bytes(b"");
        post.with("sec-fetch-site", "same-origin")
    };
    let led = browser.send(&link, hidden).await;
    assert_eq!(
        led.status,
        303,
        "browsers hide the origin of a page that wants no referrer: {}",
        led.text()
    );
    tables.close().await;
    app.stop().await;
}

/// The link may be opened again, on another machine; then the first visit is over.
async fn whoever_went_on_last_may_come_back(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let tenant = app.contoso.tenant_id.to_string();
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let mut first = scene.visit().await;
    let mut last = go_on(Browser::program(), first.link.clone()).await;
    assert_ne!(first.state, last.state);
    let quiet = Quiet::begin(&app, &tables).await;
    let reply = first.agreed(&tenant).await;
    let canary = first.state.clone();
    quiet
        .refused(
            &reply,
            (400, "consent_state_invalid"),
            &[],
            &[canary.as_str()],
            "the first",
        )
        .await;
    assert_eq!(last.agreed(&tenant).await.status, 200);
    app.drain().await;
    tables.close().await;
    app.stop().await;
}
