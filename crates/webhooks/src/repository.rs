//! What the store does for webhooks, on behalf of callers. Everything asks for the scope first.

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use tenancy::{Change, WorkspaceScope};

use crate::{Delivery, DeliveryId, DeliveryState, SigningSecret, Webhook, WebhookId, WebhookSecretId};

/// A secret that is about to be stored.
pub struct NewSecret<'a> {
    /// Its id.
    pub id: WebhookSecretId,
    /// The secret. It is sealed, bound to the webhook and to its URL.
    pub secret: &'a SigningSecret,
    /// Since when it signs.
    pub created_at: Timestamp,
}

/// What became of a new webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is there.
    Done,
    /// The workspace has [`Webhook::MOST`] already.
    TooMany,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is written.
    Done,
    /// Somebody changed the webhook since it was read, or it is gone.
    VersionMismatch,
}

/// What became of the wish to send a message again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is queued.
    Queued,
    /// It waits for its next attempt already, or is a verification. Nothing was written.
    NotRepeatable,
    /// Its event is not kept any more, so there is nothing to send. Leave the transaction without a commit.
    EventGone,
}

/// Reads.
#[async_trait]
pub trait WebhookLookup: Send + Sync {
    /// The webhooks of the scope, newest first.
    async fn list(&self, scope: &WorkspaceScope, page: PageRequest) -> Result<Page<Webhook>, StoreError>;

    /// One webhook.
    async fn find(&self, scope: &WorkspaceScope, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// The deliveries of a webhook with their attempts, newest first.
    async fn deliveries(
        &self,
        scope: &WorkspaceScope,
        webhook: WebhookId,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError>;

    /// One delivery of a webhook.
    async fn delivery(
        &self,
        scope: &WorkspaceScope,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError>;
}

/// Writes.
#[async_trait]
pub trait WebhookRepository: WebhookLookup {
    /// Stores a new webhook with its first secret.
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        webhook: &Webhook,
        secret: NewSecret<'_>,
        change: &Change,
    ) -> Result<Inserted, StoreError>;

    /// Writes what differs in `after`. What waits for a webhook that is not enabled any more is
    /// discarded.
    async fn save(
        &mut self,
        scope: &WorkspaceScope,
        before: &Webhook,
        after: &Webhook,
        change: &Change,
    ) -> Result<Saved, StoreError>;

    /// The same for a webhook that leads elsewhere: its old secrets go, for they belong to the
    /// old URL, and `secret` takes their place. Whatever waits is discarded.
    async fn lead_to(
        &mut self,
        scope: &WorkspaceScope,
        before: &Webhook,
        after: &Webhook,
        secret: NewSecret<'_>,
        change: &Change,
    ) -> Result<Saved, StoreError>;

    /// Adds a secret. The present one signs until `old_until`; an older one is forgotten.
    async fn rotate_secret(
        &mut self,
        scope: &WorkspaceScope,
        webhook: &Webhook,
        secret: NewSecret<'_>,
        old_until: Timestamp,
        change: &Change,
    ) -> Result<Saved, StoreError>;

    /// Deletes a webhook with its secrets and its log.
    async fn delete(
        &mut self,
        scope: &WorkspaceScope,
        webhook: &Webhook,
        change: &Change,
    ) -> Result<Saved, StoreError>;

    /// Queues the message that asks the receiver whether it is there. One that waits already is
    /// discarded.
    async fn queue_verification(
        &mut self,
        scope: &WorkspaceScope,
        webhook: &Webhook,
        delivery: DeliveryId,
        change: &Change,
    ) -> Result<Saved, StoreError>;

    /// Queues a delivery that came to its end once more. An event that is pruned at this moment may still be
    /// found; its delivery is discarded when it is claimed.
    async fn replay(
        &mut self,
        scope: &WorkspaceScope,
        delivery: &Delivery,
        change: &Change,
    ) -> Result<Replayed, StoreError>;
}
