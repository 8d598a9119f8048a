//! The ids of this crate.

use kernel::{Id, IdKind};

/// Marks ids of the kind `webhook`.
pub enum WebhookKind {}
impl IdKind for WebhookKind {
    const NAME: &'static str = "webhook";
}
/// A receiver's address and what is sent to it.
pub type WebhookId = Id<WebhookKind>;

/// Marks ids of the kind `webhook_secret`.
pub enum WebhookSecretKind {}
impl IdKind for WebhookSecretKind {
    const NAME: &'static str = "webhook_secret";
}
/// One secret of a webhook.
pub type WebhookSecretId = Id<WebhookSecretKind>;

/// Marks ids of the kind `webhook_delivery`.
pub enum DeliveryKind {}
impl IdKind for DeliveryKind {
    const NAME: &'static str = "webhook_delivery";
}
/// One message on its way to one webhook.
pub type DeliveryId = Id<DeliveryKind>;
