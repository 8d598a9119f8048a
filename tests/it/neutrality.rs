//! The real provider stays behind its seam: after a journey through every operation on the real
//! adapter, no answer and nothing that was stored for readers (run contexts, journal, outbox) holds
//! a word or a field of the provider outside a `provider_context`. The sources are searched by
//! `boundaries/words.rs`; this searches what comes out.

mod journey;
mod scan;

use std::collections::BTreeSet;

use integration_tests::{TestApp, TestDatabase, on_both_engines};
use serde_json::json;

use crate::wire::{Request, Wire};
use journey::Journey;
use scan::{Evidence, Find, finds};

on_both_engines!(
    nothing_of_the_provider_leaves_its_context,
    a_leak_that_was_seeded_is_found_where_it_stands,
);

/// Where a word of the provider may stand, with the reason. May only shrink: an entry that
/// nothing needs fails too.
const ALLOWED: [(&str, &str, &str); 3] = [
    (
        "/provider",
        "microsoft",
        "the key by which callers choose the provider is a value of the contract, as in the request",
    ),
    (
        "/items/attributes/device_management_authority",
        "intune",
        "attributes of an item are what the target says about it, in its own words",
    ),
    (
        "/errors/pointer",
        "/entra",
        "a refusal points at the field by the name that the caller gave it",
    ),
];

async fn nothing_of_the_provider_leaves_its_context(database: TestDatabase) {
    let journey = Journey::make(database).await;
    let evidence = journey.evidence().await;
    let count = |kind: &str| evidence.iter().filter(|one| one.place.starts_with(kind)).count();
    assert!(count("answer ") > 100, "{} answers", count("answer "));
    assert!(count("run ") >= 12, "{} runs", count("run "));
    assert!(count("audit ") > 30, "{} entries", count("audit "));
    assert!(count("outbox ") > 10, "{} events", count("outbox "));

    let mut used = BTreeSet::new();
    let mut leaks = BTreeSet::new();
    for find in evidence.iter().flat_map(finds) {
        let allowed = ALLOWED
            .iter()
            .find(|(place, text, _)| find.pointer.ends_with(place) && find.text == *text);
        match allowed {
            Some(entry) => drop(used.insert(entry)),
            None => drop(leaks.insert(find)),
        }
    }
    assert!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());
    for entry in &ALLOWED {
        assert!(used.contains(entry), "{entry:?} is not needed any more");
    }
    journey.app.stop().await;
}

/// Planted where the product itself would write them.
async fn a_leak_that_was_seeded_is_found_where_it_stands(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let started = home.start(&owner, "provider.connection.check").await;
    app.drain().await;
    let plants = [
        (
            "audit_events",
            "metadata",
            json!({ "tenant_id": "x" }),
            "audit ",
            "/tenant_id",
        ),
        (
            "operation_runs",
            "context",
            json!({ "target_scope": { "graph_url": 1 } }),
            "run ",
            "/target_scope/graph_url",
        ),
        (
            "outbox_events",
            "payload",
            json!({ "a": ["AADSTS50034"] }),
            "outbox ",
            "/a",
        ),
    ];
    for (table, column, planted, place, pointer) in plants {
        let before = stored_finds(&app.database).await;
        assert!(
            !before
                .iter()
                .any(|find| find.place.starts_with(place) && find.pointer == pointer),
            "{table}: not planted yet"
        );
        let sql = format!("UPDATE {table} SET {column} = '{planted}'");
        assert!(app.database.tamper(&sql).await > 0, "{table} has rows");
        let after = stored_finds(&app.database).await;
        assert!(
            after
                .iter()
                .any(|find| find.place.starts_with(place) && find.pointer == pointer),
            "{table}: {after:#?}"
        );
    }
    // And through the API, which repeats what is stored.
    assert_eq!(started.status, 202);
    let wire = Wire::to(&app.base_url);
    let list = format!("{}/audit-events", home.base);
    let reply = wire.send(&Request::get(&list).bearer(&app.token("owner"))).await;
    let found: Vec<_> = finds(&Evidence::answer("GET audit-events", &reply)).collect();
    assert!(
        found.iter().any(|find| find.pointer.ends_with("/tenant_id")),
        "{}: {found:#?}",
        reply.text()
    );
    app.stop().await;
}

async fn stored_finds(database: &TestDatabase) -> Vec<Find> {
    let stored = scan::stored(database).await;
    assert!(stored.len() > 3, "something is stored");
    stored.iter().flat_map(finds).collect()
}

#[test]
fn a_field_and_a_word_are_found_at_every_depth() {
    let pointers = |value: &serde_json::Value| -> Vec<String> {
        let evidence = Evidence::of("answer test", value.clone());
        finds(&evidence).map(|find| find.pointer).collect()
    };
    for (value, pointer) in [
        (json!({ "tenant_id": 1 }), "/tenant_id"),
        (
            json!({ "a": [{ "entra_object_id": null }] }),
            "/a/entra_object_id",
        ),
        (json!({ "a": { "authority_host": "x" } }), "/a/authority_host"),
        (json!({ "graphVersion": "v1.0" }), "/graphVersion"),
        (json!({ "a": [["see Microsoft 365"]] }), "/a"),
        (json!({ "provider": "microsoft" }), "/provider"),
        (json!("AADSTS700016: not found"), ""),
        (
            json!({ "location": "https://login.microsoftonline.com/x" }),
            "/location",
        ),
        (
            json!({ "context": { "provider_context_of": { "tenant_id": 1 } } }),
            "/context/provider_context_of/tenant_id",
        ),
    ] {
        assert_eq!(pointers(&value), [pointer], "{value}");
    }
    for value in [
        json!({ "context": { "provider_context": { "tenant_id": "x", "a": ["Microsoft"] } } }),
        json!({ "target": "tenant", "scope_kind": "tenant", "a": "a paragraph about entrances" }),
        json!({ "scope_identifier": "8f14e45f-ceea-4a7a-9c1f-0d2b3a4c5d6e" }),
    ] {
        assert_eq!(pointers(&value), Vec::<String>::new(), "{value}");
    }
}
