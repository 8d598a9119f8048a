//! Webhooks and their deliveries as callers see them. A secret is part of a view only where it is
//! shown for the one time.

use chrono::{DateTime, Utc};
use kernel::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use webhooks::{Attempt, Delivery, FailureCode, SecretFacts, SigningSecret, Webhook};

use super::list_views;

/// Where events of the workspace go.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    /// Its id.
    id: Uuid,
    /// Where messages are posted to.
    #[schema(example = "https://hooks.example.com/tenantatlas")]
    url: String,
    /// For people.
    description: Option<String>,
    /// The event types that are sent, such as `operation.completed` or `operation.*`; none mean
    /// every type.
    event_types: Vec<String>,
    /// `unverified`, `enabled` or `disabled`. Events go out while it is `enabled`.
    #[schema(example = "enabled")]
    state: &'static str,
    /// When the receiver last proved that it is there, at this URL.
    verified_at: Option<DateTime<Utc>>,
    /// Why it is disabled: `by_request`, `receiver_gone` or `deliveries_exhausted`.
    disabled_reason: Option<&'static str>,
    /// Since when it is disabled.
    disabled_at: Option<DateTime<Utc>>,
    /// How many deliveries in a row were given up.
    exhausted_in_a_row: u32,
    /// The secrets that sign at present, newest first.
    secrets: Vec<WebhookSecretView>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

/// What is known of a signing secret.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
struct WebhookSecretView {
    /// Its id.
    id: Uuid,
    /// Since when it signs.
    created_at: DateTime<Utc>,
    /// When it stops signing; nothing while no newer one took its place.
    expires_at: Option<DateTime<Utc>>,
}

/// A webhook with a secret that is shown here and never again.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub(crate) struct WebhookSecretShown {
    /// The webhook.
    webhook: WebhookView,
    /// The new signing secret: `whsec_` and base64. Nothing if the call made none.
    #[schema(example = "whsec_...")]
    secret: Option<String>,
}

/// One message on its way to a webhook, and how each attempt went.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryView {
    /// Its id.
    id: Uuid,
    /// The webhook.
    webhook_id: Uuid,
    /// The value of the header `webhook-id`, the same at every attempt: the id of the event.
    message_id: String,
    /// The type of the event, or `webhook.verification`.
    #[schema(example = "operation.completed")]
    event_type: String,
    /// `pending`, `delivered`, `exhausted` or `discarded`.
    #[schema(example = "delivered")]
    state: &'static str,
    /// Why it is sent: `event`, `replay` or `verification`.
    #[schema(example = "event")]
    cycle: &'static str,
    /// When it came to be.
    created_at: DateTime<Utc>,
    /// When it is sent next, while it is `pending`.
    next_attempt_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    finished_at: Option<DateTime<Utc>>,
    /// The attempts, oldest first. A number that is missing belongs to a worker that was lost
    /// before it could tell how it went; the receiver may have the message.
    attempts: Vec<AttemptView>,
}

/// One attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
struct AttemptView {
    /// From 1.
    number: u32,
    /// `event`, `replay` or `verification`.
    #[schema(example = "event")]
    cycle: &'static str,
    /// When it began.
    at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// What the receiver answered, if it did.
    http_status: Option<u16>,
    /// Why it did not succeed; nothing if it did.
    reason_code: Option<&'static str>,
}

list_views! {
    /// Webhooks, newest first.
    WebhookList of WebhookView;
    /// Deliveries, newest first.
    DeliveryList of DeliveryView;
}

impl WebhookView {
    /// The webhook as it stands at `now`.
    pub(crate) fn of(webhook: &Webhook, now: Timestamp) -> Self {
        let signs = |secret: &&SecretFacts| secret.expires_at.is_none_or(|end| end > now);
        Self {
            id: webhook.id.as_uuid(),
            url: webhook.url.as_str().to_owned(),
            description: webhook.description.as_ref().map(ToString::to_string),
            event_types: webhook.events.entries().to_vec(),
            state: webhook.state().as_str(),
            verified_at: webhook.verified_at,
            disabled_reason: webhook.disabled.map(|disabled| disabled.reason.as_str()),
            disabled_at: webhook.disabled.map(|disabled| disabled.at),
            exhausted_in_a_row: webhook.exhausted_in_a_row,
            secrets: webhook
                .secrets
                .iter()
                .filter(signs)
                .map(WebhookSecretView::from)
                .collect(),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }

    /// The same beside a secret, if the call made one.
    pub(crate) fn showing(self, secret: Option<&SigningSecret>) -> WebhookSecretShown {
        WebhookSecretShown {
            webhook: self,
            secret: secret.map(|secret| secret.to_text().expose().to_owned()),
        }
    }
}

impl From<&SecretFacts> for WebhookSecretView {
    fn from(secret: &SecretFacts) -> Self {
        Self {
            id: secret.id.as_uuid(),
            created_at: secret.created_at,
            expires_at: secret.expires_at,
        }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.as_uuid(),
            webhook_id: delivery.webhook_id.as_uuid(),
            message_id: delivery.message_id,
            event_type: delivery.event_type,
            state: delivery.state.as_str(),
            cycle: delivery.cycle.as_str(),
            created_at: delivery.created_at,
            next_attempt_at: delivery.next_attempt_at,
            finished_at: delivery.finished_at,
            attempts: delivery.attempts.iter().map(AttemptView::from).collect(),
        }
    }
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            cycle: attempt.cycle.as_str(),
            at: attempt.at,
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            http_status: attempt.status,
            reason_code: attempt.failure.map(FailureCode::as_str),
        }
    }
}
