//! The outside of a token (RFC 7519): whether a text has its shape, and its claims unverified.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Whether `text` is three parts of which the first two are JSON objects.
pub(crate) fn is_shaped(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').collect();
    let object = |part: &str| decode::<Map<String, Value>>(part).is_some();
    matches!(*parts, [header, claims, signature]
        if object(header) && object(claims) && URL_SAFE_NO_PAD.decode(signature).is_ok_and(|bytes| !bytes.is_empty()))
}

/// Reads the claims. The signature is not ours to check: a token came over TLS from its issuer,
/// and only its audience can rely on it.
pub(crate) fn claims<T: DeserializeOwned>(token: &str) -> Option<T> {
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    decode(token.split('.').nth(1)?)
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
