//! Which identity a connection will sign in with, or why it cannot. One result for both
//! connection types; the same object serves the gate, the worker and every surface.

use kernel::Timestamp;
use serde::Serialize;

use crate::{
    ConnectionType, ConsentState, CredentialState, ProviderConnection, ProviderContext, ReasonCode,
    ScopeRules, TargetScope,
};

/// Where the credential comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialSource {
    /// The installation's configuration.
    PlatformConfig,
    /// The connection's own credential.
    DedicatedCredential,
}

/// The client that signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveClientIdentity {
    /// The client's identifier at the provider; nothing while none is known.
    pub client_identifier: Option<String>,
    /// Whose it is.
    pub connection_type: ConnectionType,
    /// Where its credential comes from.
    pub credential_source: CredentialSource,
}

/// A stored fact that forbids work.
pub type BlockedReason = ReasonCode;

/// The identity of a connection, from stored facts alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentityResolution {
    /// What it points at.
    pub target_scope: TargetScope,
    /// Who signs in.
    pub effective_client_identity: EffectiveClientIdentity,
    /// Nothing when the identity can be used.
    pub blocked_reason: Option<BlockedReason>,
    /// The provider's own detail.
    pub provider_context: ProviderContext,
}

impl IdentityResolution {
    /// Resolves the identity of `connection` at `now`. Pure: no store, no provider.
    pub fn resolve(connection: &ProviderConnection, rules: &dyn ScopeRules, now: Timestamp) -> Self {
        let credential_source = match connection.connection_type {
            ConnectionType::Platform => CredentialSource::PlatformConfig,
            ConnectionType::Dedicated => CredentialSource::DedicatedCredential,
        };
        Self {
            target_scope: connection.target_scope.clone(),
            effective_client_identity: EffectiveClientIdentity {
                client_identifier: connection.client_identifier.clone(),
                connection_type: connection.connection_type,
                credential_source,
            },
            blocked_reason: blocked_reason(connection, now),
            provider_context: rules.context(&connection.destination()),
        }
    }
}

/// The first stored fact that forbids work, in the order in which an operator would mend them.
fn blocked_reason(connection: &ProviderConnection, now: Timestamp) -> Option<ReasonCode> {
    if !connection.is_enabled {
        return Some(ReasonCode::ProviderConnectionDisabled);
    }
    match connection.connection_type {
        // The platform's identity comes from configuration, which this release does not read yet.
        ConnectionType::Platform => Some(ReasonCode::PlatformIdentityMissing),
        ConnectionType::Dedicated => credential_reason(connection, now).or(match connection.consent.value {
            ConsentState::Required | ConsentState::Revoked => Some(ReasonCode::ProviderConsentMissing),
            // A failed consent is looked at again by the next check: only the check may say so.
            ConsentState::Unknown | ConsentState::Granted | ConsentState::Failed => None,
        }),
    }
}

fn credential_reason(connection: &ProviderConnection, now: Timestamp) -> Option<ReasonCode> {
    let Some(credential) = &connection.credential else {
        return Some(ReasonCode::ProviderCredentialMissing);
    };
    match credential.state(now) {
        CredentialState::Missing => Some(ReasonCode::ProviderCredentialMissing),
        CredentialState::Expired => Some(ReasonCode::ProviderCredentialExpired),
        CredentialState::Undecryptable => Some(ReasonCode::ProviderCredentialUndecryptable),
        CredentialState::Valid | CredentialState::Expiring => None,
    }
}
