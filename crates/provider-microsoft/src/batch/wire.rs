//! A batch on the wire (Graph page "Combine multiple HTTP requests using JSON batching").

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    contracts::Contract,
    gateway::{Misfit, headers, json},
    http::{Answer, http_date, percent},
};

#[derive(Serialize)]
struct Envelope<'a> {
    requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
struct Request<'a> {
    id: String,
    method: &'static str,
    url: &'a str,
    headers: HashMap<&'static str, String>,
}

#[derive(Deserialize)]
struct Responses {
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    id: String,
    status: u16,
    #[serde(default)]
    headers: HashMap<String, Value>,
    #[serde(default)]
    body: Value,
}

/// The body that asks for all of `parts`: addresses below the version, and our names for the
/// exchanges. Part `n` has the id `n`.
pub(super) fn envelope(parts: &[(&'static Contract, &str, Uuid)]) -> Vec<u8> {
    let numbered = parts.iter().enumerate();
    let requests = numbered
        .map(|(at, (contract, url, id))| {
            let own = ("client-request-id", id.hyphenated().to_string());
            let all = headers(contract)
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()));
            Request {
                id: at.to_string(),
                method: "GET",
                url,
                headers: all.chain([own]).collect(),
            }
        })
        .collect();
    serde_json::to_vec(&Envelope { requests }).expect("texts make JSON")
}

/// The answers to `count` parts, in their order whatever the order they came in; nothing where
/// there is none.
pub(super) fn open(body: &[u8], count: usize) -> Result<Vec<Option<Answer>>, Misfit> {
    let Responses { responses } = json(body)?;
    let mut answers: Vec<Option<Answer>> = (0..count).map(|_| None).collect();
    for response in responses {
        let place = response
            .id
            .parse::<usize>()
            .ok()
            .and_then(|at| answers.get_mut(at));
        if let Some(place @ None) = place {
            *place = Some(answer(&response));
        }
    }
    Ok(answers)
}

fn answer(response: &Response) -> Answer {
    let header = |name: &str| {
        let own = response
            .headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        own.and_then(|(_, value)| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
    };
    Answer {
        status: response.status,
        retry_after: header("retry-after"),
        date: header("date").as_deref().and_then(http_date),
        request_id: header("request-id").and_then(|text| Uuid::try_parse(&text).ok()),
        used_percent: header("x-ms-throttle-limit-percentage")
            .as_deref()
            .and_then(percent),
        challenge: header("www-authenticate"),
        body: bytes(&response.body),
    }
}

/// A body as the call alone would have sent it. What is not JSON comes as a text, and some of it
/// in Base64.
fn bytes(body: &Value) -> Vec<u8> {
    match body {
        Value::Null => Vec::new(),
        Value::String(text) if text.trim_start_matches('\u{feff}').trim().parse::<u64>().is_err() => STANDARD
            .decode(text)
            .unwrap_or_else(|_| text.clone().into_bytes()),
        Value::String(text) => text.clone().into_bytes(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            body.to_string().into_bytes()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contracts::table::{GROUPS_COUNT, USERS_COUNT};

    #[test]
    fn an_envelope_holds_reads_of_registered_calls_with_their_own_headers() {
        let ids = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let body = envelope(&[
            (&USERS_COUNT, "/users/$count", ids[0]),
            (&GROUPS_COUNT, "/groups/$count", ids[1]),
        ]);
        let expected = |id: &str, url: &str, name: Uuid| {
            json!({
                "id": id, "method": "GET", "url": url,
                "headers": { "accept": "text/plain", "consistencylevel": "eventual", "client-request-id": name },
            })
        };
        let requests = [
            expected("0", "/users/$count", ids[0]),
            expected("1", "/groups/$count", ids[1]),
        ];
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body, json!({ "requests": requests }));
    }

    #[test]
    fn answers_come_in_any_order_and_some_do_not_come() {
        let body = json!({ "responses": [
            { "id": "2", "status": 429, "headers": { "Retry-After": "7", "request-id": Uuid::from_u128(3) }, "body": {} },
            { "id": "0", "status": 200, "body": "MTI=" },
            { "id": "0", "status": 500, "body": null },
            { "id": "9", "status": 200 },
            { "id": "x", "status": 200 },
        ] });
        let answers = open(body.to_string().as_bytes(), 3).unwrap_or_else(|_| panic!("a batch"));
        let [Some(first), None, Some(third)] = &answers[..] else {
            panic!("two of three")
        };
        assert_eq!((first.status, first.body.as_slice()), (200, &b"12"[..]));
        assert_eq!((third.status, third.retry_after.as_deref()), (429, Some("7")));
        assert_eq!(third.request_id, Some(Uuid::from_u128(3)));
    }

    #[test]
    fn a_count_is_read_in_every_form() {
        for body in [json!(12), json!("12"), json!("\u{feff}12"), json!("MTI=")] {
            assert!(matches!(crate::gateway::count(&bytes(&body)), Ok(12)), "{body}");
        }
        assert_eq!(bytes(&json!({ "a": 1 })), br#"{"a":1}"#);
    }

    #[test]
    fn what_is_no_batch_is_none() {
        for body in [
            "{}",
            "[]",
            r#"{"responses":[{"id":"0"}]}"#,
            r#"{"responses":null}"#,
        ] {
            assert!(matches!(open(body.as_bytes(), 1), Err(Misfit::Foreign)), "{body}");
        }
        assert!(matches!(open(b"<html>", 1), Err(Misfit::Broken)));
    }
}
