//! `POST /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/rotate-secret`

use std::sync::Arc;

use actix_web::{HttpResponse, post};
use async_trait::async_trait;
use chrono::TimeDelta;
use serde::Deserialize;
use storage::UnitOfWork;
use tenancy::AuditAction;
use utoipa::ToSchema;
use webhooks::{Saved, SigningSecret, Webhook};

use super::change::{Subject, WebhookChange, new_secret, secret};
use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::ManageWebhooks},
    idempotency::Keeper,
    input::{Body, Conditions},
    problem::Problem,
    views::webhooks::WebhookSecretShown,
};

/// How to change the secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecret {
    /// For how many seconds the present secret signs beside the new one: 0 to 604,800, and 86,400
    /// unless told. 0 if it has become known to others.
    #[schema(example = 86400)]
    overlap_seconds: Option<u64>,
}

/// Rotate the signing secret of a webhook
///
/// The new secret is in this answer and in no other. Until the overlap is over every message has
/// two signatures, so a receiver may know either secret. A secret that was on its way out already is
/// forgotten. Takes the capability `webhooks.manage`.
#[utoipa::path(
    tag = "webhooks",
    request_body = RotateSecret,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect"),
        ("If-Match" = Option<String>, Header, description = "The entity tag of the webhook as it was read"),
    ),
    responses(
        (status = 200, description = "The webhook with its new secret", body = WebhookSecretShown, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 409, description = "secret_already_shown"),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/rotate-secret")]
pub(crate) async fn rotate_webhook_secret(
    guard: Guard<ManageWebhooks>,
    conditions: Conditions,
    body: Body<RotateSecret>,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions)?;
    subject.exists().await?;
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| rotate(subject, &body, keeper).await)
        .await
}

async fn rotate(subject: Subject, body: &RotateSecret, keeper: Keeper) -> Result<Answer, Problem> {
    let overlap = body.overlap_seconds.unwrap_or(Webhook::OVERLAP_SECONDS);
    let overlap = i64::try_from(overlap)
        .ok()
        .filter(|_| overlap <= Webhook::LONGEST_OVERLAP_SECONDS)
        .ok_or_else(|| Problem::invalid("/overlap_seconds", "out_of_range"))?;
    let secret = Arc::new(secret()?);
    let rotate = Rotate {
        secret: Arc::clone(&secret),
        overlap: TimeDelta::seconds(overlap),
    };
    subject.change_and_show(rotate, secret, keeper).await
}

struct Rotate {
    secret: Arc<SigningSecret>,
    overlap: TimeDelta,
}

#[async_trait]
impl WebhookChange for Rotate {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        webhook: &Webhook,
    ) -> Result<Saved, Problem> {
        let facts = [("overlap_seconds", self.overlap.num_seconds().to_string())];
        let entry = subject.entry(AuditAction::WebhookSecretRotated, webhook, &facts);
        let secret = new_secret(&subject.state, &self.secret);
        let old_until = entry.occurred_at + self.overlap;
        Ok(work
            .webhooks()
            .rotate_secret(&subject.scope, webhook, secret, old_until, &entry)
            .await?)
    }
}
