//! The check of a bearer token. The issuer is chosen by the token's unverified `iss`; then the
//! token is verified in full with that issuer's one algorithm and key.

use std::collections::HashMap;

use jsonwebtoken::{Header, Validation, dangerous::insecure_decode, decode, decode_header};
use kernel::Timestamp;
use serde::Deserialize;
use tenancy::PrincipalKey;

use super::Issuer;

/// Who a verified token speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Issuer and subject.
    pub key: PrincipalKey,
    /// The `name` claim, cleaned; the subject where there is none.
    pub label: String,
}

/// The token does not count. One value for all causes: callers learn nothing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token does not count")]
pub struct TokenError;

/// Verifies tokens of the issuers that it was given.
pub struct TokenVerifier {
    issuers: HashMap<String, (Issuer, Validation)>,
}

#[derive(Deserialize)]
struct IssuerClaim {
    iss: String,
}

/// The claims that we read. Times are numbers that may have a fraction (RFC 7519, 2).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    name: Option<serde_json::Value>,
}

impl TokenVerifier {
    /// The longest token, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024;
    /// The longest life of a token that says when it was made, in seconds.
    const MAX_LIFETIME_SECONDS: f64 = 24.0 * 3600.0;
    /// The longest subject, in bytes; OpenID Connect allows 255 characters.
    const MAX_SUBJECT_BYTES: usize = 255;
    /// The longest label, in characters.
    const MAX_LABEL_CHARS: usize = 120;

    /// A verifier for these issuers. Of two with the same name the last one counts.
    pub fn new(issuers: Vec<Issuer>) -> Self {
        let issuers = issuers.into_iter().map(|issuer| {
            let validation = issuer.validation();
            (issuer.name().to_owned(), (issuer, validation))
        });
        Self {
            issuers: issuers.collect(),
        }
    }

    /// Verifies `token` at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, TokenError> {
        if token.len() > Self::MAX_BYTES {
            return Err(TokenError);
        }
        accept_header(&decode_header(token).map_err(|_| TokenError)?)?;
        let unverified = insecure_decode::<IssuerClaim>(token).map_err(|_| TokenError)?;
        let (issuer, validation) = self.issuers.get(&unverified.claims.iss).ok_or(TokenError)?;
        let claims = decode::<Claims>(token, issuer.key(), validation)
            .map_err(|_| TokenError)?
            .claims;
        accept_times(&claims, now)?;
        if claims.sub.is_empty()
            || claims.sub.len() > Self::MAX_SUBJECT_BYTES
            || claims.sub.chars().any(char::is_control)
        {
            return Err(TokenError);
        }
        let label = label(&claims);
        Ok(Identity {
            key: PrincipalKey {
                issuer: claims.iss,
                subject: claims.sub,
            },
            label,
        })
    }
}

/// A signed access token and nothing else: no other type, no extension that must be understood,
/// nothing encrypted or compressed.
fn accept_header(header: &Header) -> Result<(), TokenError> {
    let known_type = header.typ.as_deref().is_none_or(|typ| {
        let typ = typ.to_ascii_lowercase();
        matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
    });
    if known_type && header.crit.is_none() && header.enc.is_none() && header.zip.is_none() {
        Ok(())
    } else {
        Err(TokenError)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds since 1970 are exact in an f64"
)]
fn accept_times(claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
    let now = now.timestamp_micros() as f64 / 1_000_000.0;
    let leeway = Issuer::LEEWAY_SECONDS as f64;
    let alive = claims.exp > now - leeway;
    let begun = claims.nbf.is_none_or(|nbf| nbf <= now + leeway);
    let made = claims
        .iat
        .is_none_or(|iat| iat <= now + leeway && claims.exp - iat <= TokenVerifier::MAX_LIFETIME_SECONDS);
    if alive && begun && made {
        Ok(())
    } else {
        Err(TokenError)
    }
}

/// The name claim without what cannot be printed, cut to length; the subject where nothing is left.
fn label(claims: &Claims) -> String {
    let clean = |text: &str| -> String {
        let printable = text.chars().filter(|character| !character.is_control());
        printable
            .take(TokenVerifier::MAX_LABEL_CHARS)
            .collect::<String>()
            .trim()
            .to_owned()
    };
    let name = claims
        .name
        .as_ref()
        .and_then(serde_json::Value::as_str)
        .map(clean)
        .unwrap_or_default();
    if name.is_empty() { clean(&claims.sub) } else { name }
}
