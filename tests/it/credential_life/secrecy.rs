//! What is written once is shown never: not as it was sent, not as it is kept, and not how long it
//! is (G01); and the journal of an upload knows that it was one and no more (G09).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use integration_tests::{Engine, TestDatabase, on_both_engines};
use kernel::{Clock as _, SystemClock};
use microsoft_simulator::testing::TestCertificate;
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};

use super::kit::Life;

on_both_engines!(
    g01_no_answer_holds_a_secret_or_how_it_is_kept,
    g09_the_journal_of_a_private_key_holds_metadata_only,
);

/// Of a length that nothing else has.
const LENGTH: usize = 397;

fn secret(name: &str) -> String {
    format!("canary-{name}-{}", "z".repeat(LENGTH))[..LENGTH].to_owned()
}

/// The stored ciphertexts in hexadecimal digits.
async fn sealed(life: &Life) -> Vec<String> {
    let query = match life.app.database.engine {
        Engine::Sqlite => "SELECT lower(hex(sealed)) FROM provider_credentials",
        Engine::Postgres => "SELECT encode(sealed, 'hex') FROM provider_credentials",
    };
    let raw = life.app.database.raw().await;
    let statement = Statement::from_string(raw.get_database_backend(), query);
    let rows = raw.query_all_raw(statement).await.expect("runs");
    let texts = rows.iter().map(|row| row.try_get_by_index(0).expect("a text"));
    let texts = texts.collect();
    raw.close().await.expect("closes");
    texts
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// Every key and every number of a document.
fn walk(value: &Value, keys: &mut Vec<String>, numbers: &mut Vec<i64>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                keys.push(key.clone());
                walk(value, keys, numbers);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, keys, numbers)),
        Value::Number(number) => numbers.extend(number.as_i64()),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

async fn g01_no_answer_holds_a_secret_or_how_it_is_kept(database: TestDatabase) {
    let life = Life::begin(database).await;
    let (current, next, previous) = (secret("current"), secret("next"), secret("previous"));
    let contoso = &life.app.contoso;
    for one in [&current, &next, &previous] {
        assert!(
            life.control()
                .add_app_secret(contoso.tenant_id, contoso.client_id, one)
        );
    }
    let mut answers = Vec::new();
    answers.push(
        life.changed(Method::PUT, "/credential", Some(&life.secret(&previous)))
            .await,
    );
    answers.push(
        life.changed(Method::PUT, "/credential/next", Some(&life.secret(&current)))
            .await,
    );
    answers.push(life.trial().await);
    answers.push(life.changed(Method::POST, "/credential/promote", None).await);
    answers.push(
        life.changed(Method::PUT, "/credential/next", Some(&life.secret(&next)))
            .await,
    );
    answers.push(life.run("provider.connection.check").await);
    let stored = sealed(&life).await;
    assert_eq!(stored.len(), 3, "one in each stage");

    let own = format!("/connections/{}", life.home.connection);
    let run = answers[2]["id"].as_str().expect("an id").to_owned();
    for tail in [
        "/connections?limit=200".to_owned(),
        own.clone(),
        format!("{own}/surface-summary"),
        format!("{own}/identity-resolution"),
        format!("{own}/history"),
        "/expiry-calendar".to_owned(),
        "/audit-events?limit=200".to_owned(),
        "/operation-runs".to_owned(),
        format!("/operation-runs/{run}"),
        "/environments".to_owned(),
        format!("/environments/{}", life.home.environment),
        "/inventory/items".to_owned(),
        "/compliance-snapshots".to_owned(),
        String::new(),
    ] {
        let answer = life.get(&tail).await;
        assert_eq!(answer.status, 200, "{tail}: {}", answer.body);
        answers.push(answer.body);
    }
    let mut lengths = vec![i64::try_from(LENGTH).expect("small")];
    let mut needles = vec![current, next, previous];
    for hex in stored {
        let bytes = bytes(&hex);
        lengths.push(i64::try_from(bytes.len()).expect("small"));
        // From the middle: what is in front may be a name of a key that anybody may know.
        let from = bytes.len() / 2 - 12;
        let (middle, digits) = (&bytes[from..][..24], hex[2 * from..][..48].to_owned());
        needles.extend([digits.to_uppercase(), digits, hex]);
        needles.extend([STANDARD.encode(&bytes), STANDARD.encode(middle)]);
    }
    for answer in &answers {
        let text = answer.to_string();
        for needle in &needles {
            assert!(!text.contains(needle), "{needle} is in {text}");
        }
        let (mut keys, mut numbers) = (Vec::new(), Vec::new());
        walk(answer, &mut keys, &mut numbers);
        for key in keys {
            let forbidden = [
                "secret", "sealed", "cipher", "length", "size", "pem", "pfx", "password",
            ];
            assert!(
                !forbidden.iter().any(|word| key.contains(word)),
                "{key} in {text}"
            );
        }
        assert!(
            !numbers.iter().any(|number| lengths.contains(number)),
            "a length of {lengths:?} in {text}"
        );
    }
    life.end().await;
}

async fn g09_the_journal_of_a_private_key_holds_metadata_only(database: TestDatabase) {
    let life = Life::begin(database).await;
    let end = SystemClock.now() + TimeDelta::days(90);
    let certificate = TestCertificate::new("canary", end).expect("a certificate");
    let pem = format!(
        "{}{}",
        certificate.certificate_pem(),
        certificate.private_key_pem()
    );
    let body = json!({ "kind": "certificate", "pem": pem });
    life.changed(Method::PUT, "/credential", Some(&body)).await;
    life.changed(Method::PUT, "/credential/next", Some(&body)).await;
    for action in ["credential.stored", "credential.staged"] {
        let events = life.events(action).await;
        assert_eq!(events.len(), 1, "{action}");
        assert_eq!(
            events[0]["metadata"],
            json!({ "kind": "certificate" }),
            "{action}"
        );
        assert_eq!(events[0]["target"]["id"], json!(life.home.connection));
    }
    let tables = crate::tables::Tables::of(&life.app.database).await;
    let contents = tables.contents().await;
    let mut lines = 0;
    for line in pem.lines().filter(|line| line.len() > 40) {
        lines += 1;
        for table in ["audit_events", "outbox_events"] {
            let rows = contents.get(table).expect("a table");
            assert!(!rows.is_empty(), "{table} holds something");
            assert!(!rows.concat().contains(line), "{table} holds a line of the key");
        }
    }
    assert!(lines > 20, "the needles are those of a key");
    tables.close().await;
    life.end().await;
}
