//! Where a walk ends: at a page of a configured front end or at our own, and nowhere else (F10).

use integration_tests::{TestApp, TestDatabase, on_both_engines};
use serde_json::json;

use super::{
    browser::{Browser, location},
    scene::{Scene, go_on},
};

on_both_engines!(
    a_way_back_to_anywhere_else_is_refused,
    a_walk_ends_where_the_link_said,
    a_way_back_that_is_not_configured_any_more_is_not_gone,
);

const LINKS: &str = "SELECT count(*) FROM consent_links";

async fn a_way_back_to_anywhere_else_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let front = TestApp::FRONT_END;
    let host = front.trim_start_matches("https://");
    let forms = [
        "//evil.example".to_owned(),
        format!("//{host}/done"),
        "javascript:alert(1)".to_owned(),
        "data:text/html,x".to_owned(),
        "/done".to_owned(),
        String::new(),
        "https://evil.example/".to_owned(),
        format!("{front}.evil.example/"),
        format!("{front}@evil.example/"),
        format!("https://evil.example/{front}"),
        format!("https://user@{host}/"),
        format!("{front}:8443/"),
        format!("http://{host}/"),
        format!("https:\\\\{host}/"),
        format!("{front}\\@evil.example"),
        format!(" {front}/"),
        format!("{front}/{}", "x".repeat(2_048)),
        app.base_url.clone(),
    ];
    for form in forms {
        let refused = scene.ask(&json!({ "return_to": form })).await;
        assert_eq!(
            (refused.status, refused.text("/code")),
            (422, "return_to_not_allowed"),
            "{form}"
        );
        let body = refused.body.to_string();
        assert!(
            !body.contains("evil") && !body.contains("alert"),
            "{form} is repeated: {body}"
        );
        assert_eq!(refused.text("/errors/0/pointer"), "/return_to", "{body}");
    }
    let broken = scene.ask(&json!({ "return_to": format!("{front}/\n") })).await;
    assert_eq!(
        (broken.status, broken.text("/code")),
        (422, "control_character"),
        "{}",
        broken.body
    );
    for form in [
        json!(1),
        json!(["https://console.example.com"]),
        json!({ "url": front }),
    ] {
        let refused = scene.ask(&json!({ "return_to": form })).await;
        assert!((400..423).contains(&refused.status), "{form}: {}", refused.body);
    }
    assert_eq!(app.database.number(LINKS).await, 0, "no link was made");
    assert_eq!(scene.audited("consent.link_created").await, 0);
    app.stop().await;
}

async fn a_walk_ends_where_the_link_said(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let front = TestApp::FRONT_END;
    for (form, decision, expected) in [
        ("/done", "decline", "/done?consent=declined"),
        ("/done", "approve", "/done?consent=recorded"),
        ("", "cancel", "/?consent=declined"),
        (
            "/a?b=c%20d&consent=x#/route",
            "approve",
            "/a?b=c%20d&consent=x&consent=recorded#/route",
        ),
    ] {
        let made = scene.ask(&json!({ "return_to": format!("{front}{form}") })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let link = made.text("/url").to_owned();
        let page = Browser::person().get(&link).await;
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains(front), "browsers may be led there: {policy}");
        let mut visit = go_on(Browser::program(), link).await;
        let (back, ours) = (visit.decision(decision).await, visit.origin().to_owned());
        let ended = visit.browser.get(&back).await;
        assert_eq!(
            (ended.status, location(&ended)),
            (303, format!("{front}{expected}")),
            "{}",
            ended.text()
        );
        assert!(ended.body.is_empty() && visit.browser.cookies(&ours).is_empty());
        // What went wrong ends here and not there: nobody is led on by a used or a foreign state.
        for mut browser in [visit.browser.clone(), Browser::person()] {
            let again = browser.get(&back).await;
            assert_eq!(
                (again.status, again.header("location")),
                (409, None),
                "{}",
                again.text()
            );
        }
    }
    app.drain().await;
    app.stop().await;
}

async fn a_way_back_that_is_not_configured_any_more_is_not_gone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let made = scene.ask(&json!({ "return_to": TestApp::FRONT_END })).await;
    let visit = go_on(Browser::program(), made.text("/url").to_owned()).await;
    let moved = "UPDATE consent_links SET return_to = 'https://old-console.example.com/'";
    assert_eq!(app.database.tamper(moved).await, 1);
    let page = Browser::person().get(&visit.link).await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(!policy.contains("console.example.com"), "{policy}");
    let ended = visit.decide("approve").await;
    assert_eq!(
        (ended.status, ended.header("location")),
        (200, None),
        "{}",
        ended.text()
    );
    assert_eq!(ended.json(), json!({ "result": "recorded" }));
    app.drain().await;
    app.stop().await;
}
