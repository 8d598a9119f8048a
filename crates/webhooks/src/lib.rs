//! Webhooks: where a workspace's events go, how they are signed, when they are sent again, and to
//! which addresses nothing is ever sent. Follows Standard Webhooks (standardwebhooks.com).
//!
//! No I/O and no HTTP client: [`sender::WebhookSender`] is the port that goes out, and only the
//! worker holds it. Knows no provider and no operation.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod delivery;
pub mod endpoint;
pub mod filter;
pub mod guard;
pub mod ids;
pub mod outcome;
pub mod payload;
pub mod queue;
pub mod repository;
pub mod retry;
pub mod secret;
pub mod sender;
pub mod signature;
pub mod url;

pub use delivery::{Attempt, Cycle, Delivery, DeliveryState};
pub use endpoint::{Disabled, DisabledReason, NotVerified, SecretFacts, Webhook, WebhookState};
pub use filter::{EventFilter, FilterError};
pub use guard::{DestinationPolicy, Network, NotANetwork, Refused};
pub use ids::{DeliveryId, WebhookId, WebhookSecretId};
pub use outcome::{FailureCode, Next, SendOutcome};
pub use queue::{
    ClaimLimits, ClaimedDelivery, Content, DeliveryQueue, Fence, SigningVault, SigningVaultError,
};
pub use repository::{Inserted, NewSecret, Replayed, Saved, WebhookLookup, WebhookRepository};
pub use secret::{SecretError, SigningSecret};
pub use sender::{SignedMessage, WebhookSender};
pub use url::{UrlRefusal, WebhookUrl};
