//! Which state counts, and how often: unknown ones (F01), used ones (F02) and those that are over
//! (F03).

use std::{net::TcpListener, sync::Arc};

use api::{
    ApiSettings,
    auth::{LocalIssuer, TokenVerifier},
};
use integration_tests::{TestApp, TestDatabase, on_both_engines};
use provider_microsoft::{Cloud, PlatformCredentialFile, PlatformIdentitySettings};
use server::{
    compose::{Program, ProviderSetup},
    files,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    browser::{Browser, origin},
    quiet::{Quiet, is_problem},
    scene::{Scene, go_on, hints},
};
use crate::{tables::Tables, wire::Wire};

on_both_engines!(
    a_state_that_was_never_given_out_is_refused,
    a_state_works_once_and_so_do_six_at_a_time,
    a_link_is_over_after_its_hour,
    a_state_outlives_the_process_that_gave_it_out,
);

const INVALID: (u16, &str) = (400, "consent_state_invalid");
const TOO_LONG: (u16, &str) = (414, "uri_too_long");
const USED: (u16, &str) = (409, "consent_state_used");

/// F01, by the browser that holds the right cookie.
async fn a_state_that_was_never_given_out_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let mut visit = scene.visit().await;
    let quiet = Quiet::begin(&app, &tables).await;
    let state = visit.state.clone();
    let flipped = |at: usize| {
        let mut bytes = state.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).expect("ascii")
    };
    let token = visit.link.rsplit('/').next().expect("a token").to_owned();
    let (first, middle, long) = (flipped(0), flipped(20), "x".repeat(10 * 1024));
    let agreed = format!("admin_consent=True&tenant={}", app.contoso.tenant_id);
    for (name, query, sent) in [
        ("nothing", String::new(), "consent/callback"),
        ("no state", agreed.clone(), agreed.as_str()),
        ("an empty one", format!("{agreed}&state="), agreed.as_str()),
        (
            "an unknown one",
            format!("{agreed}&state=canary-4711"),
            "canary-4711",
        ),
        ("the first bit", format!("{agreed}&state={first}"), first.as_str()),
        ("another bit", format!("{agreed}&state={middle}"), middle.as_str()),
        (
            "a shorter one",
            format!("{agreed}&state={}", &state[..42]),
            &state[..42],
        ),
        ("a longer one", format!("{agreed}&state={state}A"), state.as_str()),
        (
            "another case",
            format!("{agreed}&state={}", state.to_ascii_lowercase()),
            "True",
        ),
        (
            "the link's text",
            format!("{agreed}&state={token}"),
            token.as_str(),
        ),
        ("10 KB", format!("{agreed}&state={long}"), "xxxxxxxxxx"),
        (
            "10 KB beside it",
            format!("{agreed}&state={state}&x={long}"),
            "xxxxxxxxxx",
        ),
        (
            "two",
            format!("{agreed}&state={state}&state={state}"),
            state.as_str(),
        ),
        (
            "two, one unknown",
            format!("state=a&{agreed}&state={state}"),
            state.as_str(),
        ),
        ("a list", format!("{agreed}&state%5B%5D={state}"), state.as_str()),
        (
            "a null byte",
            format!("{agreed}&state={state}%00"),
            state.as_str(),
        ),
        ("no UTF-8", format!("{agreed}&state=%ff%fe"), agreed.as_str()),
        (
            "neither yes nor no",
            format!("admin_consent=maybe&state={state}"),
            "maybe",
        ),
        (
            "21 parameters",
            format!("{agreed}&state={state}{}", "&a=b".repeat(19)),
            state.as_str(),
        ),
    ] {
        let url = visit.callback(&query);
        let reply = visit.browser.get(&url).await;
        // Longer than any address may be; a shorter one gets as far as our own bound.
        let expected = if name.starts_with("10 KB") {
            TOO_LONG
        } else {
            INVALID
        };
        quiet.refused(&reply, expected, &[], &[sent], name).await;
    }
    let kept = visit.agreed(&app.contoso.tenant_id.to_string()).await;
    assert_eq!(kept.status, 200, "the right one still works: {}", kept.text());
    tables.close().await;
    app.stop().await;
}

