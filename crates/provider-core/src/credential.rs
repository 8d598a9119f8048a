//! Credentials: written once, shown never, opened by the worker alone.
//!
//! The API can store a [`NewCredential`] and read a [`CredentialSummary`]. Only who holds a
//! [`CredentialVault`] can open one, and the API is never handed a vault.

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::{SecretText, StoreError, Timestamp};
use serde::{Deserialize, Serialize};
use tenancy::WorkspaceScope;

use crate::{
    CredentialId, CredentialState, NextStep, NextStepKind, ProviderConnection, ReasonCode, ResumePoint, RunId,
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable string.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value that `text` names.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }
    };
}

words! {
    /// What a client proves itself with.
    CredentialKind {
        /// A shared secret that the provider generated for the client.
        ClientSecret => "client_secret",
        /// A certificate with its private key.
        Certificate => "certificate",
        /// A token of another issuer, read from where the operator of the installation said. What
        /// is stored is the name of that place.
        FederatedToken => "federated_token",
    }
}

words! {
    /// Where a credential stands in a rotation. A connection has at most one in each stage.
    CredentialStage {
        /// Runs use it.
        Current => "current",
        /// Stored to be tried by a connection check, then promoted.
        Next => "next",
        /// Kept for a while after a promotion, to be put back in one call.
        Previous => "previous",
    }
}

/// What a connection check found when it used a credential that is not the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialTrial {
    /// When.
    pub at: Timestamp,
    /// The run.
    pub run_id: RunId,
    /// Why it did not work; nothing when it did.
    pub reason: Option<ReasonCode>,
}

/// Everything about a stored credential that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSummary {
    /// Its id; a replacement has a new one.
    pub id: CredentialId,
    /// Counts the credentials of the connection, from 1; never used twice.
    pub version: i64,
    /// Where it stands in a rotation.
    pub stage: CredentialStage,
    /// What kind of secret it is.
    pub kind: CredentialKind,
    /// Tells credentials apart: a certificate's thumbprint, or a keyed hash. Nothing where there
    /// is nothing to tell apart.
    pub fingerprint: Option<String>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it ends; nothing when nobody told.
    pub expires_at: Option<Timestamp>,
    /// Whether a worker found that it cannot be decrypted.
    pub undecryptable: bool,
    /// Until when it is kept, for a previous one.
    pub keep_until: Option<Timestamp>,
    /// What a check with it found, for a next one.
    pub trial: Option<CredentialTrial>,
}

impl CredentialSummary {
    /// How long before its end a credential counts as expiring.
    pub const EXPIRING_WITHIN: TimeDelta = TimeDelta::days(30);

    /// Its state at `now`.
    pub fn state(&self, now: Timestamp) -> CredentialState {
        if self.undecryptable {
            CredentialState::Undecryptable
        } else {
            state_until(self.expires_at, now)
        }
    }

    /// What to do about it at `now`; nothing while it is in order.
    pub fn next_step(&self, now: Timestamp) -> Option<NextStep> {
        let replace = || Some(NextStepKind::ReplaceCredential.step());
        match (self.stage, self.state(now), self.trial) {
            (CredentialStage::Previous, _, _) | (CredentialStage::Current, CredentialState::Valid, _) => None,
            (_, CredentialState::Missing | CredentialState::Expired | CredentialState::Undecryptable, _)
            | (CredentialStage::Current, CredentialState::Expiring, _) => replace(),
            (CredentialStage::Next, CredentialState::Valid | CredentialState::Expiring, None) => {
                Some(NextStepKind::TryCredential.step())
            }
            (CredentialStage::Next, CredentialState::Valid | CredentialState::Expiring, Some(trial)) => {
                let promote = NextStepKind::PromoteCredential.step();
                Some(trial.reason.map_or(promote, ReasonCode::next_step))
            }
        }
    }

    /// Whether the time for which a previous one is kept has passed. Upkeep removes it soon, and
    /// nobody uses it until then.
    pub fn is_no_longer_kept(&self, now: Timestamp) -> bool {
        self.keep_until.is_some_and(|end| end <= now)
    }
}

