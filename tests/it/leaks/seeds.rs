//! Twelve leaks as careless code would make them, each seeded alone: the search names what leaked
//! and where, and before it was seeded it finds nothing.

use std::collections::BTreeSet;

use integration_tests::{TestApp, TestDatabase, on_both_engines};
use serde_json::json;

use super::{
    evidence,
    needles::{Canary, Evidence, Sweep},
    story::unique,
};
use crate::wire::{Reply, Request, Wire};

on_both_engines!(each_of_twelve_seeded_leaks_is_found);

/// Where a leak is seeded.
#[derive(Debug, Clone, Copy)]
enum Channel {
    /// A line of the log, with this before it.
    Log(&'static str),
    /// The arguments of the process.
    Arguments,
    /// A header of an answer.
    Header(&'static str),
    /// The body of a problem.
    Problem,
    /// A page for people.
    Page,
    /// A column of a table, in JSON if it holds JSON.
    Column(&'static str, &'static str, bool),
    /// A column, found in the files of the engine.
    File(&'static str, &'static str),
}

/// What leaks, where to.
const SEEDS: [(&str, Channel); 12] = [
    ("client secret", Channel::Log("signing in with ")),
    ("consent token", Channel::Log("GET /consent/")),
    ("bearer token", Channel::Arguments),
    ("consent state", Channel::Header("location")),
    ("browser cookie", Channel::Header("set-cookie")),
    ("next credential", Channel::Problem),
    ("words of a callback", Channel::Page),
    ("key line", Channel::Column("audit_events", "metadata", true)),
    (
        "locked file's password",
        Channel::Column("operation_runs", "context", true),
    ),
    (
        "platform secret",
        Channel::Column("outbox_events", "payload", true),
    ),
    ("way back", Channel::Column("consent_links", "return_to", false)),
    (
        "certificate",
        Channel::File("provider_connections", "display_name"),
    ),
];

async fn each_of_twelve_seeded_leaks_is_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    fill_the_tables(&app).await;
    let canaries = SEEDS.map(|(name, _)| Canary::new(name, &format!("<\"{}/+'>", unique())));
    let sweep = Sweep::of(&canaries);
    let none = [
        evidence::rows(&app.database).await,
        evidence::files(&app.database).await,
    ]
    .concat();
    assert_eq!(sweep.search(&none), BTreeSet::new(), "nothing is seeded yet");
    let mut found = BTreeSet::new();
    for ((name, channel), canary) in SEEDS.iter().zip(&canaries) {
        let text = String::from_utf8(canary.bytes.clone()).expect("a text");
        let evidence = seed(&app, *channel, &text).await;
        let finds: BTreeSet<_> = sweep
            .search(&evidence)
            .into_iter()
            .map(|find| find.canary)
            .filter(|canary| !found.contains(canary))
            .collect();
        assert_eq!(finds, BTreeSet::from([*name]), "{channel:?}");
        found.insert(*name);
    }
    assert_eq!(found.len(), 12);
    app.stop().await;
}

/// A run, its journal and events, and a consent link.
async fn fill_the_tables(app: &TestApp) {
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    home.start(&owner, "provider.connection.check").await;
    app.drain().await;
    let target = format!("{}/connections/{}/consent-link", home.base, home.connection);
    let request = Request::new("POST", &target)
        .bearer(&app.token("owner"))
        .json(&json!({}));
    let link = Wire::to(&app.base_url).send(&request).await;
    assert_eq!(link.status, 201, "{}", link.text());
}

/// Seeds `text`, and looks where it must be found.
async fn seed(app: &TestApp, channel: Channel, text: &str) -> Vec<Evidence> {
    let said = |head: &str, body: &str| {
        let bytes = format!("HTTP/1.1 400 Bad Request\r\n{head}\r\n\r\n{body}");
        let reply = Reply::parse(bytes.as_bytes()).expect("an answer");
        evidence::parts("GET /", &reply)
    };
    match channel {
        Channel::Log(before) => {
            let line = json!({ "level": "DEBUG", "fields": { "message": format!("{before}{text}") } });
            written(app, "seeded.log", line.to_string().as_bytes())
        }
        Channel::Arguments => {
            let arguments = ["tenantatlas", "serve", "--token", text].join("\0");
            written(app, "cmdline", arguments.as_bytes())
        }
        Channel::Header(name) => {
            let value: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            said(&format!("{name}: a={value}; path=/"), "")
        }
        Channel::Problem => said("x-a: b", &json!({ "detail": text, "errors": [] }).to_string()),
        Channel::Page => {
            let escaped = text
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;");
            said("x-a: b", &format!("<p>{escaped}</p>"))
        }
        Channel::Column(table, column, is_json) => {
            let value = if is_json {
                json!({ "left_behind": text }).to_string()
            } else {
                text.to_owned()
            };
            planted(app, table, column, &value).await;
            evidence::rows(&app.database).await
        }
        Channel::File(table, column) => {
            planted(app, table, column, text).await;
            evidence::files(&app.database).await
        }
    }
}

fn written(app: &TestApp, name: &str, bytes: &[u8]) -> Vec<Evidence> {
    let path = app.database.folder.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    vec![evidence::file(name, &path)]
}

async fn planted(app: &TestApp, table: &str, column: &str, value: &str) {
    let value = value.replace('\'', "''");
    let sql = format!("UPDATE {table} SET {column} = '{value}'");
    assert!(app.database.tamper(&sql).await > 0, "{table} has rows");
}
