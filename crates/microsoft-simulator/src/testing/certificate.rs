//! Throw-away certificates with their private keys.

use std::time::Duration;

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, RsaKeySize,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{TestingError, fresh_id, sign, wall_clock};
use crate::certificate::{sha1_thumbprint, sha256_thumbprint};
use crate::tls::ServerTls;

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

/// A certificate and its private key: self-signed, or signed by a [`TestAuthority`](super::TestAuthority).
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

    /// A server certificate that vouches for itself: what a client that knows no more must refuse.
    pub fn self_signed_server(names: &[&str], not_after: DateTime<Utc>) -> Result<Self, TestingError> {
        let key = p256()?;
        let certificate = server_params(names, not_after)?
            .self_signed(&key)
            .map_err(|_| TestingError("the certificate could not be signed"))?;
        Ok(Self { certificate, key })
    }

    /// A server certificate that another key signs.
    pub(super) fn issued_server(
        names: &[&str],
        not_after: DateTime<Utc>,
        issuer: &rcgen::Issuer<'_, KeyPair>,
    ) -> Result<Self, TestingError> {
        let key = p256()?;
        let certificate = server_params(names, not_after)?
            .signed_by(&key, issuer)
            .map_err(|_| TestingError("the certificate could not be signed"))?;
        Ok(Self { certificate, key })
    }

    /// What a simulator needs to serve with it.
    pub fn server_tls(&self) -> Result<ServerTls, TestingError> {
        ServerTls::from_pem(&self.certificate_pem(), &self.private_key_pem())
            .map_err(|_| TestingError("no server can use this certificate"))
    }

    fn sign_self(
        key: Result<KeyPair, rcgen::Error>,
        common_name: &str,
        not_after: DateTime<Utc>,
    ) -> Result<Self, TestingError> {
        let key = key.map_err(|_| TestingError("no key could be made"))?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        set_validity(&mut params, not_after);
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

pub(super) fn p256() -> Result<KeyPair, TestingError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|_| TestingError("no key could be made"))
}

/// Valid from a day before now, or before the end if that is earlier.
pub(super) fn set_validity(params: &mut CertificateParams, not_after: DateTime<Utc>) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = |at: DateTime<Utc>| Duration::from_secs(at.timestamp().max(0).unsigned_abs());
    params.not_before = epoch + seconds(wall_clock().min(not_after) - TimeDelta::days(1));
    params.not_after = epoch + seconds(not_after);
}

/// Names are DNS names and IP addresses (RFC 5280, section 4.2.1.6).
fn server_params(names: &[&str], not_after: DateTime<Utc>) -> Result<CertificateParams, TestingError> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(|_| TestingError("a name is not possible"))?;
    params.distinguished_name.push(DnType::CommonName, "Simulator");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, not_after);
    Ok(params)
}
