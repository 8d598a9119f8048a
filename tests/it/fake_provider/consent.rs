//! Consent of a target's administrator, given and refused, where no provider in particular asks.

use integration_tests::{TestApp, TestDatabase, on_both_engines};
use provider_core::testing::FakeProvider;
use serde_json::{Value, json};
use url::Url;

use super::core::Core;
use crate::{
    access::cases::Place,
    wire::{Reply, Request},
};

on_both_engines!(
    consent_needs_no_provider_in_particular,
    a_refusal_needs_no_provider_in_particular,
);

const CONNECTION: &str = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}";

/// An environment with a connection of the installation's own client to `site`.
async fn platform(core: &Core, site: &str) -> Place {
    let place = core.environment(site).await;
    let body = json!({
        "environment_id": place.environment, "provider": "fake", "connection_type": "platform",
        "display_name": "A connection", "scope_identifier": site,
    });
    core.add(&place, &body).await
}

/// A visit: on the page, and on its way to where the provider asks.
struct Visit {
    cookie: String,
    state: String,
}

/// Makes a link, reads its page as people and as programs do, and goes on from it.
async fn visit(core: &Core, place: &Place, site: &str, body: &Value) -> Visit {
    let made = core
        .post(&place.fill(&format!("{CONNECTION}/consent-link")), body)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let link = made.json();
    assert_eq!(link["provider"], "fake", "{link}");
    assert_eq!(link["asked_permissions"][0]["name"], "inventory", "{link}");
    let url = link["url"].as_str().expect("an address");
    let page = core.walk(Request::get(url).with("accept", "text/html")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(
        page.text().contains(FakeProvider::PLATFORM_CLIENT),
        "{}",
        page.text()
    );
    let told = core.walk(Request::get(url)).await.json();
    assert_eq!(told["target_scope"]["scope_identifier"], site, "{told}");
    let left = core.walk(Request::new("POST", url)).await;
    assert_eq!(left.status, 303, "{}", left.text());
    let next = Url::parse(left.header("location").expect("an address")).expect("an address");
    assert_eq!(next.host_str(), Some("agree.example.com"));
    let value = |name: &str| {
        let pair = next.query_pairs().find(|(key, _)| key == name);
        pair.expect("a parameter").1.into_owned()
    };
    assert_eq!(
        (value("site").as_str(), value("client").as_str()),
        (site, FakeProvider::PLATFORM_CLIENT)
    );
    let cookie = left.header("set-cookie").expect("a cookie");
    Visit {
        cookie: cookie.split(';').next().expect("a pair").to_owned(),
        state: value("state"),
    }
}

async fn come_back(core: &Core, visit: &Visit, answer: &str) -> Reply {
    let target = format!("/consent/callback?state={}&{answer}", visit.state);
    core.walk(Request::get(&target).with("cookie", &visit.cookie))
        .await
}

async fn consent_needs_no_provider_in_particular(database: TestDatabase) {
    let core = Core::start(database).await;
    let place = platform(&core, "site-x").await;
    let early = core.start_operation(&place, "inventory.sync").await;
    assert_eq!(
        (early.status, &early.json()["reason_code"]),
        (422, &json!("provider_consent_missing")),
        "{}",
        early.text()
    );
    let way_back = json!({ "return_to": format!("{}/done", TestApp::FRONT_END) });
    let visit = visit(&core, &place, "site-x", &way_back).await;
    let answer = "outcome=yes&site=site-x";
    let back = come_back(&core, &visit, answer).await;
    assert_eq!(
        (back.status, back.header("location")),
        (303, Some("https://console.example.com/done?consent=recorded")),
        "{}",
        back.text()
    );
    let again = come_back(&core, &visit, answer).await;
    assert_eq!(again.code(), "consent_state_used", "{}", again.text());

    let connection = core.get(&place.fill(CONNECTION)).await.json();
    assert_ne!(
        connection["axes"]["consent"]["state"], "granted",
        "a callback is a hint: {connection}"
    );
    assert_eq!(
        core.worker.drain().await.expect("the queue answers"),
        1,
        "the check that follows"
    );
    let connection = core.get(&place.fill(CONNECTION)).await.json();
    assert_eq!(connection["axes"]["consent"]["state"], "granted", "{connection}");
    assert_eq!(connection["summary"]["readiness"], "ready", "{connection}");
    let collected = core.perform(&place, "inventory.sync").await;
    assert_eq!(collected["outcome"], "succeeded", "{collected}");
    assert_eq!(
        collected["context"]["provider_context"]["realm"], "main",
        "{collected}"
    );
    core.stop().await;
}

async fn a_refusal_needs_no_provider_in_particular(database: TestDatabase) {
    let core = Core::start(database).await;
    let place = platform(&core, "site-no").await;
    let declined = visit(&core, &place, "site-no", &json!({})).await;
    let back = come_back(&core, &declined, "outcome=no&words=because").await;
    assert_eq!(
        (back.status, &back.json()["result"]),
        (200, &json!("declined")),
        "{}",
        back.text()
    );
    let connection = core.get(&place.fill(CONNECTION)).await.json();
    assert_eq!(
        connection["axes"]["consent"]["reason_code"], "provider_consent_declined",
        "{connection}"
    );
    let elsewhere = visit(&core, &place, "site-no", &json!({})).await;
    let back = come_back(&core, &elsewhere, "outcome=yes&site=site-other").await;
    assert_eq!(back.code(), "consent_target_mismatch", "{}", back.text());
    let strange = visit(&core, &place, "site-no", &json!({})).await;
    let stranger = Visit {
        cookie: "a=b".to_owned(),
        ..strange
    };
    let back = come_back(&core, &stranger, "outcome=yes&site=site-no").await;
    assert_eq!(back.code(), "consent_session_mismatch", "{}", back.text());
    assert_eq!(
        core.worker.drain().await.expect("the queue answers"),
        0,
        "nothing to check"
    );
    core.stop().await;
}
