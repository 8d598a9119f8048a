//! Every body of the API, made wrong in every place: the bodies that are accepted are walked, and
//! each of their values is replaced, left out or spoiled.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::{Value, json};

use super::trial::{CANARY, Trial, errors};
use crate::{
    access::cases::{CASES, Case},
    spec,
};

on_both_engines!(
    a_text_with_something_unprintable_is_refused_in_every_field,
    a_text_of_the_wrong_length_is_refused_in_every_field,
    a_value_of_the_wrong_type_is_refused_in_every_field,
    a_missing_field_is_named_and_an_unknown_one_is_refused,
);

/// What can hide or reorder text on a screen or in a log, or end it early.
const UNPRINTABLE: [(&str, char); 9] = [
    ("NUL", '\0'),
    ("escape", '\u{1B}'),
    ("line feed", '\n'),
    ("carriage return", '\r'),
    ("delete", '\u{7F}'),
    ("next line", '\u{85}'),
    ("right-to-left override", '\u{202E}'),
    ("zero-width space", '\u{200B}'),
    ("byte order mark", '\u{FEFF}'),
];

/// The operations that take a body.
pub(super) fn with_bodies() -> impl Iterator<Item = (&'static Case, fn(&crate::access::cases::Place) -> Value)>
{
    CASES.iter().filter_map(|case| Some((case, case.body?)))
}

/// The JSON pointers of all values below the root for which `wanted` holds.
fn pointers(value: &Value, wanted: &dyn Fn(&Value) -> bool) -> Vec<String> {
    let Value::Object(fields) = value else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, inner) in fields {
        if wanted(inner) {
            found.push(format!("/{name}"));
        }
        found.extend(
            pointers(inner, wanted)
                .iter()
                .map(|rest| format!("/{name}{rest}")),
        );
    }
    found
}

fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(pointer).expect("a place in the body") = value;
    body
}

async fn a_text_with_something_unprintable_is_refused_in_every_field(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    for (case, fresh) in with_bodies() {
        for pointer in pointers(&fresh(&trial.ours), &Value::is_string) {
            for (name, character) in UNPRINTABLE {
                let body = fresh(&trial.ours);
                let text = body.pointer(&pointer).and_then(Value::as_str).expect("a text");
                let spoiled = with(&body, &pointer, json!(format!("{text}{character}{CANARY}")));
                let what = format!("{} with a {name} in {pointer}", case.name());
                trial.refused(&what, &trial.call(case).json(&spoiled)).await;
            }
        }
        // Names of fields are texts too.
        let mut named = fresh(&trial.ours);
        named[format!("{CANARY}\0")] = json!(1);
        trial.refused(&case.name(), &trial.call(case).json(&named)).await;
    }
    trial.end(200).await;
}

async fn a_text_of_the_wrong_length_is_refused_in_every_field(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let lengths = [
        String::new(),
        "   ".to_owned(),
        format!("{CANARY}{}", "x".repeat(5000)),
        "é".repeat(2600),
    ];
    for (case, body) in with_bodies() {
        let body = body(&trial.ours);
        for pointer in pointers(&body, &Value::is_string) {
            for text in &lengths {
                let spoiled = with(&body, &pointer, json!(text));
                let what = format!("{} with {} bytes in {pointer}", case.name(), text.len());
                trial.refused(&what, &trial.call(case).json(&spoiled)).await;
            }
        }
    }
    trial.end(100).await;
}

