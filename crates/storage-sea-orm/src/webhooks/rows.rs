//! Rows of webhooks, secrets, deliveries and attempts, turned into the domain's types.

use kernel::{Id, StoreError};
use serde_json::Value;
use tenancy::DisplayName;
use webhooks::{
    Attempt, Cycle, Delivery, DeliveryState, Disabled, DisabledReason, EventFilter, FailureCode, SecretFacts,
    Webhook, WebhookUrl,
};

use crate::{
    entities::{webhook, webhook_attempt, webhook_delivery, webhook_secret},
    time::{duration, from_micros, from_optional},
};

const WEBHOOKS: &str = "webhook_endpoints";
const DELIVERIES: &str = "webhook_deliveries";
const ATTEMPTS: &str = "webhook_attempts";

const fn broken(table: &'static str, column: &'static str) -> StoreError {
    StoreError::Inconsistent { table, column }
}

/// A webhook and what may be known of its secrets, newest first. `secrets` may hold those of
/// others too.
pub(crate) fn webhook(row: webhook::Model, secrets: &[webhook_secret::Model]) -> Result<Webhook, StoreError> {
    let description = row.description.as_deref().map(DisplayName::new).transpose();
    let mut own = secrets
        .iter()
        .filter(|secret| secret.webhook_id == row.id)
        .map(facts)
        .collect::<Result<Vec<_>, _>>()?;
    own.sort_by_key(|secret| std::cmp::Reverse((secret.created_at, secret.id)));
    Ok(Webhook {
        id: Id::from_uuid(row.id),
        url: WebhookUrl::from_stored(&row.url).map_err(|_| broken(WEBHOOKS, "url"))?,
        description: description.map_err(|_| broken(WEBHOOKS, "description"))?,
        events: filter(row.event_types)?,
        verified_at: from_optional(row.verified_at, WEBHOOKS, "verified_at")?,
        disabled: disabled(row.disabled_reason.as_deref(), row.disabled_at)?,
        exhausted_in_a_row: u32::try_from(row.exhausted_in_a_row)
            .map_err(|_| broken(WEBHOOKS, "exhausted_in_a_row"))?,
        version: row.version,
        created_at: from_micros(row.created_at, WEBHOOKS, "created_at")?,
        updated_at: from_micros(row.updated_at, WEBHOOKS, "updated_at")?,
        secrets: own,
    })
}

/// The filter of a row.
pub(crate) fn filter(stored: Value) -> Result<EventFilter, StoreError> {
    serde_json::from_value(stored)
        .map(EventFilter::from_stored)
        .map_err(|_| broken(WEBHOOKS, "event_types"))
}

fn disabled(reason: Option<&str>, at: Option<i64>) -> Result<Option<Disabled>, StoreError> {
    let (Some(reason), Some(at)) = (reason, from_optional(at, WEBHOOKS, "disabled_at")?) else {
        return Ok(None);
    };
    let reason = DisabledReason::from_code(reason).ok_or(broken(WEBHOOKS, "disabled_reason"))?;
    Ok(Some(Disabled { reason, at }))
}

fn facts(row: &webhook_secret::Model) -> Result<SecretFacts, StoreError> {
    Ok(SecretFacts {
        id: Id::from_uuid(row.id),
        created_at: from_micros(row.created_at, "webhook_secrets", "created_at")?,
        expires_at: from_optional(row.expires_at, "webhook_secrets", "expires_at")?,
    })
}

/// The cycle of a delivery.
pub(crate) fn cycle(row: &webhook_delivery::Model) -> Result<Cycle, StoreError> {
    Cycle::from_code(&row.cycle).ok_or(broken(DELIVERIES, "cycle"))
}

/// A number that counts something.
pub(crate) fn count(number: i32, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| broken(DELIVERIES, column))
}

/// A delivery with those of `attempts` that are its own.
pub(crate) fn delivery(
    row: &webhook_delivery::Model,
    attempts: &[webhook_attempt::Model],
) -> Result<Delivery, StoreError> {
    let mut own = attempts
        .iter()
        .filter(|attempt| attempt.delivery_id == row.id)
        .map(attempt)
        .collect::<Result<Vec<_>, _>>()?;
    own.sort_by_key(|attempt| attempt.number);
    Ok(Delivery {
        id: Id::from_uuid(row.id),
        webhook_id: Id::from_uuid(row.webhook_id),
        message_id: row.message_id.clone(),
        event_type: row.event_type.clone(),
        state: DeliveryState::from_code(&row.state).ok_or(broken(DELIVERIES, "state"))?,
        cycle: cycle(row)?,
        created_at: from_micros(row.created_at, DELIVERIES, "created_at")?,
        next_attempt_at: from_optional(row.next_attempt_at, DELIVERIES, "next_attempt_at")?,
        finished_at: from_optional(row.finished_at, DELIVERIES, "finished_at")?,
        attempts: own,
    })
}

fn attempt(row: &webhook_attempt::Model) -> Result<Attempt, StoreError> {
    let failure = row
        .reason_code
        .as_deref()
        .map(|code| FailureCode::from_code(code).ok_or(broken(ATTEMPTS, "reason_code")));
    Ok(Attempt {
        number: u32::try_from(row.attempt).map_err(|_| broken(ATTEMPTS, "attempt"))?,
        cycle: Cycle::from_code(&row.cycle).ok_or(broken(ATTEMPTS, "cycle"))?,
        at: from_micros(row.occurred_at, ATTEMPTS, "occurred_at")?,
        took: duration(row.took),
        status: row.http_status.and_then(|status| u16::try_from(status).ok()),
        failure: failure.transpose()?,
    })
}
