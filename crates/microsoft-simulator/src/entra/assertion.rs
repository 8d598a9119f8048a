//! A client assertion: a signed JWT (RFC 7519, RFC 7523) and the checks that need no registered credential.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value};

use crate::entra_error::EntraError;

/// Clocks may differ by so many seconds.
const TOLERANCE: i64 = 300;

/// A JWT that was taken apart. Nothing in it is proven before [`Assertion::is_signed_by`] says so.
pub(super) struct Assertion<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
    times: Times,
}

/// The NumericDate claims.
struct Times {
    expires: i64,
    /// The later of `nbf` and `iat`.
    starts: Option<i64>,
}

impl<'a> Assertion<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, EntraError> {
        let malformed = || EntraError::malformed_assertion("it is not a signed JWT");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let header = object(header).ok_or_else(malformed)?;
        let claims = object(claims).ok_or_else(malformed)?;
        let times = Times::read(&claims)?;
        Ok(Self {
            header,
            claims,
            signed,
            signature: BASE64.decode(signature).map_err(|_| malformed())?,
            times,
        })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// A claim that must be one text: the real service refuses a list of audiences (openid-client #348).
    pub(super) fn text(&self, name: &str) -> Result<&str, EntraError> {
        self.claims
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| EntraError::malformed_assertion(&format!("claim '{name}' must be a text")))
    }

    /// The algorithm, when the caller allows it.
    pub(super) fn algorithm(&self, allowed: &[&str]) -> Result<&'static RsaParameters, EntraError> {
        let name = self.header("alg").unwrap_or_default();
        match name {
            "PS256" if allowed.contains(&name) => Ok(&RSA_PSS_2048_8192_SHA256),
            "RS256" if allowed.contains(&name) => Ok(&RSA_PKCS1_2048_8192_SHA256),
            _ => Err(EntraError::unsupported_algorithm(name, allowed)),
        }
    }

    /// A thumbprint header; base64url by the standard, but plain base64 is accepted too, because MSAL for Go
    /// sends it.
    pub(super) fn thumbprint(&self, name: &str) -> Option<Vec<u8>> {
        let text = self.header(name)?.trim_end_matches('=');
        let text = text.replace('+', "-").replace('/', "_");
        BASE64.decode(text).ok()
    }

    pub(super) fn is_signed_by(&self, algorithm: &'static RsaParameters, public_key: &[u8]) -> bool {
        UnparsedPublicKey::new(algorithm, public_key)
            .verify(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }

    pub(super) fn expires(&self) -> i64 {
        self.times.expires
    }

    pub(super) fn check_times(&self, now: i64) -> Result<(), EntraError> {
        let Times { expires, starts } = self.times;
        let started = starts.is_none_or(|start| start.saturating_sub(TOLERANCE) <= now);
        if started && now < expires.saturating_add(TOLERANCE) {
            Ok(())
        } else {
            Err(EntraError::assertion_time(now, starts, expires))
        }
    }
}

impl Times {
    fn read(claims: &Map<String, Value>) -> Result<Self, EntraError> {
        let moment = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => seconds(value)
                .map(Some)
                .ok_or_else(|| EntraError::malformed_assertion(&format!("claim '{name}' must be a number"))),
        };
        let expires =
            moment("exp")?.ok_or_else(|| EntraError::malformed_assertion("claim 'exp' is missing"))?;
        Ok(Self {
            expires,
            starts: moment("nbf")?.max(moment("iat")?),
        })
    }
}

/// Whole seconds of a NumericDate, which may have a fraction (RFC 7519, section 2): MSAL for Python sends one.
fn seconds(value: &Value) -> Option<i64> {
    let fraction = || format!("{:.0}", value.as_f64()?.floor()).parse().ok();
    value.as_i64().or_else(fraction)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}