/// F02.
async fn a_state_works_once_and_so_do_six_at_a_time(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let visit = scene.visit().await;
    let url = visit.agreement(&app.contoso.tenant_id.to_string());
    let mut at_once = Vec::new();
    for _ in 0..6 {
        let (mut browser, url) = (visit.browser.clone(), url.clone());
        at_once.push(tokio::spawn(async move { browser.get(&url).await }));
    }
    let mut recorded = 0;
    for reply in futures::future::join_all(at_once).await {
        let reply = reply.expect("joins");
        match reply.status {
            200 => recorded += 1,
            _ => is_problem(&reply, USED.0, USED.1, "one of the others"),
        }
    }
    assert_eq!((recorded, hints(&app).await), (1, 1), "one of six counts");
    assert_eq!(scene.audited("consent.recorded").await, 1);
    assert_eq!(
        app.database.number("SELECT count(*) FROM operation_runs").await,
        1,
        "one check"
    );

    // A replay later, by whomever; the link itself is over too.
    let quiet = Quiet::begin(&app, &tables).await;
    let state = [visit.state.as_str()];
    for (name, mut browser) in [
        ("the same", visit.browser.clone()),
        ("another", Browser::program()),
    ] {
        let reply = browser.get(&url).await;
        quiet.refused(&reply, USED, &[], &state, name).await;
        let reply = browser.get(&visit.link).await;
        quiet.refused(&reply, USED, &[], &state, name).await;
        let reply = browser.post(&visit.link, "").await;
        quiet.refused(&reply, USED, &[], &state, name).await;
    }
    assert_eq!(app.drain().await, 1, "and one look");
    tables.close().await;
    app.stop().await;
}

/// F03, the hour. What is over is over everywhere: on our page and on the way back.
async fn a_link_is_over_after_its_hour(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let tables = Tables::of(&app.database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let hour = "SELECT max(expires_at - created_at) FROM consent_links";
    let mut visit = scene.visit().await;
    assert_eq!(app.database.number(hour).await, 3_600_000_000);
    let url = visit.agreement(&app.contoso.tenant_id.to_string());
    let pass = |seconds: u32| {
        let past = format!(
            "UPDATE consent_links SET created_at = created_at - {seconds}000000, \
             expires_at = expires_at - {seconds}000000"
        );
        let app = &app;
        async move { assert_eq!(app.database.tamper(&past).await, 1) }
    };
    pass(3_500).await;
    assert_eq!(visit.browser.get(&visit.link).await.status, 200, "not over yet");
    pass(101).await;
    let quiet = Quiet::begin(&app, &tables).await;
    let state = [visit.state.as_str()];
    for (name, reply) in [
        ("the callback", visit.browser.get(&url).await),
        ("the page", visit.browser.get(&visit.link).await),
        ("going on", visit.browser.post(&visit.link, "").await),
    ] {
        quiet.refused(&reply, INVALID, &[], &state, name).await;
    }
    tables.close().await;
    app.stop().await;
}

/// F03, the restart: a second process on the same database, with nothing but that in common.
async fn a_state_outlives_the_process_that_gave_it_out(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let scene = Scene::platform(&app, "owner", app.contoso.tenant_id).await;
    let open = scene.link().await;
    let mut visit = scene.visit().await;
    let setup = ProviderSetup {
        endpoint: Some(Url::parse(&app.simulator.as_ref().expect("runs").base_url()).expect("an address")),
        platform: vec![PlatformIdentitySettings {
            cloud: Cloud::Global,
            client_id: app.platform.client_id.to_string(),
            credential: PlatformCredentialFile::ClientSecretFile(app.platform_secret_file.clone()),
            expires_at: None,
        }],
        ..ProviderSetup::default()
    };
    let program = Program::open(
        &app.database.database_url(),
        app.database.key_ring(),
        false,
        setup,
    )
    .await;
    let program = program.expect("opens");
    let settings = ApiSettings {
        public_url: Some(Url::parse(&app.base_url).expect("an address")),
        ..ApiSettings::default()
    };
    let verifier = TokenVerifier::new(vec![LocalIssuer::from_key(files::random_key()).verifier_issuer()]);
    let state = program.api(verifier, program.database.derived_key("cursor"), settings);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let wire = Wire::to(&format!("http://{}", listener.local_addr().expect("an address")));
    let shutdown = CancellationToken::new();
    let ended = shutdown.clone().cancelled_owned();
    let serving = tokio::spawn(api::serve(listener, Arc::new(state), 1, ended));

    let ours = origin(&app.base_url).to_owned();
    visit.browser.serve(&ours, wire.clone());
    let back = visit.decision("approve").await;
    let ended = visit.browser.get(&back).await;
    assert_eq!(
        (ended.status, &ended.json()["result"]),
        (200, &"recorded".into()),
        "{}",
        ended.text()
    );
    let again = visit.browser.get(&back).await;
    is_problem(&again, USED.0, USED.1, "a replay after the restart");
    // The other way round: begun there, ended here.
    let mut browser = Browser::program();
    browser.serve(&ours, wire);
    let mut visit = go_on(browser, open).await;
    visit.browser.serve(&ours, Wire::to(&app.base_url));
    assert_eq!(visit.agreed(&app.contoso.tenant_id.to_string()).await.status, 200);

    shutdown.cancel();
    serving.await.expect("joins").expect("serves to the end");
    program.database.close().await.expect("closes");
    app.drain().await;
    assert_eq!(scene.standing().await, "granted healthy ready -");
    app.stop().await;
}
