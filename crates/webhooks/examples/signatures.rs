//! Signs messages and writes them as lines of JSON, for `clients/python/test_webhooks.py`, which has the
//! reference library of Standard Webhooks verify them.

use std::io::{self, Write as _};

use kernel::{Clock as _, SystemClock};
use serde_json::json;
use webhooks::{SigningSecret, signature::signatures};

/// How many messages.
const MESSAGES: usize = 1_000;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let at = SystemClock.now();
    for number in 0..MESSAGES {
        // Two secrets sign, as they do while they change; a receiver may know either.
        let secrets = [generate()?, generate()?];
        let (id, body) = (format!("msg_{number}"), body(number));
        let line = json!({
            "secrets": secrets.each_ref().map(|secret| secret.to_text().expose().to_owned()),
            "id": id,
            "timestamp": at.timestamp().to_string(),
            "body": body,
            "signatures": signatures(&secrets, &id, at, body.as_bytes()),
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn generate() -> io::Result<SigningSecret> {
    SigningSecret::generate().map_err(io::Error::other)
}

/// Bodies of many lengths, with letters of several bytes.
fn body(number: usize) -> String {
    json!({ "type": "test", "data": { "number": number, "text": "äöü€🏢".repeat(number % 97) } }).to_string()
}
