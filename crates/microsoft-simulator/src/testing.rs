//! Helpers for tests and demos, behind the feature `testing`: throw-away certificates and a foreign token issuer.
//!
//! Nothing here may run in a product: the private keys are handed out in the clear.

use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::certificate::{sha1_thumbprint, sha256_thumbprint};
use crate::credential::AppCredential;
use crate::exchange::now;

/// Why a helper could not be made: the cryptography library refused. It has no more to say.
#[derive(Debug)]
pub struct TestingError(&'static str);

impl std::fmt::Display for TestingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TestingError {}

/// Sizes of RSA keys; the library makes none below 2048 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaBits {
    /// 2048 bits.
    B2048,
    /// 3072 bits.
    B3072,
    /// 4096 bits.
    B4096,
}

/// A self-signed certificate and its private key.
pub struct TestCertificate {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl TestCertificate {
    /// A certificate with an RSA key of 2048 bits, valid from a day before now, or before its end if that is
    /// earlier.
    pub fn new(common_name: &str, not_after: DateTime<Utc>) -> Result<Self, TestingError> {
        Self::rsa(RsaBits::B2048, common_name, not_after)
    }

    /// The same with an RSA key of another size.
    pub fn rsa(bits: RsaBits, common_name: &str, not_after: DateTime<Utc>) -> Result<Self, TestingError> {
        let size = match bits {
            RsaBits::B2048 => RsaKeySize::_2048,
            RsaBits::B3072 => RsaKeySize::_3072,
            RsaBits::B4096 => RsaKeySize::_4096,
        };
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size);
        Self::sign_self(key, common_name, not_after)
    }

    /// A certificate with a P-256 key, which cannot sign client assertions.
    pub fn ec(common_name: &str, not_after: DateTime<Utc>) -> Result<Self, TestingError> {
        Self::sign_self(
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            common_name,
            not_after,
        )
    }

    fn sign_self(
        key: Result<KeyPair, rcgen::Error>,
        common_name: &str,
        not_after: DateTime<Utc>,
    ) -> Result<Self, TestingError> {
        let key = key.map_err(|_| TestingError("no key could be made"))?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let seconds = |at: DateTime<Utc>| Duration::from_secs(at.timestamp().max(0).unsigned_abs());
        params.not_before = epoch + seconds(now().min(not_after) - TimeDelta::days(1));
        params.not_after = epoch + seconds(not_after);
        let certificate = params
            .self_signed(&key)
            .map_err(|_| TestingError("the certificate could not be signed"))?;
        Ok(Self { certificate, key })
    }

    /// The certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// The certificate as DER.
    pub fn certificate_der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// The private key as PEM (PKCS#8).
    pub fn private_key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The private key as DER (PKCS#8).
    pub fn private_key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    /// `x5t#S256`: base64url of the SHA-256 of the certificate.
    pub fn sha256_thumbprint(&self) -> String {
        BASE64.encode(sha256_thumbprint(self.certificate_der()))
    }

    /// `x5t`: base64url of the SHA-1 of the certificate.
    pub fn sha1_thumbprint(&self) -> String {
        BASE64.encode(sha1_thumbprint(self.certificate_der()))
    }

    /// A good client assertion: PS256, ten minutes from `at` on, with a fresh `jti`.
    pub fn client_assertion(
        &self,
        client: Uuid,
        audience: &str,
        at: DateTime<Utc>,
    ) -> Result<String, TestingError> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.sha256_thumbprint() });
        let at = at.timestamp();
        let claims = json!({
            "aud": audience, "iss": client, "sub": client, "jti": fresh_id()?, "nbf": at, "iat": at, "exp": at + 600,
        });
        self.sign_jwt(&header, &claims)
    }

    /// Signs any header and claims; the header's `alg` says how (RS256 or PS256).
    pub fn sign_jwt(&self, header: &Value, claims: &Value) -> Result<String, TestingError> {
        let key = RsaKeyPair::from_pkcs8(&self.private_key_der())
            .map_err(|_| TestingError("only an RSA key signs"))?;
        sign(&key, header, claims)
    }
}

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
        self.token_at(subject, audience, now(), lifetime)
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
