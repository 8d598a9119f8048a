//! The installation's own clients, one for each cloud: what the operator configured, what may be
//! shown of it, and the vault that opens it for the worker.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use kernel::Timestamp;
use provider_core::{CredentialSummary, OpenedCredential, PlatformClient, PlatformVault, VaultError};

use crate::{cloud::Cloud, scope};

mod read;

use self::read::Read;

/// The installation's own client in one cloud, as the operator configured it.
#[derive(Debug, Clone)]
pub struct PlatformIdentitySettings {
    /// Where it is registered.
    pub cloud: Cloud,
    /// Its application id.
    pub client_id: String,
    /// What it proves itself with.
    pub credential: PlatformCredentialFile,
    /// When the credential ends, if the operator knows; a certificate tells by itself.
    pub expires_at: Option<Timestamp>,
}

/// The file of a platform's credential.
#[derive(Debug, Clone)]
pub enum PlatformCredentialFile {
    /// A client secret, with or without a line end.
    ClientSecretFile(PathBuf),
    /// A certificate and its key in PEM.
    CertificateFile(PathBuf),
    /// The same in PKCS #12.
    PfxFile {
        /// The file itself, not in base64.
        path: PathBuf,
        /// A file with its password; an empty one for none.
        password_file: PathBuf,
    },
    /// A token of another issuer, which somebody else renews.
    FederatedTokenFile(PathBuf),
}

/// Why the configuration of a platform's identity cannot be used. Names the cloud and the file,
/// never anything in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformProblem {
    /// Two identities for one cloud.
    #[error("{cloud}: the platform has more than one identity")]
    DoubledCloud {
        /// The cloud's id.
        cloud: &'static str,
    },
    /// The client id is no GUID.
    #[error("{cloud}: the platform's client id is not a GUID")]
    BadClientId {
        /// The cloud's id.
        cloud: &'static str,
    },
    /// A file is not there, cannot be read, or is too large.
    #[error("{cloud}: {} cannot be read", path.display())]
    Unreadable {
        /// The cloud's id.
        cloud: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file's mode lets others in.
    #[error("{cloud}: {} is open to others; its mode must be 0600 or less", path.display())]
    OpenToOthers {
        /// The cloud's id.
        cloud: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// What is in a file cannot be a credential.
    #[error("{cloud}: {} cannot be used ({code})", path.display())]
    Unusable {
        /// The cloud's id.
        cloud: &'static str,
        /// The file.
        path: PathBuf,
        /// The same code that a caller would hear for such a credential.
        code: &'static str,
    },
}

/// An identity that was found good when the program started.
#[derive(Debug, Clone)]
pub(crate) struct PlatformIdentity {
    pub(crate) cloud: Cloud,
    credential: PlatformCredentialFile,
    /// When the credential ends by the operator's own word.
    told: Option<Timestamp>,
    /// What was shown last, and the file that it was read from. Clones share it.
    shown: Arc<Mutex<(Option<Stamp>, PlatformClient)>>,
}

/// Tells whether a file was written since: its length and when it was changed.
type Stamp = (u64, SystemTime);

impl PlatformIdentity {
    pub(crate) fn new(settings: PlatformIdentitySettings, now: Timestamp) -> Result<Self, PlatformProblem> {
        let PlatformIdentitySettings {
            cloud,
            client_id,
            credential,
            expires_at,
        } = settings;
        let cloud_id = cloud.as_str();
        let client = scope::guid(&client_id).ok_or(PlatformProblem::BadClientId { cloud: cloud_id })?;
        let read = Read::from(cloud, &credential).map_err(|trouble| trouble.named(cloud_id))?;
        let stamp = credential.stamp();
        let told = expires_at;
        let expires_at = ends(told, read.expires_at);
        if expires_at.is_some_and(|end| end - now <= CredentialSummary::EXPIRING_WITHIN) {
            tracing::warn!(
                cloud = cloud_id,
                "the platform's credential has ended or will end soon"
            );
        }
        let client = PlatformClient {
            client_identifier: client.hyphenated().to_string(),
            kind: read.opened.kind,
            fingerprint: read.fingerprint,
            expires_at,
        };
        Ok(Self {
            cloud,
            credential,
            told,
            shown: Arc::new(Mutex::new((stamp, client))),
        })
    }

    /// The client as it may be shown. A certificate that was replaced in its file is looked at
    /// again: its end and thumbprint are others now.
    pub(crate) fn client(&self) -> PlatformClient {
        let stamp = self.credential.stamp();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if stamp.is_some() && stamp != shown.0 {
            // What cannot be read is left as it was shown last; opening it tells what is wrong.
            if let Ok(read) = Read::from(self.cloud, &self.credential) {
                shown.1.kind = read.opened.kind;
                shown.1.fingerprint = read.fingerprint;
                shown.1.expires_at = ends(self.told, read.expires_at);
            }
            shown.0 = stamp;
        }
        shown.1.clone()
    }

    /// The token file, for an identity that has one.
    pub(crate) fn token_file(&self) -> Option<&Path> {
        match &self.credential {
            PlatformCredentialFile::FederatedTokenFile(path) => Some(path),
            PlatformCredentialFile::ClientSecretFile(_)
            | PlatformCredentialFile::CertificateFile(_)
            | PlatformCredentialFile::PfxFile { .. } => None,
        }
    }
}

/// The certificate knows better, unless the operator means to end it earlier.
fn ends(told: Option<Timestamp>, own: Option<Timestamp>) -> Option<Timestamp> {
    match (told, own) {
        (Some(told), Some(own)) => Some(told.min(own)),
        (told, own) => told.or(own),
    }
}

impl PlatformCredentialFile {
    fn stamp(&self) -> Option<Stamp> {
        let path = match self {
            Self::ClientSecretFile(path)
            | Self::CertificateFile(path)
            | Self::PfxFile { path, .. }
            | Self::FederatedTokenFile(path) => path,
        };
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    }
}

/// Opens the platform's credentials. For the worker alone.
#[derive(Debug, Clone)]
pub struct MicrosoftPlatformVault(Vec<PlatformIdentity>);

impl MicrosoftPlatformVault {
    pub(crate) const fn new(identities: Vec<PlatformIdentity>) -> Self {
        Self(identities)
    }
}

impl PlatformVault for MicrosoftPlatformVault {
    fn open(&self, realm: &str) -> Result<OpenedCredential, VaultError> {
        let mut identities = self.0.iter();
        let identity = identities.find(|identity| identity.cloud.as_str() == realm);
        let identity = identity.ok_or(VaultError::Missing)?;
        match Read::from(identity.cloud, &identity.credential) {
            Ok(read) => Ok(read.opened),
            Err(trouble) => {
                let problem = trouble.named(identity.cloud.as_str());
                tracing::warn!(%problem, "the platform's credential cannot be opened");
                Err(VaultError::Undecryptable)
            }
        }
    }
}

#[cfg(test)]
mod tests;
