//! Answers that a client must survive: shapes, bytes and connections that break.

use crate::support::{Stage, TENANT};
use microsoft_simulator::{FaultKind, Oddity, Rule};
use serde_json::{Value, json};

const USERS: &str = "/v1.0/users?$top=3&$select=id,displayName,accountEnabled";

fn once(kind: FaultKind) -> Rule {
    Rule {
        times: Some(1),
        ..Rule::always("/v1.0/", kind)
    }
}

/// The answer under one fault.
async fn bent(stage: &Stage, kind: FaultKind) -> reqwest::Response {
    stage.control().inject_rule(once(kind));
    let request = stage
        .client()
        .get(format!("{}{USERS}", stage.base()))
        .bearer_auth(stage.token().await);
    request.send().await.expect("answers")
}

async fn bytes(stage: &Stage, kind: FaultKind) -> Result<Vec<u8>, reqwest::Error> {
    Ok(bent(stage, kind).await.bytes().await?.to_vec())
}

async fn page(stage: &Stage, kind: FaultKind) -> Value {
    serde_json::from_slice(&bytes(stage, kind).await.expect("a body")).expect("JSON")
}

fn header(response: &reqwest::Response, name: &str) -> String {
    let value = response.headers().get(name).map(|value| value.to_str());
    value.and_then(Result::ok).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn rows_break_the_contract() {
    let stage = Stage::start().await;
    let odd = async |oddity| page(&stage, FaultKind::OddRows { oddity }).await["value"].take();
    let wrong = odd(Oddity::WrongTypes).await;
    assert_eq!(
        (&wrong[0]["displayName"], &wrong[0]["accountEnabled"]),
        (&json!(7), &json!("seven"))
    );
    assert!(wrong[0]["id"].is_string());
    let nulls = odd(Oddity::Nulls).await;
    assert!(nulls[2]["displayName"].is_null() && nulls[2]["id"].is_string());
    assert!(odd(Oddity::NullIds).await[1]["id"].is_null());
    let same = odd(Oddity::DuplicateIds).await;
    assert!(same[0]["id"] == same[2]["id"] && same[0]["displayName"] != json!(null));
    let mixed = odd(Oddity::NotAnObject).await;
    assert!(mixed[0].is_string() && mixed[1].is_object());
    let nul = page(&stage, FaultKind::NulInText).await;
    assert!(
        nul["value"][0]["displayName"]
            .as_str()
            .is_some_and(|name| name.starts_with('\0'))
    );
    let none = page(&stage, FaultKind::MissingValue).await;
    assert!(none.get("value").is_none() && none.get("@odata.context").is_some());
}

#[tokio::test]
async fn bytes_are_not_what_was_announced() {
    let stage = Stage::start().await;
    let plain = stage.get(USERS).await.json().await;
    let marked = bytes(&stage, FaultKind::ByteOrderMark).await.expect("a body");
    assert_eq!(&marked[..3], "\u{feff}".as_bytes());
    assert_eq!(
        serde_json::from_slice::<Value>(&marked[3..]).expect("JSON"),
        plain
    );
    let typed = FaultKind::ContentType {
        value: "text/plain; charset=utf-16".to_owned(),
    };
    let typed = bent(&stage, typed).await;
    assert_eq!(header(&typed, "content-type"), "text/plain; charset=utf-16");
    assert_eq!(bytes(&stage, FaultKind::EmptyBody).await.expect("a body"), b"");
    let big = bytes(&stage, FaultKind::Oversized { bytes: 1_000_001 })
        .await
        .expect("a body");
    assert_eq!(big.len(), 1_000_001);
    assert_eq!(
        serde_json::from_slice::<Value>(&big).expect("JSON")["value"],
        json!([])
    );
    let deep = bytes(&stage, FaultKind::DeepJson { depth: 5000 })
        .await
        .expect("a body");
    assert!(
        serde_json::from_slice::<Value>(&deep).is_err(),
        "deeper than serde_json goes"
    );
    let text = String::from_utf8(deep).expect("text");
    assert_eq!(text.matches('[').count(), 5000);
}

#[tokio::test]
async fn connections_break_or_crawl() {
    let stage = Stage::start().await;
    let plain = stage.get(USERS).await.json().await;
    assert!(bytes(&stage, FaultKind::Truncated).await.is_err());
    assert!(bytes(&stage, FaultKind::ResetMidBody).await.is_err());
    let slow = bytes(&stage, FaultKind::SlowBody { bytes: 100 })
        .await
        .expect("all of it");
    assert_eq!(serde_json::from_slice::<Value>(&slow).expect("JSON"), plain);

    let mut stalled = bent(&stage, FaultKind::Stall).await;
    let first = stalled.chunk().await.expect("half of it").expect("not the end");
    assert!(serde_json::from_slice::<Value>(&first).is_err());
    // An end would be here long before the answers to these.
    tokio::select! {
        biased;
        _ = stalled.chunk() => panic!("more came, or the end"),
        () = async {
            for _ in 0..5 {
                assert_eq!(stage.get(USERS).await.status(), 200);
            }
        } => {}
    }

    let mut endless = bent(&stage, FaultKind::Endless).await;
    let mut read = 0;
    while read < 20_000_000 {
        read += endless.chunk().await.expect("more").expect("no end").len();
    }
    drop(endless);
    assert_eq!(
        stage.get(USERS).await.status(),
        200,
        "the client's leaving ends it"
    );
}

#[tokio::test]
async fn errors_come_in_every_style() {
    let stage = Stage::start().await;
    let challenge = bent(&stage, FaultKind::InsufficientClaims).await;
    assert_eq!(challenge.status(), 401);
    let authenticate = header(&challenge, "www-authenticate");
    assert!(authenticate.contains("error=\"insufficient_claims\"") && authenticate.contains("claims=\""));

    let missing = page(&stage, FaultKind::IntuneUnauthorized).await;
    assert_eq!(missing["error"]["code"], "UnknownError");
    let outer: Value =
        serde_json::from_str(missing["error"]["message"].as_str().expect("a text")).expect("JSON");
    assert_eq!(outer["ErrorCode"], "Forbidden");
    let inner: Value = serde_json::from_str(outer["Message"].as_str().expect("a text")).expect("JSON");
    assert!(
        inner["Message"]
            .as_str()
            .is_some_and(|text| text.contains("DeviceManagement"))
    );

    let nested = FaultKind::IntuneThrottled {
        retry_after: None,
        nested: Some("00:00:17".to_owned()),
    };
    let nested = bent(&stage, nested).await;
    assert_eq!(
        (nested.status().as_u16(), header(&nested, "retry-after")),
        (429, String::new())
    );
    let body: Value = nested.json().await.expect("JSON");
    let inner: Value =
        serde_json::from_str(body["error"]["message"].as_str().expect("a text")).expect("JSON");
    assert_eq!(inner["RetryAfter"], "00:00:17");
}

#[tokio::test]
async fn gateways_answer_in_other_words() {
    let stage = Stage::start().await;
    let plain = FaultKind::PlainThrottled {
        retry_after: Some("7".to_owned()),
    };
    let plain = bent(&stage, plain).await;
    assert_eq!(
        (plain.status().as_u16(), header(&plain, "content-type").as_str()),
        (429, "text/plain")
    );
    let html = bent(&stage, FaultKind::ServiceUnavailableHtml { retry_after: None }).await;
    assert_eq!(
        (
            html.status().as_u16(),
            header(&html, "content-type").starts_with("text/html")
        ),
        (503, true)
    );
    let timeout = page(&stage, FaultKind::GatewayTimeout).await;
    assert_eq!(
        (&timeout["error"]["code"], &timeout["error"]["message"]),
        (&json!("UnknownError"), &json!(""))
    );
    let custom = FaultKind::GraphError {
        status: 400,
        code: "DirectoryPageTokenNotFoundException".to_owned(),
        message: String::new(),
    };
    assert_eq!(
        page(&stage, custom).await["error"]["code"],
        "DirectoryPageTokenNotFoundException"
    );
}

#[tokio::test]
async fn an_end_is_announced_in_headers() {
    let stage = Stage::start().await;
    let sunset = "Thu, 31 Dec 2026 00:00:00 GMT".to_owned();
    let answer = bent(
        &stage,
        FaultKind::Deprecated {
            sunset: sunset.clone(),
        },
    )
    .await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "sunset")),
        (200, sunset)
    );
    assert!(header(&answer, "link").contains("rel=\"deprecation\""));
    assert!(header(&answer, "deprecation").starts_with('@'));
}

#[tokio::test]
async fn links_lead_astray() {
    let stage = Stage::start().await;
    let itself = page(&stage, FaultKind::SelfLink).await;
    assert_eq!(itself["@odata.nextLink"], format!("{}{USERS}", stage.base()));

    let repeated = page(&stage, FaultKind::RepeatedPage).await;
    let link = repeated["@odata.nextLink"].as_str().expect("a link");
    assert_ne!(link, itself["@odata.nextLink"]);
    let again = stage.get_url(link).await.json().await;
    assert_eq!(
        again["value"], repeated["value"],
        "the same rows, and then further"
    );
    assert_ne!(again["@odata.nextLink"], repeated["@odata.nextLink"]);

    let token = stage.token().await;
    stage.control().inject_rule(Rule {
        times: Some(1),
        ..Rule::always("$count", FaultKind::CountWithMark).of_tenant(TENANT)
    });
    let request = stage.client().get(format!("{}/v1.0/users/$count", stage.base()));
    let request = request.bearer_auth(token).header("consistencylevel", "eventual");
    let counted = request
        .send()
        .await
        .expect("answers")
        .bytes()
        .await
        .expect("a body");
    assert_eq!(counted, "\u{feff}250".as_bytes());
}
