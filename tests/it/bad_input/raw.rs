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

async fn refuse_nonsense(database: TestDatabase) {
    let mut trial = Trial::begin(database).await;
    let path = "/api/v1/workspaces";
    let post = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    let many: String = (0..200).map(|number| format!("x-{number}: {CANARY}\r\n")).collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("garbage", format!("{CANARY}\r\n\r\n").into_bytes()),
        ("zeros", vec![0; 4096]),
        ("every byte", (0..=255).cycle().take(4096).chain(*b"\r\n\r\n").collect()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("HTTP/0.9", format!("GET /{CANARY}\r\n\r\n").into_bytes()),
        ("another protocol", format!("GET /{CANARY} HTTQ/1.1\r\n\r\n").into_bytes()),
        ("a version of tomorrow", format!("GET /{CANARY} HTTP/7.1\r\nHost: x\r\n\r\n").into_bytes()),
        ("NUL in the path", format!("GET /{CANARY}\0 HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()),
        ("NUL in a header", format!("GET / HTTP/1.1\r\nHost: x\r\nx-a: {CANARY}\0\r\n\r\n").into_bytes()),
        ("escape in a header", format!("GET / HTTP/1.1\r\nHost: x\r\nx-request-id: \x1B[2J{CANARY}\r\n\r\n").into_bytes()),
        ("a folded header", format!("GET / HTTP/1.1\r\nHost: x\r\nx-a: b\r\n {CANARY}\r\n\r\n").into_bytes()),
        ("a header without a name", format!("GET / HTTP/1.1\r\nHost: x\r\n: {CANARY}\r\n\r\n").into_bytes()),
        ("a space in a name", format!("GET / HTTP/1.1\r\nHost: x\r\nx a: {CANARY}\r\n\r\n").into_bytes()),
        ("200 headers", format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").into_bytes()),
        ("240 KB of header", format!("GET / HTTP/1.1\r\nHost: x\r\nx-a: {}\r\n\r\n", "x".repeat(240_000)).into_bytes()),
        ("two lengths", format!("{post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}").into_bytes()),
        ("a length below zero", format!("{post}Content-Length: -2\r\n\r\n{{}}").into_bytes()),
        ("a length beyond all", format!("{post}Content-Length: 99999999999999999999999\r\n\r\n{{}}").into_bytes()),
        ("a length of 1 GB", format!("{post}Content-Length: 1000000000\r\nConnection: close\r\n\r\n{{}}").into_bytes()),
        ("length and chunks", format!("{post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").into_bytes()),
        ("a bad chunk", format!("{post}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{CANARY}\r\n").into_bytes()),
        ("an unknown framing", format!("{post}Connection: close\r\nTransfer-Encoding: {CANARY}\r\n\r\n{{}}").into_bytes()),
    ];
    for (name, bytes) in cases {
        let answer = trial.wire.answer_to(&bytes).await;
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(!text.contains(CANARY), "{name} is repeated: {text}");
        let status = Reply::parse(&answer).map(|reply| reply.status);
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{name}: {text}");
        assert!(status.is_some() || answer.is_empty(), "{name}: half an answer: {text}");
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
    for cut in [0, 1, 4, head.len() - 30, head.len(), head.len() + 1, request.len()] {
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
    let statuses: Vec<_> = text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
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
