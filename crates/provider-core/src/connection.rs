//! A provider connection: an environment bound to one target at one provider.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use tenancy::{DisplayName, EnvironmentId, WorkspaceId};

use crate::{
    Axis, ConnectionId, ConsentState, CredentialSummary, ProviderKey, ReasonCode, ScopeIdentifier, ScopeKind,
    ScopeRules, Tags, TargetScope, VerificationState,
};

/// Whose identity a connection uses. There is no third kind and no falling back between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionType {
    /// The installation's own client, configured once, never copied into rows.
    Platform,
    /// A client and credential of the connection's own.
    Dedicated,
}

impl ConnectionType {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Dedicated => "dedicated",
        }
    }

    /// The type that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Platform, Self::Dedicated]
            .into_iter()
            .find(|value| value.as_str() == text)
    }
}

/// Where a credential may be sent. A stored secret is bound to all of it: change one part and
/// the secret no longer decrypts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The provider.
    pub provider: ProviderKey,
    /// Which of the provider's separate installations, in the adapter's words.
    pub realm: String,
    /// What kind of target.
    pub scope_kind: ScopeKind,
    /// Which target.
    pub scope_identifier: ScopeIdentifier,
    /// Which client signs in; nothing while none is known.
    pub client_identifier: Option<String>,
}

/// A consent page was left with an agreement. It proves nothing; it allows a connection check to
/// look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentHint {
    /// When.
    pub at: Timestamp,
    /// The client that was agreed to.
    pub client_identifier: String,
}

/// A connection as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderConnection {
    /// The workspace around it.
    pub workspace_id: WorkspaceId,
    /// The environment that it belongs to.
    pub environment_id: EnvironmentId,
    /// Its id.
    pub id: ConnectionId,
    /// Grows by one with each change that a caller made; the base of the entity tag.
    pub version: i64,
    /// Grows by one with each change of target, client, type or credential. What was found out
    /// or agreed about an earlier one says nothing about the present one.
    pub identity_version: i64,
    /// For people.
    pub display_name: DisplayName,
    /// What callers sort it by.
    pub tags: Tags,
    /// Whose identity it uses.
    pub connection_type: ConnectionType,
    /// What it points at.
    pub target_scope: TargetScope,
    /// Which of the provider's separate installations, in the adapter's words.
    pub realm: String,
    /// Which client signs in, for dedicated connections.
    pub client_identifier: Option<String>,
    /// Whether it is the one that is used when none is named.
    pub is_default: bool,
    /// Whether operations may use it.
    pub is_enabled: bool,
    /// The consent axis.
    pub consent: Axis<ConsentState>,
    /// What a consent page left behind.
    pub consent_hint: Option<ConsentHint>,
    /// The verification axis.
    pub verification: Axis<VerificationState>,
    /// When a check that waits for the provider looks again.
    pub verification_next_at: Option<Timestamp>,
    /// What is known of its credential without looking inside; nothing when none is stored.
    pub credential: Option<CredentialSummary>,
    /// The same of the one that is to follow.
    pub next_credential: Option<CredentialSummary>,
    /// The same of the one before.
    pub previous_credential: Option<CredentialSummary>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ProviderConnection {
    /// Where its own credential may be sent.
    pub fn destination(&self) -> Destination {
        Destination {
            provider: self.target_scope.provider().clone(),
            realm: self.realm.clone(),
            scope_kind: self.target_scope.scope_kind(),
            scope_identifier: self.target_scope.scope_identifier().clone(),
            client_identifier: self.client_identifier.clone(),
        }
    }

    /// Where it signs in and as whom: the destination of its own credential, or that of the
    /// platform's client, which stands in no row.
    pub fn effective_destination(&self, rules: &dyn ScopeRules) -> Destination {
        let mut destination = self.destination();
        destination.client_identifier = match self.connection_type {
            ConnectionType::Dedicated => destination.client_identifier,
            ConnectionType::Platform => rules
                .platform_client(&self.realm)
                .map(|client| client.client_identifier),
        };
        destination
    }
}

/// A connection that nobody has looked at yet.
#[derive(Debug, Clone)]
pub struct ConnectionDraft {
    /// The workspace around it.
    pub workspace_id: WorkspaceId,
    /// The environment that it belongs to.
    pub environment_id: EnvironmentId,
    /// Its id.
    pub id: ConnectionId,
    /// For people.
    pub display_name: DisplayName,
    /// What callers sort it by.
    pub tags: Tags,
    /// Whose identity it uses.
    pub connection_type: ConnectionType,
    /// What it points at.
    pub target_scope: TargetScope,
    /// Which of the provider's separate installations, in the adapter's words.
    pub realm: String,
    /// Which client signs in, for dedicated connections.
    pub client_identifier: Option<String>,
    /// When it is made.
    pub created_at: Timestamp,
}

impl ConnectionDraft {
    /// The connection: enabled, nobody's default, nothing known.
    pub fn connection(self) -> ProviderConnection {
        let at = self.created_at;
        ProviderConnection {
            workspace_id: self.workspace_id,
            environment_id: self.environment_id,
            id: self.id,
            version: 1,
            identity_version: 1,
            display_name: self.display_name,
            tags: self.tags,
            connection_type: self.connection_type,
            target_scope: self.target_scope,
            realm: self.realm,
            client_identifier: self.client_identifier,
            is_default: false,
            is_enabled: true,
            consent: first_consent(self.connection_type, at),
            consent_hint: None,
            verification: Axis::unobserved(VerificationState::Unknown, at),
            verification_next_at: None,
            credential: None,
            next_credential: None,
            previous_credential: None,
            created_at: at,
        }
    }
}

/// What is known of consent to an identity that is new: a platform connection needs a consent page
/// of its own, a dedicated one is proven by its credential.
pub const fn first_consent(connection_type: ConnectionType, at: Timestamp) -> Axis<ConsentState> {
    match connection_type {
        ConnectionType::Platform => {
            let mut axis = Axis::unobserved(ConsentState::Required, at);
            axis.reason = Some(ReasonCode::ProviderConsentMissing);
            axis
        }
        ConnectionType::Dedicated => Axis::unobserved(ConsentState::Unknown, at),
    }
}
