//! A ciphertext that somebody changed: the run is blocked before anything goes out, the connection
//! says so from then on, and the journal holds a failure for those who watch it.

use integration_tests::{Engine, TestDatabase, on_both_engines};
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;

use super::kit::{Life, assert_outcome};

on_both_engines!(a_changed_ciphertext_is_found_out_and_called_by_its_name);

/// Changes the last byte of the only ciphertext.
async fn flip(life: &Life) {
    let engine = life.app.database.engine;
    let query = match engine {
        Engine::Sqlite => "SELECT hex(sealed) FROM provider_credentials",
        Engine::Postgres => "SELECT encode(sealed, 'hex') FROM provider_credentials",
    };
    let raw = life.app.database.raw().await;
    let statement = Statement::from_string(raw.get_database_backend(), query);
    let row = raw.query_one_raw(statement).await.expect("runs").expect("a row");
    let mut hex: String = row.try_get_by_index(0).expect("a text");
    raw.close().await.expect("closes");
    let last = hex.pop().expect("a digit");
    hex.push(if last == '0' { '1' } else { '0' });
    let literal = match engine {
        Engine::Sqlite => format!("x'{hex}'"),
        Engine::Postgres => format!("'\\x{hex}'"),
    };
    let sql = format!("UPDATE provider_credentials SET sealed = {literal}");
    assert_eq!(life.tamper(&sql).await, 1);
}

async fn a_changed_ciphertext_is_found_out_and_called_by_its_name(database: TestDatabase) {
    let life = Life::begin(database).await;
    flip(&life).await;
    let before = life.view().await.body;
    assert_eq!(before["credential"]["state"], "valid", "nobody looked yet");
    let run = life.run("inventory.sync").await;
    assert_outcome(&run, "blocked", Some("provider_credential_undecryptable"));
    assert_eq!(run["next_steps"][0]["kind"], "replace_credential", "{run}");
    assert!(life.control().calls().is_empty(), "nobody called the provider");

    let listed = life.get("/connections").await.body;
    let listed = &listed["items"][0];
    assert_eq!(listed["credential"]["state"], "undecryptable", "{listed}");
    assert_eq!(
        (&listed["summary"]["readiness"], &listed["summary"]["reason_code"]),
        (&json!("blocked"), &json!("provider_credential_undecryptable")),
        "{listed}"
    );
    let found = life
        .get("/connections?reason_code=provider_credential_undecryptable")
        .await;
    assert_eq!(found.body["items"].as_array().map(Vec::len), Some(1));
    let events = life.events("credential.undecryptable").await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (
            &events[0]["outcome"],
            &events[0]["target"]["id"],
            &events[0]["metadata"]["run_id"]
        ),
        (&json!("failure"), &json!(life.home.connection), &run["id"]),
        "{}",
        events[0]
    );
    let blocked = life
        .start_on(&life.home.connection, "inventory.sync", json!({}))
        .await;
    assert_eq!(
        (blocked.status, blocked.text("/reason_code")),
        (422, "provider_credential_undecryptable")
    );

    let secret = life.secret(&life.app.contoso.secret);
    let mended = life.changed(Method::PUT, "/credential", Some(&secret)).await;
    assert_eq!(mended["credential"]["state"], "valid");
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    life.end().await;
}
