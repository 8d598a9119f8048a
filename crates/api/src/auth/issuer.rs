//! One trusted issuer: its name, the audience it must address, and the one algorithm and key
//! with which its tokens are checked.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};

/// The algorithms of issuers that sign with a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKeyAlgorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// The key is not a public key of the algorithm in PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key of this algorithm in PEM")]
pub struct IssuerError;

/// An issuer of tokens.
pub struct Issuer {
    name: String,
    audience: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Issuer {
    /// How far the clocks of issuer and installation may differ, in seconds.
    pub(super) const LEEWAY_SECONDS: i64 = 60;

    /// An issuer that signs with a private key; `pem` is the public one.
    pub fn from_pem(
        name: &str,
        audience: &str,
        algorithm: PublicKeyAlgorithm,
        pem: &[u8],
    ) -> Result<Self, IssuerError> {
        let (algorithm, key) = match algorithm {
            PublicKeyAlgorithm::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_pem(pem)),
            PublicKeyAlgorithm::Es256 => (Algorithm::ES256, DecodingKey::from_ec_pem(pem)),
            PublicKeyAlgorithm::EdDsa => (Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)),
        };
        let key = key.map_err(|_| IssuerError)?;
        Ok(Self {
            name: name.to_owned(),
            audience: audience.to_owned(),
            algorithm,
            key,
        })
    }

    /// An issuer that shares its key with us: only ever the installation itself.
    pub(super) fn shared_key(name: &str, audience: &str, key: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            audience: audience.to_owned(),
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(key),
        }
    }

    /// The `iss` claim of its tokens.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    pub(super) const fn key(&self) -> &DecodingKey {
        &self.key
    }

    /// What the library checks: signature, algorithm, presence of claims, issuer and audience.
    /// Times are checked by us, against our own clock.
    pub(super) fn validation(&self) -> Validation {
        let mut validation = Validation::new(self.algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.name]);
        validation.set_audience(&[&self.audience]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation
    }
}