async fn a_value_of_the_wrong_type_is_refused_in_every_field(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    for (case, body) in with_bodies() {
        let body = body(&trial.ours);
        for pointer in pointers(&body, &|_| true) {
            let present = body.pointer(&pointer).expect("a place in the body");
            let other = if present.is_object() {
                values_in_order(present)
            } else {
                json!({ CANARY: 1 })
            };
            // A small number is fine where a number stands.
            let small = if present.is_number() { json!("7") } else { json!(7) };
            for value in [small, json!(-1.5e300), json!(true), json!([CANARY]), other] {
                let what = format!("{} with {value} in {pointer}", case.name());
                let request = trial.call(case).json(&with(&body, &pointer, value));
                let reply = trial.refused(&what, &request).await;
                // Inside the provider's own detail the place of the whole detail is good enough.
                let place = if pointer.starts_with("/provider_context") {
                    "/provider_context"
                } else {
                    &pointer
                };
                if !errors(&reply)
                    .iter()
                    .any(|(pointed, _)| pointed.starts_with(place))
                {
                    trial.fail(&what, &request, "does not point at the place", &reply);
                }
            }
        }
        for root in [
            json!(null),
            json!(7),
            json!(CANARY),
            json!([]),
            json!([body]),
            values_in_order(&body),
        ] {
            trial
                .refused(
                    &format!("{} with {root}", case.name()),
                    &trial.call(case).json(&root),
                )
                .await;
        }
    }
    trial.end(150).await;
}

/// The names of all fields, in an order in which the ones of each body are declared.
const DECLARED: [&str; 26] = [
    "url",
    "description",
    "event_types",
    "operation_type",
    "environment_id",
    "connection_id",
    "inputs",
    "provider",
    "connection_type",
    "display_name",
    "slug",
    "scope_kind",
    "scope_identifier",
    "scope_display_name",
    "provider_context",
    "tags",
    "credential",
    "issuer",
    "subject",
    "label",
    "role",
    "kind",
    "client_identifier",
    "secret",
    "expires_at",
    "return_to",
];

/// The values without their names: what a lenient decoder takes for the object.
fn values_in_order(body: &Value) -> Value {
    let mut fields: Vec<_> = body.as_object().expect("an object").iter().collect();
    fields.sort_by_key(|(name, _)| DECLARED.iter().position(|declared| declared == name));
    fields.into_iter().map(|(_, value)| value.clone()).collect()
}

async fn a_missing_field_is_named_and_an_unknown_one_is_refused(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    for (case, body) in with_bodies() {
        let body = body(&trial.ours);
        for field in required_fields(case) {
            let mut without = body.clone();
            let fields = without.as_object_mut().expect("an object");
            fields.remove(&field).expect("the body has it");
            for wrong in [without, with(&body, &format!("/{field}"), Value::Null)] {
                let what = format!("{} without {field}", case.name());
                let request = trial.call(case).json(&wrong);
                let reply = trial.refused_as(&what, &request, 422, "invalid_value").await;
                let place = errors(&reply).into_iter().next().map(|(place, _)| place);
                if place != Some(format!("/{field}")) {
                    trial.fail(&what, &request, "does not point at the field", &reply);
                }
            }
        }
        for field in NOT_WRITABLE {
            let mut more = body.clone();
            more[field] = json!(CANARY);
            let (what, request) = (
                format!("{} with {field}", case.name()),
                trial.call(case).json(&more),
            );
            trial.refused_as(&what, &request, 422, "unknown_field").await;
        }
        for pointer in pointers(&body, &Value::is_object) {
            let mut more = body.clone();
            more.pointer_mut(&pointer).expect("an object")[CANARY] = json!(1);
            let what = format!("{} with more in {pointer}", case.name());
            trial.refused(&what, &trial.call(case).json(&more)).await;
        }
    }
    trial.end(60).await;
}

/// Fields that no body has, some of them because only the product sets them.
const NOT_WRITABLE: [&str; 8] = [
    CANARY,
    "id",
    "workspace_id",
    "is_default",
    "is_enabled",
    "created_at",
    "version",
    "__proto__",
];

/// The fields of a body that the document says are required.
fn required_fields(case: &Case) -> Vec<String> {
    let operations = spec::operations();
    let operation = operations
        .iter()
        .find(|operation| operation.name() == case.name());
    let body = &operation.expect("an operation").details["requestBody"];
    let reference = body["content"]["application/json"]["schema"]["$ref"].as_str();
    let pointer = reference.expect("a schema").trim_start_matches('#');
    let document = spec::document();
    let schema = document.pointer(pointer).expect("leads somewhere");
    assert!(schema["properties"].is_object(), "{}: {schema}", case.name());
    // A body may have fields of which none is required.
    let required = schema["required"].as_array();
    required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
