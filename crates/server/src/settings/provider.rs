//! The provider: the installation's own clients, token files, and the stand-in for demos.

use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// The provider.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// A loopback address in place of the provider's hosts. For demos and tests: refused for any
    /// other host, and the only way to plain HTTP.
    #[serde(default)]
    pub loopback_endpoint: Option<url::Url>,
    /// The installation's own clients, one for each cloud at most.
    #[serde(default)]
    pub platform: Vec<PlatformSettings>,
    /// Token files by the name under which connections refer to them.
    #[serde(default)]
    pub federated_tokens: BTreeMap<String, FederatedTokenSettings>,
}

/// A token file, and whose connections may use it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedTokenSettings {
    /// The file.
    pub file: PathBuf,
    /// Ids of workspaces, or the one word `*` for all of them.
    pub workspaces: Vec<String>,
}

/// A client of the installation's own. Exactly one of the files says how it proves itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformSettings {
    /// The cloud.
    pub cloud: String,
    /// The client's id.
    pub client_id: String,
    /// A file with a client secret.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// A file with a certificate and its key in PEM.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// A PKCS #12 file.
    #[serde(default)]
    pub pfx_file: Option<PathBuf>,
    /// A file with its password.
    #[serde(default)]
    pub pfx_password_file: Option<PathBuf>,
    /// A file with a token of another issuer.
    #[serde(default)]
    pub federated_token_file: Option<PathBuf>,
    /// When a client secret ends.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}
