//! Bodies that are no JSON, not announced as JSON, or too much of it.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::Value;

use super::{
    bodies::with_bodies,
    trial::{CANARY, Trial},
};
use crate::wire::Request;

on_both_engines!(
    what_is_no_json_is_refused,
    what_is_not_announced_as_json_is_refused,
    what_is_too_large_is_refused
);

async fn what_is_no_json_is_refused(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    for (case, body) in with_bodies() {
        let good = body(&trial.ours).to_string();
        for (name, bytes) in malformed(&good) {
            let request = trial
                .call(case)
                .with("content-type", "application/json")
                .bytes(&bytes);
            let what = format!("{} with {name}", case.name());
            trial.refused_as(&what, &request, 400, "malformed_json").await;
        }
        let inside = &good[1..good.len() - 1];
        let first = inside.split(',').next().expect("a field");
        let twice = format!("{{{first},{inside}}}").into_bytes();
        let request = trial
            .call(case)
            .with("content-type", "application/json")
            .bytes(&twice);
        trial
            .refused(&format!("{} with a field twice", case.name()), &request)
            .await;
    }
    trial.end(100).await;
}

/// Texts close to one that is accepted, and texts close to nothing.
fn malformed(good: &str) -> Vec<(&'static str, Vec<u8>)> {
    // A body of which no field is required may be empty, with nothing in it to spoil.
    let good = if good == "{}" { r#"{"a":"b"}"# } else { good };
    let open = &good[..good.len() - 1];
    // Where the first text begins: a value, or a field's name in a body that has no text.
    let quote = if good.contains(":\"") { ":\"" } else { "{\"" };
    let into = |what: &str| good.replacen(quote, &format!("{quote}{what}"), 1);
    let surrogate = into("\\ud800");
    let texts = [
        ("nothing", String::new()),
        ("white space", " \n\t".to_owned()),
        ("a brace", "{".to_owned()),
        ("an open end", open.to_owned()),
        ("a trailing comma", format!("{open},}}")),
        ("two documents", format!("{good}{good}")),
        ("words behind it", format!("{good} {CANARY}")),
        ("a byte order mark", format!("\u{FEFF}{good}")),
        ("a comment", format!("/* {CANARY} */{good}")),
        ("single quotes", good.replace('"', "'")),
        ("not a number", format!("{open},\"{CANARY}\":NaN}}")),
        ("a number beyond all", format!("{open},\"{CANARY}\":1e999}}")),
        ("half a surrogate", surrogate),
        ("an unknown escape", into("\\x00")),
        ("a raw line feed in a text", into("\n")),
        ("deep arrays", "[".repeat(60_000)),
        (
            "deep objects",
            format!("{open},\"{CANARY}\":{}", "{\"a\":".repeat(5000)),
        ),
        ("a form", format!("display_name={CANARY}")),
        ("markup", format!("<name>{CANARY}</name>")),
    ];
    let mut all: Vec<_> = texts
        .into_iter()
        .map(|(name, text)| (name, text.into_bytes()))
        .collect();
    let (start, end) = good.split_once(quote).expect("a text");
    all.push((
        "a byte that is no UTF-8",
        [start.as_bytes(), quote.as_bytes(), b"\xFF", end.as_bytes()].concat(),
    ));
    all.push((
        "an overlong encoding",
        [start.as_bytes(), quote.as_bytes(), b"\xC0\xAF", end.as_bytes()].concat(),
    ));
    all.push(("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    all
}

async fn what_is_not_announced_as_json_is_refused(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let media = [
        "",
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        CANARY,
    ];
    for (case, body) in with_bodies() {
        let good = body(&trial.ours).to_string();
        let call = trial.call(case).bytes(good.as_bytes());
        trial
            .refused_as(
                &format!("{} unannounced", case.name()),
                &call,
                415,
                "unsupported_media_type",
            )
            .await;
        for announced in media {
            let request = call.clone().with("content-type", announced);
            let what = format!("{} as {announced:?}", case.name());
            trial
                .refused_as(&what, &request, 415, "unsupported_media_type")
                .await;
        }
        for encoding in ["gzip", "identity, gzip", CANARY] {
            let request = call
                .clone()
                .with("content-type", "application/json; charset=UTF-8")
                .with("content-encoding", encoding);
            let what = format!("{} encoded as {encoding:?}", case.name());
            trial
                .refused_as(&what, &request, 415, "unsupported_media_type")
                .await;
        }
        let twice = call
            .with("content-type", "application/json")
            .with("content-type", "application/json");
        trial
            .refused_as(&case.name(), &twice, 415, "unsupported_media_type")
            .await;
        // An encoding that nobody undoes is not JSON, whatever the content type says.
        let squeezed = trial
            .call(case)
            .with("content-type", "application/json")
            .with("content-encoding", "gzip");
        trial
            .refused(
                &case.name(),
                &squeezed.bytes(b"\x1F\x8B\x08\0\0\0\0\0\0\x03\x4B\x04\0"),
            )
            .await;
    }
    trial.end(60).await;
}

async fn what_is_too_large_is_refused(database: TestDatabase) {
    const LIMIT: usize = 64 * 1024;
    let mut trial = Trial::begin(database).await;
    for (case, body) in with_bodies() {
        let good = body(&trial.ours);
        for size in [LIMIT + 1, 2 * 1024 * 1024] {
            let mut bytes = good.to_string().into_bytes();
            bytes.resize(size, b' ');
            let call = trial.call(case).with("content-type", "application/json");
            let what = format!("{} with {size} bytes", case.name());
            trial
                .refused_as(&what, &call.clone().bytes(&bytes), 413, "payload_too_large")
                .await;
            trial
                .refused_as(
                    &format!("{what} in chunks"),
                    &chunked(call, &bytes),
                    413,
                    "payload_too_large",
                )
                .await;
        }
        let mut long = good.clone();
        long[CANARY] = Value::String("x".repeat(2 * 1024 * 1024));
        trial
            .refused_as(
                &case.name(),
                &trial.call(case).json(&long),
                413,
                "payload_too_large",
            )
            .await;
    }
    // The limit itself is fine: what is refused is the size and nothing else.
    let (case, body) = with_bodies().next().expect("a body");
    let mut bytes = body(&trial.ours).to_string().into_bytes();
    bytes.resize(LIMIT, b' ');
    let request = trial
        .call(case)
        .with("content-type", "application/json")
        .bytes(&bytes);
    let reply = trial.wire.send(&request).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    trial.end(35).await;
}

/// The same without a length that is known beforehand.
fn chunked(request: Request, bytes: &[u8]) -> Request {
    let mut body = Vec::with_capacity(bytes.len() + 1024);
    for chunk in bytes.chunks(16 * 1024) {
        body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    request.with("transfer-encoding", "chunked").bytes(&body)
}
