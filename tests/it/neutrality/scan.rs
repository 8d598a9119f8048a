//! Where to look, and what for: fields and words of the provider in JSON of any depth, with
//! everything under `provider_context` left out.

use integration_tests::TestDatabase;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::Value;

use crate::wire::Reply;

/// Beginnings of words that are the provider's.
const WORDS: [&str; 8] = [
    "microsoft",
    "entra",
    "graph",
    "intune",
    "aadsts",
    "azure",
    "msgraph",
    "onmicrosoft",
];

/// Names of fields that only the provider's own detail may have, besides those with its words.
const FIELDS: [&str; 12] = [
    "tenant_id",
    "tenantid",
    "directory_id",
    "object_id",
    "app_id",
    "appid",
    "authority_host",
    "authority",
    "cloud",
    "national_cloud",
    "tid",
    "error_codes",
];

/// One answer, or one value of a row.
#[derive(Clone)]
pub(super) struct Evidence {
    /// Begins with what it is: `answer`, `run`, `audit` or `outbox`.
    pub(super) place: String,
    value: Value,
}

/// Something of the provider's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Find {
    pub(super) place: String,
    /// The names on the way to it; places in lists are left out.
    pub(super) pointer: String,
    /// The text, or the name of the field.
    pub(super) text: String,
}

impl Evidence {
    pub(super) fn of(place: &str, value: Value) -> Self {
        Self {
            place: place.to_owned(),
            value,
        }
    }

    /// An answer with its headers. A body that is no JSON is one text.
    pub(super) fn answer(request: &str, reply: &Reply) -> Self {
        let headers = reply
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        let body = match reply.json() {
            Value::Null if reply.header("content-type") == Some("text/event-stream") => frames(reply),
            Value::Null => Value::from(String::from_utf8_lossy(&reply.body).into_owned()),
            json => json,
        };
        let both = [
            ("headers".to_owned(), Value::Object(headers.collect())),
            ("body".to_owned(), body),
        ];
        Self::of(
            &format!("answer {request}"),
            Value::Object(both.into_iter().collect()),
        )
    }
}

/// The lines of an event stream, with what is JSON in them.
fn frames(reply: &Reply) -> Value {
    let text = String::from_utf8_lossy(&reply.body);
    let data = |line: &str| serde_json::from_str(line.strip_prefix("data: ")?).ok();
    text.lines()
        .map(|line| data(line).unwrap_or_else(|| Value::from(line)))
        .collect()
}

/// Everything of the provider's in a piece of evidence.
pub(super) fn finds(evidence: &Evidence) -> impl Iterator<Item = Find> + '_ {
    let mut found = Vec::new();
    walk(&evidence.value, "", &mut found);
    found.into_iter().map(|(pointer, text)| Find {
        place: evidence.place.clone(),
        pointer,
        text,
    })
}

fn walk(value: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if has_word(text) => found.push((pointer.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| walk(item, pointer, found)),
        Value::Object(fields) => {
            for (name, inner) in fields.iter().filter(|(name, _)| *name != "provider_context") {
                let below = format!("{pointer}/{name}");
                if is_field(name) {
                    found.push((below.clone(), name.clone()));
                }
                walk(inner, &below, found);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_field(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    FIELDS.contains(&lower.as_str()) || has_word(name)
}

fn has_word(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower
        .split(|character: char| !character.is_ascii_alphanumeric())
        .any(|word| {
            WORDS
                .iter()
                .any(|known| word.starts_with(known) && !is_innocent(word))
        })
}

/// Words that only begin like one of the provider's.
fn is_innocent(word: &str) -> bool {
    ["entrance", "entrances", "graphic", "graphical"].contains(&word)
}

/// What the product stored for readers: the contexts of runs, the journal, the outbox.
pub(super) async fn stored(database: &TestDatabase) -> Vec<Evidence> {
    let queries = [
        (
            "run",
            "SELECT operation_type, CAST(context AS TEXT) FROM operation_runs",
        ),
        (
            "run",
            "SELECT operation_type, CAST(failures AS TEXT) FROM operation_runs",
        ),
        ("audit", "SELECT action, CAST(metadata AS TEXT) FROM audit_events"),
        ("outbox", "SELECT kind, CAST(payload AS TEXT) FROM outbox_events"),
    ];
    let raw = database.raw().await;
    let mut all = Vec::new();
    for (place, query) in queries {
        let statement = Statement::from_string(raw.get_database_backend(), query);
        for row in raw.query_all_raw(statement).await.expect("runs") {
            let [name, text]: [String; 2] = [0, 1].map(|index| row.try_get_by_index(index).expect("a text"));
            let value = serde_json::from_str(&text).expect("JSON is stored");
            all.push(Evidence::of(&format!("{place} {name}"), value));
        }
    }
    raw.close().await.expect("closes");
    all
}
