//! The consent page, walked as a browser or curl would, and what a consent changes.

use crate::support::{CLIENT, Stage, TENANT, refused};
use microsoft_simulator::{AppRegistration, AppState, RECOMMENDED_ROLES};
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

const BACK: &str = "http://localhost:8080/callback";
const SECRET: &str = "platform~secret";

async fn stage() -> Stage {
    let registration = AppRegistration::new(CLIENT, "Fabrikam <b>Console</b>")
        .with_redirect_uri(BACK)
        .with_secret(SECRET);
    Stage::start_registered(vec![registration]).await
}

/// A good query with some parameters replaced; an empty value leaves the parameter out.
fn query(stage: &Stage, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let good = [
        ("client_id", CLIENT.to_string()),
        ("scope", format!("{}/.default", stage.base())),
        ("redirect_uri", BACK.to_owned()),
        ("state", "a b&c".to_owned()),
    ];
    let mut query: Vec<(String, String)> = good.map(|(name, value)| (name.to_owned(), value)).into();
    for (name, value) in changes {
        query.retain(|(other, _)| other != name);
        if !value.is_empty() {
            query.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    query
}

fn page(stage: &Stage, path: &str, query: &[(String, String)]) -> Url {
    Url::parse_with_params(&format!("{}/{path}", stage.base()), query).expect("an address")
}

/// Presses a button and returns status, `Location` and body.
async fn press(stage: &Stage, url: Url, decision: &str) -> (u16, Option<String>, String) {
    let request = stage.client().post(url).form(&[("decision", decision)]);
    let answer = request.send().await.expect("answers");
    let location = answer.headers().get("location").cloned();
    let location = location.map(|value| value.to_str().expect("ASCII").to_owned());
    (
        answer.status().as_u16(),
        location,
        answer.text().await.expect("a text"),
    )
}

async fn callback(stage: &Stage, path: &str, decision: &str) -> Vec<(String, String)> {
    let (status, location, _) = press(stage, page(stage, path, &query(stage, &[])), decision).await;
    let location = location.expect("a place to go");
    assert!(
        status == 302 && location.starts_with(&format!("{BACK}?")),
        "{status} {location}"
    );
    Url::parse(&location)
        .expect("an address")
        .query_pairs()
        .into_owned()
        .collect()
}

fn names(pairs: &[(String, String)]) -> Vec<&str> {
    pairs.iter().map(|(name, _)| name.as_str()).collect()
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs
        .iter()
        .find(|(other, _)| other == name)
        .map_or("", |(_, value)| value)
}

async fn token(stage: &Stage) -> Result<Value, (u16, String, u64)> {
    stage.prove(CLIENT, &[("client_secret", SECRET)]).await
}

fn absent() -> Result<Value, (u16, String, u64)> {
    refused(400, "unauthorized_client", 700_016)
}

fn v2() -> String {
    format!("{TENANT}/v2.0/adminconsent")
}

#[tokio::test]
async fn the_page_names_app_tenant_and_permissions() {
    let stage = stage().await;
    for path in [
        v2(),
        format!("{TENANT}/adminconsent"),
        "contoso.example/v2.0/adminconsent".to_owned(),
    ] {
        let answer = stage
            .client()
            .get(page(&stage, &path, &query(&stage, &[])))
            .send()
            .await;
        let answer = answer.expect("answers");
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.expect("a text");
        for part in [
            "Fabrikam &lt;b&gt;Console&lt;/b&gt;",
            "Contoso",
            RECOMMENDED_ROLES[0],
            RECOMMENDED_ROLES[RECOMMENDED_ROLES.len() - 1],
        ] {
            assert!(text.contains(part), "{path} lacks {part}: {text}");
        }
        for button in ["approve", "decline", "wrong_directory"] {
            assert!(text.contains(&format!("value=\"{button}\"")), "no {button}");
        }
    }
    assert_eq!(token(&stage).await, absent(), "looking is not consenting");
}

#[tokio::test]
async fn approving_installs_the_application() {
    let stage = stage().await;
    assert_eq!(token(&stage).await, absent());
    let pairs = callback(&stage, &v2(), "approve").await;
    assert_eq!(names(&pairs), ["admin_consent", "tenant", "scope", "state"]);
    assert_eq!(value(&pairs, "admin_consent"), "True");
    assert_eq!(value(&pairs, "tenant"), TENANT.to_string());
    assert_eq!(value(&pairs, "scope"), format!("{}/.default", stage.base()));
    assert_eq!(value(&pairs, "state"), "a b&c");
    let claims = token(&stage).await.expect("installed");
    assert_eq!(claims["roles"], json!(RECOMMENDED_ROLES));
    assert_eq!(claims["app_displayname"], "Fabrikam <b>Console</b>");
}

#[tokio::test]
async fn the_older_path_leaves_the_scope_out() {
    let stage = stage().await;
    let pairs = callback(&stage, "contoso.example/adminconsent", "approve").await;
    assert_eq!(names(&pairs), ["admin_consent", "tenant", "state"]);
    assert_eq!(
        value(&pairs, "tenant"),
        TENANT.to_string(),
        "the GUID, whatever was asked for"
    );
    assert!(token(&stage).await.is_ok());
}

#[tokio::test]
async fn refusals_say_true_and_name_no_tenant() {
    let stage = stage().await;
    let refusal = [
        "error",
        "error_description",
        "error_uri",
        "admin_consent",
        "state",
    ];
    for (decision, number) in [("decline", "AADSTS65004: "), ("wrong_directory", "AADSTS50020: ")] {
        let pairs = callback(&stage, &v2(), decision).await;
        assert_eq!(names(&pairs), refusal);
        assert_eq!(value(&pairs, "error"), "access_denied");
        assert_eq!(value(&pairs, "admin_consent"), "True");
        let text = value(&pairs, "error_description");
        assert!(
            text.starts_with(number) && text.contains("\r\nTrace ID: "),
            "{text}"
        );
    }
    let documented = callback(&stage, &v2(), "decline_as_documented").await;
    assert_eq!(value(&documented, "error"), "consent_required");
    let documented = callback(&stage, &format!("{TENANT}/adminconsent"), "decline_as_documented").await;
    assert_eq!(value(&documented, "error"), "permission_denied");
    let cancelled = callback(&stage, &v2(), "cancel").await;
    assert_eq!(
        (
            value(&cancelled, "error_subcode"),
            value(&cancelled, "admin_consent")
        ),
        ("cancel", "False")
    );
    assert_eq!(token(&stage).await, absent(), "no refusal installs anything");
}

/// Tenant, changed parameters, and the number on the page.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u32);

/// What is wrong with a request is told on a page and never sends the browser anywhere.
#[tokio::test]
async fn a_bad_request_ends_on_a_page() {
    let stage = stage().await;
    let other = Uuid::from_u128(9).to_string();
    let good = TENANT.to_string();
    let cases: [Case<'_>; 15] = [
        (
            &good,
            &[("redirect_uri", "http://localhost:8080/callback/")],
            50011,
        ),
        (
            &good,
            &[("redirect_uri", "http://localhost:8080/callback?x=1")],
            50011,
        ),
        (
            &good,
            &[("redirect_uri", "http://LOCALHOST:8080/callback")],
            50011,
        ),
        (
            &good,
            &[("redirect_uri", "https://attacker.example/\"><script>")],
            50011,
        ),
        (&good, &[("redirect_uri", "")], 900_144),
        (&good, &[("client_id", &other)], 700_016),
        (&good, &[("client_id", "")], 900_144),
        (&good, &[("scope", "")], 900_144),
        (&good, &[("scope", "User.Read")], 70011),
        (&good, &[("scope", "https://elsewhere.example/.default")], 70011),
        (
            &good,
            &[("scope", "https://graph.microsoft.com/User.Read")],
            70011,
        ),
        (&other, &[], 90002),
        ("common", &[], 900_144),
        ("organizations", &[], 50059),
        ("consumers", &[], 9_001_023),
    ];
    for (tenant, changes, code) in cases {
        let url = page(
            &stage,
            &format!("{tenant}/v2.0/adminconsent"),
            &query(&stage, changes),
        );
        let shown = stage.client().get(url.clone()).send().await.expect("answers");
        assert_eq!(shown.status(), 400, "{tenant} {changes:?}");
        for decision in ["approve", "decline", "wrong_directory"] {
            let (status, location, text) = press(&stage, url.clone(), decision).await;
            assert_eq!((status, location), (400, None), "{tenant} {changes:?}");
            assert!(
                text.contains(&format!("AADSTS{code}: ")) && !text.contains("<script>"),
                "{text}"
            );
        }
    }
    for tenant in ["common", "organizations", "consumers"] {
        let url = page(&stage, &format!("{tenant}/adminconsent"), &query(&stage, &[]));
        assert_eq!(press(&stage, url, "approve").await.0, 400);
    }
    let mut twice = query(&stage, &[]);
    twice.push(("redirect_uri".to_owned(), "https://attacker.example".to_owned()));
    let (status, location, text) = press(&stage, page(&stage, &v2(), &twice), "approve").await;
    assert!(
        (status, location) == (400, None) && text.contains("AADSTS9000411: "),
        "{text}"
    );
    assert_eq!(token(&stage).await, absent());
}

#[tokio::test]
async fn a_redirect_uri_can_be_added_and_keeps_its_query() {
    let stage = stage().await;
    let uri = "http://localhost/back?via=test";
    assert!(stage.control().add_redirect_uri(CLIENT, uri));
    assert!(!stage.control().add_redirect_uri(TENANT, uri));
    let url = page(
        &stage,
        &v2(),
        &query(&stage, &[("redirect_uri", uri), ("state", "")]),
    );
    let location = press(&stage, url, "approve").await.1.expect("a place to go");
    assert!(
        location.starts_with(&format!("{uri}&admin_consent=True&tenant={TENANT}&scope=")),
        "{location}"
    );
    assert!(!location.contains("state"), "{location}");
}

#[tokio::test]
async fn consent_and_its_end_without_a_browser() {
    let stage = stage().await;
    assert!(!stage.control().consent(CLIENT, CLIENT) && !stage.control().consent(TENANT, TENANT));
    assert!(!stage.control().revoke_consent(TENANT, CLIENT));
    let url = format!("{}/_simulator/consent", stage.base());
    let what = json!({ "tenant": TENANT, "client": CLIENT });
    let post = stage
        .client()
        .post(&url)
        .json(&what)
        .send()
        .await
        .expect("answers");
    assert_eq!(post.status(), 204);
    assert!(token(&stage).await.is_ok());
    let delete = stage
        .client()
        .delete(&url)
        .json(&what)
        .send()
        .await
        .expect("answers");
    assert_eq!(delete.status(), 204);
    assert_eq!(token(&stage).await, absent());
    let unknown = json!({ "tenant": CLIENT, "client": CLIENT });
    let post = stage
        .client()
        .post(&url)
        .json(&unknown)
        .send()
        .await
        .expect("answers");
    assert_eq!(post.status(), 404);

    assert!(stage.control().consent(TENANT, CLIENT));
    assert!(stage.control().set_app_state(TENANT, CLIENT, AppState::Disabled));
    assert!(token(&stage).await.is_err());
    assert!(stage.control().consent(TENANT, CLIENT));
    assert!(token(&stage).await.is_ok(), "a consent enables");
    assert!(stage.control().revoke_consent(TENANT, CLIENT));
    assert_eq!(token(&stage).await, absent());
}
