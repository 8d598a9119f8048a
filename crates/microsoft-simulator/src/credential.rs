//! What an application can prove itself with: secrets, certificates, and tokens of another issuer.

use std::fmt;

use chrono::{DateTime, Utc};

/// One credential that is registered on an application. An application may have several of every kind.
#[derive(Clone, PartialEq, Eq)]
pub enum AppCredential {
    /// A client secret.
    Secret {
        /// The text that is sent.
        value: String,
        /// From this moment on it is refused with AADSTS7000222; `None` never ends.
        expires_at: Option<DateTime<Utc>>,
    },
    /// A certificate; its key signs client assertions (identity platform page "certificate credentials").
    Certificate {
        /// The X.509 certificate in DER. Key, thumbprints and validity are read from it.
        der: Vec<u8>,
    },
    /// Trust in the tokens of another issuer (identity platform page "workload identity federation"). All three
    /// texts are compared exactly, with case.
    Federated {
        /// The `iss` claim, trailing slash included.
        issuer: String,
        /// The `sub` claim.
        subject: String,
        /// The `aud` claim; `api://AzureADTokenExchange` in the public cloud.
        audience: String,
        /// The RSA public key of the issuer in DER: SubjectPublicKeyInfo or PKCS#1. It stands for the key set that
        /// the real service fetches from the issuer.
        public_key: Vec<u8>,
    },
}

impl AppCredential {
    /// A secret that never ends.
    pub fn secret(value: impl Into<String>) -> Self {
        Self::Secret {
            value: value.into(),
            expires_at: None,
        }
    }

    /// A secret that ends.
    pub fn expiring_secret(value: impl Into<String>, expires_at: DateTime<Utc>) -> Self {
        Self::Secret {
            value: value.into(),
            expires_at: Some(expires_at),
        }
    }

    /// A certificate in DER.
    pub fn certificate(der: impl Into<Vec<u8>>) -> Self {
        Self::Certificate { der: der.into() }
    }

    /// Trust in another issuer.
    pub fn federated(
        issuer: impl Into<String>,
        subject: impl Into<String>,
        audience: impl Into<String>,
        public_key: impl Into<Vec<u8>>,
    ) -> Self {
        Self::Federated {
            issuer: issuer.into(),
            subject: subject.into(),
            audience: audience.into(),
            public_key: public_key.into(),
        }
    }

    /// Whether it is the secret with this value.
    pub(crate) fn is_secret(&self, wanted: &str) -> bool {
        matches!(self, Self::Secret { value, .. } if value == wanted)
    }
}

impl fmt::Debug for AppCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { expires_at, .. } => f
                .debug_struct("Secret")
                .field("value", &"[redacted]")
                .field("expires_at", expires_at)
                .finish(),
            Self::Certificate { der } => f.debug_struct("Certificate").field("bytes", &der.len()).finish(),
            Self::Federated {
                issuer,
                subject,
                audience,
                ..
            } => f
                .debug_struct("Federated")
                .field("issuer", issuer)
                .field("subject", subject)
                .field("audience", audience)
                .finish_non_exhaustive(),
        }
    }
}