/// The state of a credential that ends at `end`, if anybody told.
pub fn state_until(end: Option<Timestamp>, now: Timestamp) -> CredentialState {
    match end {
        Some(end) if end <= now => CredentialState::Expired,
        Some(end) if end - now <= CredentialSummary::EXPIRING_WITHIN => CredentialState::Expiring,
        Some(_) | None => CredentialState::Valid,
    }
}

/// A credential as a caller sent it. Has no `Debug` and no `Clone`: the secrets inside have
/// neither.
pub enum CredentialInput {
    /// A shared secret.
    ClientSecret(SecretText),
    /// A certificate and its private key, both in PEM (RFC 7468), in any order.
    CertificatePem(SecretText),
    /// A certificate and its private key in a PKCS #12 file (RFC 7292).
    CertificatePfx {
        /// The file in base64.
        pfx: SecretText,
        /// Its password; empty for none.
        password: SecretText,
    },
    /// A token file of the installation, for a workspace that the operator lets use it.
    FederatedToken {
        /// The name under which the operator configured it.
        source: String,
        /// The workspace that would use it.
        workspace: uuid::Uuid,
    },
}

/// A credential that an adapter looked at and found usable.
pub struct PreparedCredential {
    /// What kind of secret it is.
    pub kind: CredentialKind,
    /// The secret, in the one form in which the adapter wants it back.
    pub secret: SecretText,
    /// What may be shown of it: a certificate's thumbprint. A shared secret has nothing of its own
    /// that may be shown; the store makes a keyed hash.
    pub fingerprint: Option<String>,
    /// When it ends, if it says so itself.
    pub expires_at: Option<Timestamp>,
}

/// Why an adapter will not take a credential. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialRefusal {
    /// Which field of the body: `secret`, `pem`, `pfx`, `password`, `source`.
    pub field: &'static str,
    /// The stable code that callers branch on.
    pub code: &'static str,
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
    /// A certificate's thumbprint; for a shared secret the store makes a keyed hash.
    pub fingerprint: Option<String>,
    /// When it ends, if the caller knows.
    pub expires_at: Option<Timestamp>,
    /// When it is stored.
    pub created_at: Timestamp,
}

/// A credential in the worker's hands, for one run.
pub struct OpenedCredential {
    /// Which version it is, for token caches. A platform's one has a version made of its contents.
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

/// Opens what is stored sealed: credentials, and where runs stopped. Handed to the worker and to
/// nobody else.
#[async_trait]
pub trait CredentialVault: Send + Sync {
    /// Opens the current credential of `connection`, checked against the connection's present
    /// row, environment and destination.
    async fn open(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<OpenedCredential, VaultError> {
        self.open_stage(scope, connection, CredentialStage::Current).await
    }

    /// The same for the credential of `stage`.
    async fn open_stage(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        stage: CredentialStage,
    ) -> Result<OpenedCredential, VaultError>;

    /// Where the last attempt at an active run stopped, if it said so. Nothing when it cannot be
    /// opened any more, since its key is gone: the run begins anew then.
    async fn resume_point(
        &self,
        scope: &WorkspaceScope,
        run: RunId,
    ) -> Result<Option<ResumePoint>, StoreError>;
}

/// Opens what the installation's configuration holds for its own client. Handed to the worker and
/// to nobody else. Reads anew each time, so that a rotated file is used without a restart.
pub trait PlatformVault: Send + Sync {
    /// The platform's credential in `realm`. [`VaultError::Missing`] when none is configured,
    /// [`VaultError::Undecryptable`] when what is configured cannot be read.
    fn open(&self, realm: &str) -> Result<OpenedCredential, VaultError>;
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
            stage: CredentialStage::Current,
            kind: CredentialKind::ClientSecret,
            fingerprint: None,
            created_at: now,
            expires_at,
            undecryptable,
            keep_until: None,
            trial: None,
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
