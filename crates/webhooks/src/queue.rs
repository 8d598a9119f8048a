//! Deliveries as the worker sees them: taken with a lease, sent, and written down behind the
//! fence. At least once: a worker that is lost between sending and writing leaves the delivery to
//! another one, which sends the same message under the same id.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use tenancy::{StreamEvent, WorkspaceId};

use crate::{Attempt, Cycle, DeliveryId, Next, SigningSecret, Webhook, payload};

/// What a message is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// An event of the stream.
    Event(Box<StreamEvent>),
    /// The question whether the receiver is there.
    Verification,
}

/// A delivery that somebody holds until its lease ends.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedDelivery {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its id.
    pub id: DeliveryId,
    /// The number of this attempt: the fence.
    pub number: u32,
    /// How many attempts of this cycle ended before.
    pub made_before: u32,
    /// Why it is sent.
    pub cycle: Cycle,
    /// The value of `webhook-id`.
    pub message_id: String,
    /// When the delivery came to be.
    pub created_at: Timestamp,
    /// Where it goes, as it was when it was taken.
    pub webhook: Webhook,
    /// What is sent.
    pub content: Content,
}

impl ClaimedDelivery {
    /// The body. The same at every attempt.
    pub fn body(&self) -> Vec<u8> {
        match &self.content {
            Content::Event(event) => payload::of_event(event),
            Content::Verification => {
                payload::of_verification(self.workspace_id, self.webhook.id, self.id, self.created_at)
            }
        }
    }
}

/// Whether a write arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// It did.
    Held,
    /// Somebody else holds the delivery by now, or it was discarded. Nothing was written.
    Lost,
}

/// How many deliveries are taken.
#[derive(Debug, Clone, Copy)]
pub struct ClaimLimits {
    /// In all.
    pub total: u32,
    /// Of one webhook, those that are under way included: a slow receiver holds up itself alone.
    pub per_webhook: u32,
    /// For how long they are held.
    pub lease: Duration,
}

/// The queue.
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Takes deliveries that are due at `now`. Those of webhooks that are not enabled any more
    /// are discarded on the way.
    async fn claim(&self, now: Timestamp, limits: ClaimLimits) -> Result<Vec<ClaimedDelivery>, StoreError>;

    /// Writes down how an attempt went and what follows from it, for the delivery and for its
    /// webhook. `told` closes the whole webhook for a while.
    async fn record(
        &self,
        claimed: &ClaimedDelivery,
        attempt: &Attempt,
        next: Next,
        told: Option<Duration>,
    ) -> Result<Fence, StoreError>;
}

/// Why no secret was opened.
#[derive(Debug, thiserror::Error)]
pub enum SigningVaultError {
    /// None of them opens, or there is none.
    #[error("no signing secret of the webhook can be opened")]
    Unreadable,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens signing secrets. Given to the worker alone.
#[async_trait]
pub trait SigningVault: Send + Sync {
    /// The secrets that sign at `now`, newest first, if the webhook still leads where the caller
    /// believes.
    async fn signing_secrets(
        &self,
        workspace: WorkspaceId,
        webhook: &Webhook,
        now: Timestamp,
    ) -> Result<Vec<SigningSecret>, SigningVaultError>;
}
