//! Consent links: the page that asks an administrator of a target to agree, and the one state
//! with which the provider's page comes back.
//!
//! A link names no workspace and no connection: who holds it, holds a random text, of which the
//! store knows the hash. What comes back is a hint; only a connection check proves consent.

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::{StoreError, Timestamp};
use serde::{Deserialize, Serialize};
use tenancy::{Change, PrincipalId, WorkspaceId, WorkspaceScope};

use crate::{ConnectionId, ConsentHint, ConsentLinkId, ProviderConnection, ReasonCode, repository::Written};

/// How long a link can be used. Consent pages are slow: somebody has to be asked.
pub const LINK_LIFE: TimeDelta = TimeDelta::minutes(60);

/// How long after an agreement "not there yet" is an answer that is asked again.
pub const PROPAGATION: TimeDelta = TimeDelta::minutes(10);

/// The hash of a random text that somebody else holds.
pub type TextHash = [u8; 32];

/// How the visit of a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentResult {
    /// Somebody agreed; a check proves it.
    Recorded,
    /// Somebody declined.
    Declined,
    /// What came back did not fit the question.
    Rejected,
}

impl ConsentResult {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Declined => "declined",
            Self::Rejected => "rejected",
        }
    }

    /// The result that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Recorded, Self::Declined, Self::Rejected]
            .into_iter()
            .find(|value| value.as_str() == text)
    }
}

/// What a link asks for: an answer to anything else is not its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentQuestion {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Its identity version at that time.
    pub identity_version: i64,
    /// The target's identifier.
    pub scope_identifier: String,
    /// The client that is to be agreed to.
    pub client_identifier: String,
    /// What is asked for, in the adapter's short text.
    pub permission_set: String,
}

/// A new link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConsentLink {
    /// Its id.
    pub id: ConsentLinkId,
    /// The hash of the text in its address.
    pub link_hash: TextHash,
    /// What it asks for.
    pub question: ConsentQuestion,
    /// Where the browser goes in the end; one of the configured origins.
    pub return_to: Option<String>,
    /// Who made it.
    pub created_by: Option<PrincipalId>,
    /// When.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// A link as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentLink {
    /// The workspace that asks.
    pub workspace_id: WorkspaceId,
    /// Its id.
    pub id: ConsentLinkId,
    /// What it asks for.
    pub question: ConsentQuestion,
    /// The hash of the cookie of the browser that went on from our page.
    pub browser_hash: Option<TextHash>,
    /// Where the browser goes in the end.
    pub return_to: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// How its visit ended.
    pub result: Option<ConsentResult>,
}

impl ConsentLink {
    /// Whether it can still be used at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.result.is_none() && now < self.expires_at
    }
}

/// Reads of consent links. No scope: the text is the right to ask, and nothing of the workspace
/// but the link is found with it.
#[async_trait]
pub trait ConsentLookup: Send + Sync {
    /// The link with this text in its address.
    async fn by_link(&self, hash: &TextHash) -> Result<Option<ConsentLink>, StoreError>;

    /// The link whose visit has this state.
    async fn by_state(&self, hash: &TextHash) -> Result<Option<ConsentLink>, StoreError>;

    /// How the workspace of a link calls itself.
    async fn asking_workspace(&self, link: &ConsentLink) -> Result<String, StoreError>;
}

/// Writes of consent links.
#[async_trait]
pub trait ConsentRepository: ConsentLookup {
    /// Stores a link.
    async fn insert_link(
        &mut self,
        scope: &WorkspaceScope,
        link: &NewConsentLink,
        change: &Change,
    ) -> Result<(), StoreError>;

    /// A browser goes on from our page: its state and cookie take the place of an earlier
    /// visit's. `false` when the link was used or is over.
    async fn begin_visit(
        &mut self,
        scope: &WorkspaceScope,
        link: ConsentLinkId,
        state: &TextHash,
        browser: &TextHash,
        at: Timestamp,
        change: &Change,
    ) -> Result<bool, StoreError>;

    /// Uses the link up, once and for all: of many callers one hears `true`.
    async fn use_up(
        &mut self,
        scope: &WorkspaceScope,
        link: ConsentLinkId,
        state: &TextHash,
        result: ConsentResult,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Records an agreement as a hint on the connection, whose verification is pending if a check
    /// is on its way. What was granted to another client of the platform counts no more.
    async fn record_hint(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        hint: &ConsentHint,
        check_follows: bool,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Records that consent was refused.
    async fn record_refusal(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        reason: ReasonCode,
        at: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError>;

    /// Writes down that a callback was turned away, and nothing else.
    async fn record_rejection(&mut self, scope: &WorkspaceScope, change: &Change) -> Result<(), StoreError>;
}
