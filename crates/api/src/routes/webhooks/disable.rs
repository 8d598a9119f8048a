//! `POST /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/disable`

use actix_web::{HttpResponse, post};
use async_trait::async_trait;
use storage::UnitOfWork;
use tenancy::AuditAction;
use webhooks::{DisabledReason, Saved, Webhook};

use super::change::{Subject, WebhookChange};
use crate::{
    auth::{guard::Guard, permission::ManageWebhooks},
    input::Conditions,
    problem::Problem,
    views::webhooks::WebhookView,
};

/// Disable a webhook
///
/// Nothing goes out any more; what waits is discarded, and events that happen meanwhile are not
/// made up for. If it is disabled already, nothing changes. `If-Match` counts if it is sent. Takes
/// the capability `webhooks.manage`.
#[utoipa::path(
    tag = "webhooks",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the webhook as it was read")),
    responses(
        (status = 200, description = "The webhook, which is disabled", body = WebhookView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/disable")]
pub(crate) async fn disable_webhook(
    guard: Guard<ManageWebhooks>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    Subject::of(&guard, conditions)?.change(Disable).await
}

struct Disable;

#[async_trait]
impl WebhookChange for Disable {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        webhook: &Webhook,
    ) -> Result<Saved, Problem> {
        if webhook.disabled.is_some() {
            return Ok(Saved::Done);
        }
        let reason = DisabledReason::ByRequest;
        let facts = [("reason", reason.as_str().to_owned())];
        let entry = subject.entry(AuditAction::WebhookDisabled, webhook, &facts);
        let after = webhook.clone().disable(reason, entry.occurred_at);
        Ok(work
            .webhooks()
            .save(&subject.scope, webhook, &after, &entry)
            .await?)
    }
}
