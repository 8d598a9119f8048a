//! `POST /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/verify`

use actix_web::{HttpResponse, post};
use async_trait::async_trait;
use kernel::Id;
use storage::UnitOfWork;
use tenancy::AuditAction;
use webhooks::{DeliveryId, Saved, Webhook};

use super::change::{Subject, WebhookChange};
use crate::{
    auth::{guard::Guard, permission::ManageWebhooks},
    input::Conditions,
    problem::{Code, Problem},
    views::webhooks::DeliveryView,
};

/// Verify a webhook
///
/// Queues a signed `webhook.verification` message. When the receiver answers it with 2xx, the
/// webhook becomes `enabled`. It is tried once; the answer here is the delivery, and the webhook and
/// its deliveries tell how it went. A verification that waits already gives way. Takes the
/// capability `webhooks.manage`.
#[utoipa::path(
    tag = "webhooks",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the webhook as it was read")),
    responses(
        (status = 202, description = "The message is queued", body = DeliveryView),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/verify")]
pub(crate) async fn verify_webhook(
    guard: Guard<ManageWebhooks>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions)?;
    let (webhook, delivery) = (subject.id, Id::next(&*guard.state.ids));
    subject.commit(Verify(delivery)).await?;
    let session = guard.state.storage.read().await?;
    let queued = session
        .webhooks()
        .delivery(&guard.scope, webhook, delivery)
        .await?;
    let queued = queued.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(HttpResponse::Accepted().json(DeliveryView::from(queued)))
}

struct Verify(DeliveryId);

#[async_trait]
impl WebhookChange for Verify {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        webhook: &Webhook,
    ) -> Result<Saved, Problem> {
        let facts = [("delivery_id", self.0.to_string())];
        let entry = subject.entry(AuditAction::WebhookVerificationRequested, webhook, &facts);
        Ok(work
            .webhooks()
            .queue_verification(&subject.scope, webhook, self.0, &entry)
            .await?)
    }
}
