//! The proof that a client holds its certificate's key: a small token that it signs for one
//! request (RFC 7523; identity platform page "Certificate credentials").
//!
//! Made for each request right before it is sent, never kept: a kept one ends while a process
//! runs, which was a real fault of Microsoft's own libraries (MSAL for Java 984, for Go 312).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use kernel::{SecretText, Timestamp};
use serde::Serialize;
use url::Url;
use uuid::Uuid;

use crate::certificate::ClientCertificate;

/// What the form parameter `client_assertion_type` says (RFC 7523, 2.2).
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far before its making an assertion begins, because clocks differ.
const BEFORE: TimeDelta = TimeDelta::seconds(60);
/// How long it lives. The page asks for 5 to 10 minutes.
const LIFE: TimeDelta = TimeDelta::minutes(5);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(rename = "x5t#S256")]
    thumbprint: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: &'a str,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// An assertion of `client` for the token endpoint `audience`, made at `now`. `jti` is used for
/// this one alone.
pub(crate) fn build(
    certificate: &ClientCertificate,
    audience: &Url,
    client: Uuid,
    jti: Uuid,
    now: Timestamp,
) -> Option<SecretText> {
    let thumbprint = URL_SAFE_NO_PAD.encode(certificate.thumbprint());
    let header = Header {
        alg: "PS256",
        typ: "JWT",
        thumbprint: &thumbprint,
    };
    let (client, jti) = (client.hyphenated().to_string(), jti.hyphenated().to_string());
    let begins = (now - BEFORE).timestamp();
    let claims = Claims {
        aud: audience.as_str(),
        iss: &client,
        sub: &client,
        jti: &jti,
        nbf: begins,
        iat: begins,
        exp: (now + LIFE).timestamp(),
    };
    let signed = format!("{}.{}", part(&header)?, part(&claims)?);
    let signature = URL_SAFE_NO_PAD.encode(certificate.sign(signed.as_bytes())?);
    Some(SecretText::new(format!("{signed}.{signature}")))
}

fn part(value: &impl Serialize) -> Option<String> {
    serde_json::to_vec(value)
        .ok()
        .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests;
