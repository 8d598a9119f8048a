//! The OpenAPI document says what receivers are sent: whoever generates a receiver from it can read everything that
//! really arrives, and nothing else does.

use std::collections::BTreeSet;

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::Value;

use super::kit::{Scene, Seen};

on_both_engines!(what_arrives_is_what_the_document_describes);

async fn what_arrives_is_what_the_document_describes(database: TestDatabase) {
    let document = serde_json::to_value(api::openapi()).expect("serializes");
    let scene = Scene::begin(database).await;
    let hook = scene.hook(&[]).await;
    scene.done("POST", &format!("{}/verify", hook.path), None).await;
    scene.drain().await;
    scene.happen("one").await;
    scene.drain().await;
    let mut kinds = BTreeSet::new();
    for message in scene.receiver.take() {
        let body = message.json();
        let kind = text(&body["type"]).to_owned();
        let described = match kind.as_str() {
            "webhook.verification" => "verification",
            _ => "event",
        };
        let operation = &document["webhooks"][described]["post"];
        has_its_headers(operation, &message);
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        fits(&document, schema, &body, &kind);
        kinds.insert(kind);
    }
    let expected = ["environment.created", "webhook.verification", "webhook.verified"];
    assert_eq!(kinds, expected.map(ToOwned::to_owned).into());
    scene.app.stop().await;
}

fn has_its_headers(operation: &Value, message: &Seen) {
    let parameters = operation["parameters"].as_array().expect("parameters");
    let described: BTreeSet<_> = parameters
        .iter()
        .map(|parameter| text(&parameter["name"]))
        .collect();
    let ours = message.header_names().filter(|name| name.starts_with("webhook-"));
    assert_eq!(described, ours.collect());
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// Whether `value` is what `schema` says: the same fields, all required, and of the types that are named.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(to) = schema["$ref"].as_str() {
        let schema = document.pointer(to.trim_start_matches('#')).expect("is there");
        return fits(document, schema, value, place);
    }
    let right = match text(&schema["type"]) {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "object" => value.is_object(),
        other => panic!("{place}: {other}"),
    };
    assert!(right, "{place}: {value} is no {schema}");
    let right = match schema["format"].as_str() {
        Some("uuid") => text(value).parse::<uuid::Uuid>().is_ok(),
        Some("date-time") => chrono::DateTime::parse_from_rfc3339(text(value)).is_ok(),
        Some(_) | None => true,
    };
    assert!(right, "{place}: {value} is no {schema}");
    let Some(described) = schema["properties"].as_object() else {
        return;
    };
    let present: BTreeSet<_> = value.as_object().expect("an object").keys().collect();
    assert_eq!(described.keys().collect::<BTreeSet<_>>(), present, "{place}");
    let required = schema["required"].as_array().expect("a list").len();
    assert_eq!(required, present.len(), "{place}: all of them");
    for (name, schema) in described {
        fits(document, schema, &value[name], &format!("{place} {name}"));
    }
}
