//! What a client proves itself with at the token endpoint, made for one request.
//!
//! Must never log a secret, an assertion, or a path's content.

use kernel::{SecretText, Timestamp};
use provider_core::{CredentialKind, OpenedCredential, ReasonCode};
use url::Url;
use uuid::Uuid;

use crate::{assertion, certificate, federated, federated::FederatedSources};

/// A connection's credential and what it takes to use it.
pub(crate) struct Proof<'a> {
    pub(crate) credential: &'a OpenedCredential,
    pub(crate) sources: &'a FederatedSources,
    /// Whose connection it is.
    pub(crate) workspace: Uuid,
}

/// One request, as far as a proof depends on it.
pub(crate) struct Occasion<'a> {
    pub(crate) endpoint: &'a Url,
    pub(crate) client: Uuid,
    pub(crate) jti: Uuid,
    pub(crate) now: Timestamp,
}

/// What goes into the form of one request.
pub(crate) enum Evidence<'a> {
    Secret(&'a SecretText),
    Assertion(SecretText),
}

impl Evidence<'_> {
    /// The form's parameters.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Secret(secret) => vec![("client_secret", secret.expose())],
            Self::Assertion(token) => vec![
                ("client_assertion_type", assertion::TYPE),
                ("client_assertion", token.expose()),
            ],
        }
    }
}

impl Proof<'_> {
    /// Whether the times in what is sent are ours.
    pub(crate) fn has_own_times(&self) -> bool {
        self.credential.kind == CredentialKind::Certificate
    }

    /// What a refusal means for this kind of proof. "Not within its time" is about our clock when
    /// we wrote the times, and about a file that nobody renews when another issuer did.
    pub(crate) fn judge(&self, reason: ReasonCode) -> ReasonCode {
        match (reason, self.credential.kind) {
            (ReasonCode::ProviderClockSkew, CredentialKind::FederatedToken) => {
                ReasonCode::ProviderCredentialExpired
            }
            _ => reason,
        }
    }

    /// Makes the proof for one request.
    pub(crate) async fn evidence(&self, occasion: &Occasion<'_>) -> Result<Evidence<'_>, ReasonCode> {
        let secret = &self.credential.secret;
        match self.credential.kind {
            CredentialKind::ClientSecret => Ok(Evidence::Secret(secret)),
            CredentialKind::Certificate => signed(secret, occasion).map(Evidence::Assertion),
            CredentialKind::FederatedToken => self.foreign(secret.expose()).await.map(Evidence::Assertion),
        }
    }

    async fn foreign(&self, name: &str) -> Result<SecretText, ReasonCode> {
        let Some(path) = self
            .sources
            .path(name, self.workspace)
            .map(std::path::Path::to_owned)
        else {
            tracing::warn!(
                source_name = name,
                "no token file is configured under this name for this workspace"
            );
            return Err(ReasonCode::ProviderCredentialInvalid);
        };
        // A name may lead to a slow or stuck file system; other runs must not wait for it.
        let read = tokio::task::spawn_blocking(move || federated::read(&path)).await;
        read.ok().and_then(Result::ok).ok_or_else(|| {
            tracing::warn!(source_name = name, "the token file cannot be used");
            ReasonCode::ProviderCredentialInvalid
        })
    }
}

fn signed(pem: &SecretText, occasion: &Occasion<'_>) -> Result<SecretText, ReasonCode> {
    let certificate = certificate::from_pem(pem.expose()).map_err(|problem| {
        tracing::warn!(code = problem.code(), "the stored certificate cannot be used");
        ReasonCode::ProviderCredentialInvalid
    })?;
    let Occasion {
        endpoint,
        client,
        jti,
        now,
    } = occasion;
    // Signing fails only when memory or the system's randomness does.
    assertion::build(&certificate, endpoint, *client, *jti, *now).ok_or(ReasonCode::InternalError)
}
