//! True answers, bent: links, rows, bytes and headers that a client must survive.

use axum::body::Bytes;
use axum::http::response::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answers::with_header;
use super::{FaultKind, Oddity, stream};

pub(super) async fn reshape(kind: &FaultKind, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    match kind {
        FaultKind::NextLink { url } => page(parts, bytes, |page| page["@odata.nextLink"] = json!(url)),
        FaultKind::MissingValue => page(parts, bytes, |page| {
            if let Value::Object(page) = page {
                page.remove("value");
            }
        }),
        FaultKind::OddRows { oddity } => page(parts, bytes, |page| spoil(page, *oddity)),
        FaultKind::NulInText => page(parts, bytes, |page| each_row(page, put_nul)),
        FaultKind::ByteOrderMark => {
            let marked = ["\u{feff}".as_bytes(), &bytes].concat();
            rebuilt(parts, marked.into())
        }
        FaultKind::Truncated => {
            let length = HeaderValue::from(bytes.len());
            let mut response = Response::from_parts(parts, stream::cut(&bytes));
            response.headers_mut().insert(header::CONTENT_LENGTH, length);
            response
        }
        FaultKind::ResetMidBody => Response::from_parts(without_length(parts), stream::cut(&bytes)),
        FaultKind::Stall => Response::from_parts(without_length(parts), stream::stall(&bytes)),
        FaultKind::SlowBody { bytes: alone } => {
            Response::from_parts(without_length(parts), stream::drip(bytes, *alone))
        }
        FaultKind::ContentType { value } => with_header(rebuilt(parts, bytes), header::CONTENT_TYPE, value),
        FaultKind::Deprecated { sunset } => deprecated(rebuilt(parts, bytes), sunset),
        _ => rebuilt(parts, bytes),
    }
}

fn without_length(mut parts: Parts) -> Parts {
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
}

fn rebuilt(parts: Parts, bytes: Bytes) -> Response {
    Response::from_parts(without_length(parts), bytes.into())
}

/// Changes a JSON answer; another one stays as it is.
fn page(parts: Parts, bytes: Bytes, change: impl FnOnce(&mut Value)) -> Response {
    let Ok(mut page) = serde_json::from_slice::<Value>(&bytes) else {
        return rebuilt(parts, bytes);
    };
    if page.is_object() {
        change(&mut page);
    }
    rebuilt(parts, page.to_string().into())
}

fn each_row(page: &mut Value, change: impl Fn(&mut Map<String, Value>)) {
    let rows = page.get_mut("value").and_then(Value::as_array_mut);
    for row in rows.into_iter().flatten().filter_map(Value::as_object_mut) {
        change(row);
    }
}

fn put_nul(row: &mut Map<String, Value>) {
    let text = row
        .iter_mut()
        .find(|(name, value)| *name != "id" && !name.starts_with('@') && value.is_string());
    if let Some((_, value)) = text {
        *value = json!(format!("\0{}", value.as_str().unwrap_or_default()));
    }
}

fn spoil(page: &mut Value, oddity: Oddity) {
    match oddity {
        Oddity::WrongTypes => each_row(page, |row| {
            for (_, value) in row.iter_mut().filter(|(name, _)| *name != "id") {
                *value = if value.is_string() {
                    json!(7)
                } else {
                    json!("seven")
                };
            }
        }),
        Oddity::Nulls => each_row(page, |row| {
            for (_, value) in row.iter_mut().filter(|(name, _)| *name != "id") {
                *value = Value::Null;
            }
        }),
        Oddity::NullIds => each_row(page, |row| {
            row.values_mut().for_each(|value| *value = Value::Null);
        }),
        Oddity::DuplicateIds => {
            let first = page["value"][0]["id"].clone();
            each_row(page, |row| {
                row.insert("id".to_owned(), first.clone());
            });
        }
        Oddity::NotAnObject => {
            if let Some(first) = page["value"].as_array_mut().and_then(|rows| rows.first_mut()) {
                *first = json!("a row");
            }
        }
    }
}

/// RFC 9745, RFC 8594, and the link relations of both.
fn deprecated(response: Response, sunset: &str) -> Response {
    let response = with_header(response, HeaderName::from_static("deprecation"), "@1767225600");
    let response = with_header(response, HeaderName::from_static("sunset"), sunset);
    let links = "<https://developer.example/deprecations>; rel=\"deprecation\"; type=\"text/html\", \
                 <https://developer.example/deprecations>; rel=\"sunset\"; type=\"text/html\"";
    with_header(response, header::LINK, links)
}
