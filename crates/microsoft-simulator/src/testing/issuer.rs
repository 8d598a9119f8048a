//! Another identity provider, for workload identity federation.

use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{TestingError, fresh_id, sign, wall_clock};
use crate::credential::AppCredential;

/// Another identity provider, whose tokens an application may trust.
pub struct FederatedIssuer {
    key: RsaKeyPair,
    issuer: String,
}

impl FederatedIssuer {
    /// An issuer with a fresh RSA key of 2048 bits, at an address that nobody answers.
    pub fn new() -> Result<Self, TestingError> {
        Self::named("https://issuer.example/")
    }

    /// The same with another `iss`.
    pub fn named(issuer: impl Into<String>) -> Result<Self, TestingError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| TestingError("no key could be made"))?;
        Ok(Self {
            key,
            issuer: issuer.into(),
        })
    }

    /// The `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public key in DER (SubjectPublicKeyInfo).
    pub fn public_key_der(&self) -> Result<Vec<u8>, TestingError> {
        let der = self.key.public_key().as_der();
        let der = der.map_err(|_| TestingError("the public key could not be written"))?;
        Ok(der.as_ref().to_vec())
    }

    /// The credential by which an application trusts this issuer for one subject and audience.
    pub fn credential(&self, subject: &str, audience: &str) -> Result<AppCredential, TestingError> {
        let key = self.public_key_der()?;
        Ok(AppCredential::federated(&self.issuer, subject, audience, key))
    }

    /// A token that is valid from now on.
    pub fn token(&self, subject: &str, audience: &str, lifetime: Duration) -> Result<String, TestingError> {
        self.token_at(subject, audience, wall_clock(), lifetime)
    }

    /// A token that is valid from some moment on.
    pub fn token_at(
        &self,
        subject: &str,
        audience: &str,
        at: DateTime<Utc>,
        lifetime: Duration,
    ) -> Result<String, TestingError> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "simulated" });
        let at = at.timestamp().max(0).unsigned_abs();
        let claims = json!({
            "iss": self.issuer, "sub": subject, "aud": audience, "jti": fresh_id()?, "nbf": at, "iat": at,
            "exp": at.saturating_add(lifetime.as_secs()),
        });
        self.sign_jwt(&header, &claims)
    }

    /// Signs any header and claims; the header's `alg` says how (RS256 or PS256).
    pub fn sign_jwt(&self, header: &Value, claims: &Value) -> Result<String, TestingError> {
        sign(&self.key, header, claims)
    }
}
