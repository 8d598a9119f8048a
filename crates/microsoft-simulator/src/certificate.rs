//! What is read from a registered certificate: public key, thumbprints, validity.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_cert::Certificate as X509;
use x509_cert::der::{Decode as _, Encode as _};

/// A certificate whose thumbprint was named by a client.
pub(crate) struct Certificate {
    /// SubjectPublicKeyInfo in DER.
    pub(crate) public_key: Vec<u8>,
    /// The last second in which it is valid, in seconds since 1970.
    pub(crate) not_after: i64,
}

impl Certificate {
    /// Reads a certificate (RFC 5280, section 4.1); `None` when it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let certificate = X509::from_der(der).ok()?;
        let certificate = certificate.tbs_certificate();
        let end = certificate.validity().not_after.to_unix_duration();
        Some(Self {
            public_key: certificate.subject_public_key_info().to_der().ok()?,
            not_after: i64::try_from(end.as_secs()).ok()?,
        })
    }
}

/// The thumbprint for `x5t` (RFC 7515, section 4.1.7).
pub(crate) fn sha1_thumbprint(der: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().to_vec()
}

/// The thumbprint for `x5t#S256` (RFC 7515, section 4.1.8).
pub(crate) fn sha256_thumbprint(der: &[u8]) -> Vec<u8> {
    digest(&SHA256, der).as_ref().to_vec()
}
