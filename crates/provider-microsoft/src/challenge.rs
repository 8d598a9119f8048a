//! Reading a claims challenge: Graph refuses a token and says what the next one must hold
//! (identity platform page "Claims challenges, claims requests, and client capabilities").
//!
//! What it says goes to the token endpoint of the same tenant and nowhere else, and only as a
//! JSON object of bounded size.

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

/// The longest claims that are passed on, decoded.
const LONGEST: usize = 4 << 10;
/// With padding or without: both are seen.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The claims that a `WWW-Authenticate` asks for, as one line of JSON.
pub(crate) fn claims(header: &str) -> Option<String> {
    let insufficient = parameter(header, "error")?.eq_ignore_ascii_case("insufficient_claims");
    let encoded = parameter(header, "claims").filter(|_| insufficient)?;
    let decode = |alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(encoded).ok();
    let decoded = decode(&STANDARD).or_else(|| decode(&URL_SAFE))?;
    if decoded.len() > LONGEST {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_slice(&decoded).ok()?;
    Some(Value::Object(object).to_string())
}

/// A quoted parameter (RFC 9110, 11.2). The values that matter here hold no quotes.
fn parameter<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let mut rest = header;
    while let Some((before, after)) = rest.split_once("=\"") {
        let (value, next) = after.split_once('"')?;
        let own = before.rsplit([' ', ',']).next().unwrap_or_default();
        if own.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD as PADDED, URL_SAFE_NO_PAD};

    use super::*;

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;

    fn header(claims: &str) -> String {
        format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
             error=\"insufficient_claims\", claims=\"{claims}\""
        )
    }

    #[test]
    fn claims_are_decoded_in_both_alphabets() {
        for encoded in [PADDED.encode(CLAIMS), URL_SAFE_NO_PAD.encode(CLAIMS)] {
            assert_eq!(claims(&header(&encoded)).as_deref(), Some(CLAIMS));
        }
    }

    #[test]
    fn anything_else_is_no_challenge() {
        let good = PADDED.encode(CLAIMS);
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST));
        let others = [
            header(&PADDED.encode("[1]")),
            header(&PADDED.encode("\"text\"")),
            header(&PADDED.encode("not json")),
            header(&PADDED.encode(large)),
            header("*"),
            header(""),
            header(&good).replace("insufficient_claims", "invalid_token"),
            header(&good).replace("claims=", "other="),
            format!("Bearer error=\"insufficient_claims\", claims=\"{good}"),
            "Bearer".to_owned(),
            String::new(),
        ];
        for other in others {
            assert_eq!(claims(&other), None, "{other}");
        }
    }
}
