//! Helpers for tests and for the program, behind the feature `testing`: throw-away certificates, a certificate
//! authority for this machine alone, servers with bad TLS, and a foreign token issuer.
//!
//! Nothing here may run in a product: the private keys are handed out in the clear.

mod authority;
mod certificate;
mod issuer;
mod old_tls;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

pub use authority::TestAuthority;
pub use certificate::{RsaBits, TestCertificate};
pub use issuer::FederatedIssuer;
pub use old_tls::OldTlsServer;

/// The wall clock, for callers whose certificates must be good now.
pub fn wall_clock() -> DateTime<Utc> {
    crate::exchange::now()
}

/// Why a helper could not be made: the cryptography library refused. It has no more to say.
#[derive(Debug)]
pub struct TestingError(&'static str);

impl std::fmt::Display for TestingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TestingError {}

fn fresh_id() -> Result<Uuid, TestingError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| TestingError("no randomness"))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

fn sign(key: &RsaKeyPair, header: &Value, claims: &Value) -> Result<String, TestingError> {
    let padding = match header["alg"].as_str() {
        Some("RS256") => &RSA_PKCS1_SHA256,
        Some("PS256") => &RSA_PSS_SHA256,
        _ => return Err(TestingError("alg must be RS256 or PS256")),
    };
    let signed = format!(
        "{}.{}",
        BASE64.encode(header.to_string()),
        BASE64.encode(claims.to_string())
    );
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| TestingError("the token could not be signed"))?;
    Ok(format!("{signed}.{}", BASE64.encode(signature)))
}
