//! `POST /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/enable`

use actix_web::{HttpResponse, post};
use async_trait::async_trait;
use storage::UnitOfWork;
use tenancy::AuditAction;
use webhooks::{NotVerified, Saved, Webhook};

use super::change::{Subject, WebhookChange};
use crate::{
    auth::{guard::Guard, permission::ManageWebhooks},
    input::Conditions,
    problem::{Code, Problem},
    views::webhooks::WebhookView,
};

/// Enable a webhook
///
/// Events that happen from now on go out. Its present URL must have been verified before; a
/// verification enables by itself. If it is enabled already, nothing changes. `If-Match` counts if
/// it is sent. Takes the capability `webhooks.manage`.
#[utoipa::path(
    tag = "webhooks",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the webhook as it was read")),
    responses(
        (status = 200, description = "The webhook, which is enabled", body = WebhookView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 409, description = "webhook_not_verified"),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/enable")]
pub(crate) async fn enable_webhook(
    guard: Guard<ManageWebhooks>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    Subject::of(&guard, conditions)?.change(Enable).await
}

struct Enable;

#[async_trait]
impl WebhookChange for Enable {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        webhook: &Webhook,
    ) -> Result<Saved, Problem> {
        let after = webhook
            .clone()
            .enable()
            .map_err(|NotVerified| Problem::new(Code::WebhookNotVerified))?;
        if webhook.disabled.is_none() {
            return Ok(Saved::Done);
        }
        let entry = subject.entry(AuditAction::WebhookEnabled, webhook, &[]);
        Ok(work
            .webhooks()
            .save(&subject.scope, webhook, &after, &entry)
            .await?)
    }
}
