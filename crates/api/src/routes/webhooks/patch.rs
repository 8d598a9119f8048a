//! `PATCH /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}`

use std::sync::Arc;

use actix_web::{HttpResponse, patch};
use async_trait::async_trait;
use serde::Deserialize;
use storage::UnitOfWork;
use tenancy::{AuditAction, DisplayName};
use utoipa::ToSchema;
use webhooks::{EventFilter, Saved, SigningSecret, Webhook, WebhookUrl};

use super::{
    change::{Subject, WebhookChange, new_secret, secret},
    fields,
};
use crate::{
    auth::{guard::Guard, permission::ManageWebhooks},
    idempotency::Keeper,
    input::{Body, Conditions},
    problem::Problem,
    views::webhooks::WebhookSecretShown,
};

/// What to change about a webhook. Fields that are left out stay as they are; one must be there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchWebhook {
    /// Another URL. The webhook has to be verified again, and gets another secret.
    url: Option<String>,
    /// For people: up to 120 characters.
    description: Option<String>,
    /// The event types in place of the present ones. An empty list means every type.
    event_types: Option<Vec<String>>,
}

/// Change a webhook
///
/// A secret belongs to the URL that it was made for. With another URL the webhook becomes
/// `unverified`, its secrets are forgotten, what waits is discarded, and `secret` in the answer is
/// the new one; without, `secret` is nothing. Takes the capability `webhooks.manage`.
#[utoipa::path(
    tag = "webhooks",
    request_body = PatchWebhook,
    params(("If-Match" = String, Header, description = "The entity tag of the webhook as it was read")),
    responses(
        (status = 200, description = "The webhook as it is now", body = WebhookSecretShown, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
        (status = 422, description = "webhook_url_invalid, invalid_value"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[patch("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}")]
pub(crate) async fn patch_webhook(
    guard: Guard<ManageWebhooks>,
    conditions: Conditions,
    body: Body<PatchWebhook>,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions)?.seen();
    subject.exists().await?;
    let body = body.read(&guard.state.settings).await?;
    if body.url.is_none() && body.description.is_none() && body.event_types.is_none() {
        return Err(Problem::invalid("", "required"));
    }
    let policy = &guard.state.webhook_destinations;
    let secret = Arc::new(secret()?);
    let patch = Patch {
        url: body.url.map(|url| fields::url(&url, policy)).transpose()?,
        description: body
            .description
            .map(|text| fields::description(&text))
            .transpose()?,
        events: body.event_types.map(fields::event_types).transpose()?,
        secret: Arc::clone(&secret),
    };
    let answer = subject
        .change_and_show(patch, secret, Keeper::of_nobody())
        .await?;
    Ok(answer.into_response())
}

struct Patch {
    url: Option<WebhookUrl>,
    description: Option<DisplayName>,
    events: Option<EventFilter>,
    /// Used if the URL is another one.
    secret: Arc<SigningSecret>,
}

#[async_trait]
impl WebhookChange for Patch {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        webhook: &Webhook,
    ) -> Result<Saved, Problem> {
        let mut after = webhook.clone();
        let mut changed = Vec::new();
        if let Some(description) = self
            .description
            .as_ref()
            .filter(|new| webhook.description.as_ref() != Some(*new))
        {
            after.description = Some(description.clone());
            changed.push("description");
        }
        if let Some(events) = self.events.as_ref().filter(|new| **new != webhook.events) {
            after.events = events.clone();
            changed.push("event_types");
        }
        let url = self.url.as_ref().filter(|new| **new != webhook.url);
        if let Some(url) = url {
            after = after.lead_to(url.clone());
            changed.push("url");
        }
        if changed.is_empty() {
            return Ok(Saved::Done);
        }
        let facts = [("changed", changed.join(","))];
        let entry = subject.entry(AuditAction::WebhookUpdated, &after, &facts);
        let mut webhooks = work.webhooks();
        Ok(if url.is_some() {
            let secret = new_secret(&subject.state, &self.secret);
            webhooks
                .lead_to(&subject.scope, webhook, &after, secret, &entry)
                .await?
        } else {
            webhooks.save(&subject.scope, webhook, &after, &entry).await?
        })
    }
}
