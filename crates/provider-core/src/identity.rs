//! Which identity a connection will sign in with, or why it cannot. One result for both
//! connection types; the same object serves the gate, the worker and every surface.

use kernel::Timestamp;
use serde::Serialize;

use crate::{
    ConnectionType, ConsentState, CredentialState, Destination, PlatformClient, ProviderConnection,
    ProviderContext, ReasonCode, ScopeRules, TargetScope, credential::state_until,
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
    /// Whether a connection check may look in spite of the reason, because looking is how it is
    /// found to be cured.
    #[serde(skip)]
    pub check_may_look: bool,
    /// Where it signs in and as whom. The consent page is made for it and the worker signs in with
    /// it: one object for both.
    #[serde(skip)]
    pub destination: Destination,
    /// The provider's own detail.
    pub provider_context: ProviderContext,
}

impl IdentityResolution {
    /// Resolves the identity of `connection` at `now`. Pure: no store, no provider.
    pub fn resolve(connection: &ProviderConnection, rules: &dyn ScopeRules, now: Timestamp) -> Self {
        let destination = connection.effective_destination(rules);
        let (credential_source, blocked) = match connection.connection_type {
            ConnectionType::Platform => (
                CredentialSource::PlatformConfig,
                platform_block(connection, rules.platform_client(&connection.realm).as_ref(), now),
            ),
            ConnectionType::Dedicated => (
                CredentialSource::DedicatedCredential,
                borrowed_client(&destination, rules).or_else(|| dedicated_block(connection, now)),
            ),
        };
        let blocked = if connection.is_enabled {
            blocked
        } else {
            Some(Block::firmly(ReasonCode::ProviderConnectionDisabled))
        };
        Self {
            target_scope: connection.target_scope.clone(),
            effective_client_identity: EffectiveClientIdentity {
                client_identifier: destination.client_identifier.clone(),
                connection_type: connection.connection_type,
                credential_source,
            },
            blocked_reason: blocked.map(|block| block.reason),
            check_may_look: blocked.is_none_or(|block| block.check_may_look),
            provider_context: rules.context(&destination),
            destination,
        }
    }
}

/// A stored fact that forbids work.
#[derive(Clone, Copy)]
struct Block {
    reason: ReasonCode,
    check_may_look: bool,
}

impl Block {
    const fn firmly(reason: ReasonCode) -> Self {
        Self {
            reason,
            check_may_look: false,
        }
    }

    const fn until_checked(reason: ReasonCode) -> Self {
        Self {
            reason,
            check_may_look: true,
        }
    }
}

/// The platform's client can sign in wherever any workspace brought it in. So it takes a consent
/// page of this very connection before even a check may look, and a check before anything else.
fn platform_block(
    connection: &ProviderConnection,
    client: Option<&PlatformClient>,
    now: Timestamp,
) -> Option<Block> {
    let Some(client) = client else {
        return Some(Block::firmly(ReasonCode::PlatformIdentityMissing));
    };
    if state_until(client.expires_at, now) == CredentialState::Expired {
        return Some(Block::firmly(ReasonCode::PlatformIdentityExpired));
    }
    let hint = connection.consent_hint.as_ref();
    if hint.is_none_or(|hint| hint.client_identifier != client.client_identifier) {
        return Some(Block::firmly(ReasonCode::ProviderConsentMissing));
    }
    match connection.consent.value {
        ConsentState::Granted => None,
        ConsentState::Unknown | ConsentState::Required | ConsentState::Failed | ConsentState::Revoked => {
            Some(Block::until_checked(ReasonCode::ProviderConsentMissing))
        }
    }
}

/// A dedicated connection whose client became the installation's own since it was stored.
fn borrowed_client(destination: &Destination, rules: &dyn ScopeRules) -> Option<Block> {
    let client = destination.client_identifier.as_deref()?;
    rules
        .is_platform_client(client)
        .then_some(Block::firmly(ReasonCode::ProviderConnectionInvalid))
}

/// The first stored fact that forbids work, in the order in which an operator would mend them.
fn dedicated_block(connection: &ProviderConnection, now: Timestamp) -> Option<Block> {
    let Some(credential) = &connection.credential else {
        return Some(Block::firmly(ReasonCode::ProviderCredentialMissing));
    };
    match credential.state(now) {
        CredentialState::Missing => Some(Block::firmly(ReasonCode::ProviderCredentialMissing)),
        CredentialState::Expired => Some(Block::firmly(ReasonCode::ProviderCredentialExpired)),
        CredentialState::Undecryptable => {
            Some(Block::until_checked(ReasonCode::ProviderCredentialUndecryptable))
        }
        CredentialState::Valid | CredentialState::Expiring => match connection.consent.value {
            ConsentState::Required | ConsentState::Revoked => {
                Some(Block::until_checked(ReasonCode::ProviderConsentMissing))
            }
            // A failed consent is looked at again by the next check: only the check may say so.
            ConsentState::Unknown | ConsentState::Granted | ConsentState::Failed => None,
        },
    }
}
