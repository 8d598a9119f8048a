//! Bytes that are hardly HTTP. Whatever the server makes of them, it refuses, repeats nothing,
//! writes nothing, and serves the next caller.

use integration_tests::{Engine, TestDatabase, database::run};

use super::trial::{CANARY, Trial};
use crate::wire::Reply;

/// What arrives before any route is chosen cannot depend on the engine.
#[test]
fn bytes_that_are_no_request_do_no_harm() {
    run(Engine::Sqlite, refuse_nonsense);
}

#[test]
fn callers_who_go_away_in_the_middle_do_no_harm() {
    run(Engine::Sqlite, survive_abandonment);
}

#[test]
fn requests_one_after_the_other_are_not_mixed_up() {
    run(Engine::Sqlite, keep_requests_apart);
}

/// Texts that are hardly requests: `@` stands for the canary, `POST` for the head of a creation
/// that lacks nothing but the length of its body.
const NONSENSE: [(&str, &str); 19] = [
    ("garbage", "@\r\n\r\n"),
    ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n"),
    ("HTTP/0.9", "GET /@\r\n\r\n"),
    ("another protocol", "GET /@ HTTQ/1.1\r\n\r\n"),
    ("a version of tomorrow", "GET /@ HTTP/7.1\r\nHost: x\r\n\r\n"),
    ("NUL in the path", "GET /@\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nx-a: @\0\r\n\r\n"),
    (
        "escape in a header",
        "GET / HTTP/1.1\r\nHost: x\r\nx-request-id: \x1B[2J@\r\n\r\n",
    ),
    (
        "a folded header",
        "GET / HTTP/1.1\r\nHost: x\r\nx-a: b\r\n @\r\n\r\n",
    ),
    (
        "a header without a name",
        "GET / HTTP/1.1\r\nHost: x\r\n: @\r\n\r\n",
    ),
    ("a space in a name", "GET / HTTP/1.1\r\nHost: x\r\nx a: @\r\n\r\n"),
    (
        "two lengths",
        "POST Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ),
    ("a length below zero", "POST Content-Length: -2\r\n\r\n{}"),
    (
        "a length beyond all",
        "POST Content-Length: 99999999999999999999999\r\n\r\n{}",
    ),
    ("a length of 1 GB", "POST Content-Length: 1000000000\r\n\r\n{}"),
    ("a length in words", "POST Content-Length: @\r\n\r\n{}"),
    (
        "length and chunks",
        "POST Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a bad chunk",
        "POST Transfer-Encoding: chunked\r\n\r\nzz\r\n@\r\n",
    ),
    ("an unknown framing", "POST Transfer-Encoding: @\r\n\r\n{}"),
];

fn nonsense(token: &str) -> Vec<(&'static str, Vec<u8>)> {
    let post = format!(
        "POST /api/v1/workspaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\n\
         Content-Type: application/json\r\n"
    );
    let text = |text: &str| match text.strip_prefix("POST ") {
        Some(rest) => format!("{post}{}", rest.replace('@', CANARY)).into_bytes(),
        None => text.replace('@', CANARY).into_bytes(),
    };
    let mut all: Vec<_> = NONSENSE
        .iter()
        .map(|(name, nonsense)| (*name, text(nonsense)))
        .collect();
    let head = "GET / HTTP/1.1\r\nHost: x\r\n";
    let many: Vec<_> = (0..200)
        .map(|number| format!("x-{number}: {CANARY}\r\n"))
        .collect();
    all.push(("200 headers", format!("{head}{}\r\n", many.concat()).into_bytes()));
    all.push((
        "240 KB of header",
        format!("{head}x-a: {}\r\n\r\n", "x".repeat(240_000)).into_bytes(),
    ));
    all.push(("zeros", vec![0; 4096]));
    all.push((
        "every byte",
        (0..=255).cycle().take(4096).chain(*b"\r\n\r\n").collect(),
    ));
    all
}

async fn refuse_nonsense(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let token = trial.request("POST", "/").headers[0].1.clone();
    for (name, bytes) in nonsense(&token) {
        let answer = trial.wire.answer_to(&bytes).await;
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(!text.contains(CANARY), "{name} is repeated: {text}");
        let status = Reply::parse(&answer).map(|reply| reply.status);
        assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{name}: {text}"
        );
        assert!(
            status.is_some() || answer.is_empty(),
            "{name}: half an answer: {text}"
        );
        trial.nothing_happened(name).await;
    }
    trial.end(0).await;
}

async fn survive_abandonment(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let whole = trial.request("POST", "/api/v1/workspaces");
    let token = &whole.headers[0].1;
    let head = format!(
        "POST /api/v1/workspaces HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 50\r\n\r\n"
    );
    let body = format!("{{\"display_name\":\"{CANARY}\",\"slug\":\"aban");
    let request = format!("{head}{body}");
    for cut in [
        0,
        1,
        4,
        head.len() - 30,
        head.len(),
        head.len() + 1,
        request.len(),
    ] {
        trial.wire.abandon(&request.as_bytes()[..cut]).await;
        trial.nothing_happened(&format!("gone after {cut} bytes")).await;
    }
    trial.end(0).await;
}

/// Two requests in one piece get two answers, in their order, each its own.
async fn keep_requests_apart(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let first = "GET /api/v1/problems HTTP/1.1\r\nHost: x\r\n\r\n";
    let second = "GET /api/v1/workspaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = trial.wire.exchange(format!("{first}{second}").as_bytes()).await;
    let text = String::from_utf8_lossy(&answer);
    let statuses: Vec<_> = text
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &text[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "401"], "{text}");
    // A body that hides a request is one body: the request inside is never answered.
    let inner = "GET /api/v1/problems HTTP/1.1\r\nHost: x\r\n\r\n";
    let outer = format!(
        "POST /api/v1/workspaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    let answer = trial.wire.exchange(outer.as_bytes()).await;
    let text = String::from_utf8_lossy(&answer);
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert!(text.starts_with("HTTP/1.1 401"), "{text}");
    trial.nothing_happened("requests in a row").await;
    trial.end(0).await;
}
