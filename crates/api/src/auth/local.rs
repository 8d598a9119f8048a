//! Tokens of the installation itself: made by its operator on the command line and by `demo`.

use chrono::TimeDelta;
use jsonwebtoken::{EncodingKey, Header, encode};
use kernel::{SecretBytes, Timestamp};
use serde::Serialize;

use super::Issuer;

/// Makes and accepts tokens with a key that only this installation has.
pub struct LocalIssuer(SecretBytes);

#[derive(Serialize)]
struct LocalClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    iat: i64,
    exp: i64,
}

impl LocalIssuer {
    /// The `iss` claim.
    pub const ISSUER: &str = "urn:tenantatlas:local";
    /// The `aud` claim.
    pub const AUDIENCE: &str = "tenantatlas-api";

    /// An issuer with this key of 32 bytes.
    pub const fn from_key(key: SecretBytes) -> Self {
        Self(key)
    }

    /// What a [`super::TokenVerifier`] needs to accept the tokens.
    pub fn verifier_issuer(&self) -> Issuer {
        Issuer::shared_key(Self::ISSUER, Self::AUDIENCE, self.0.expose())
    }

    /// A token for `subject` that ends `ttl` after `now`. No verifier accepts a token that lives
    /// longer than a day.
    ///
    /// # Panics
    /// Never: signing with a symmetric key has no failure.
    pub fn mint(&self, subject: &str, name: Option<&str>, ttl: TimeDelta, now: Timestamp) -> String {
        let claims = LocalClaims {
            iss: Self::ISSUER,
            aud: Self::AUDIENCE,
            sub: subject,
            name,
            iat: now.timestamp(),
            exp: (now + ttl).timestamp(),
        };
        let key = EncodingKey::from_secret(self.0.expose());
        encode(&Header::default(), &claims, &key).expect("a symmetric key signs everything")
    }
}
