//! Credentials: written once, shown never, opened by the worker alone.
//!
//! The API can store a [`NewCredential`] and read a [`CredentialSummary`]. Only who holds a
//! [`CredentialVault`] can open one, and the API is never handed a vault.

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::{SecretText, StoreError, Timestamp};
use serde::{Deserialize, Serialize};
use tenancy::WorkspaceScope;

use crate::{CredentialId, CredentialState, ProviderConnection};

/// What kind of secret it is. Certificates and federated tokens will join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A shared secret that the provider generated for the client.
    ClientSecret,
}

impl CredentialKind {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
        }
    }

    /// The kind that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        (text == Self::ClientSecret.as_str()).then_some(Self::ClientSecret)
    }
}

/// Everything about a stored credential that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSummary {
    /// Its id; a replacement has a new one.
    pub id: CredentialId,
    /// Counts the credentials of the connection, from 1.
    pub version: i64,
    /// What kind of secret it is.
    pub kind: CredentialKind,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it ends; nothing when nobody told.
    pub expires_at: Option<Timestamp>,
    /// Whether a worker found that it cannot be decrypted.
    pub undecryptable: bool,
}

impl CredentialSummary {
    /// How long before its end a credential counts as expiring.
    pub const EXPIRING_WITHIN: TimeDelta = TimeDelta::days(30);

    /// Its state at `now`.
    pub fn state(&self, now: Timestamp) -> CredentialState {
        match self.expires_at {
            _ if self.undecryptable => CredentialState::Undecryptable,
            Some(end) if end <= now => CredentialState::Expired,
            Some(end) if end - now <= Self::EXPIRING_WITHIN => CredentialState::Expiring,
            Some(_) | None => CredentialState::Valid,
        }
    }
}

/// A credential on its way into the store. Has no `Debug` and no `Clone`: the secret inside has
/// neither.
pub struct NewCredential {
    /// Its id.
    pub id: CredentialId,
    /// What kind of secret it is.
    pub kind: CredentialKind,
    /// The secret.
    pub secret: SecretText,
    /// When it ends, if the caller knows.
    pub expires_at: Option<Timestamp>,
    /// When it is stored.
    pub created_at: Timestamp,
}

/// A credential in the worker's hands, for one run.
pub struct OpenedCredential {
    /// Which version it is, for token caches.
    pub version: i64,
    /// What kind of secret it is.
    pub kind: CredentialKind,
    /// The secret.
    pub secret: SecretText,
}

/// Why a credential could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// None is stored.
    #[error("the connection has no credential")]
    Missing,
    /// The bytes do not belong to this row, this destination or these keys.
    #[error("the stored credential cannot be decrypted")]
    Undecryptable,
    /// The key ring of this process lacks the key: another process may have it.
    #[error("this process lacks the key of the stored credential")]
    KeyMissing,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens credentials. Handed to the worker and to nobody else.
#[async_trait]
pub trait CredentialVault: Send + Sync {
    /// Opens the credential of `connection`, checked against the connection's present row,
    /// environment and destination.
    async fn open(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<OpenedCredential, VaultError>;
}

#[cfg(test)]
mod tests {
    use kernel::{IdSource as _, SequentialIds};

    use super::*;

    #[test]
    fn states_follow_the_end() {
        let now = Timestamp::default();
        let summary = |expires_at, undecryptable| CredentialSummary {
            id: CredentialId::from_uuid(SequentialIds::default().next_uuid()),
            version: 1,
            kind: CredentialKind::ClientSecret,
            created_at: now,
            expires_at,
            undecryptable,
        };
        let cases = [
            (None, false, CredentialState::Valid),
            (Some(now), false, CredentialState::Expired),
            (Some(now + TimeDelta::days(30)), false, CredentialState::Expiring),
            (Some(now + TimeDelta::days(31)), false, CredentialState::Valid),
            (Some(now), true, CredentialState::Undecryptable),
        ];
        for (end, undecryptable, expected) in cases {
            assert_eq!(summary(end, undecryptable).state(now), expected);
        }
    }
}
