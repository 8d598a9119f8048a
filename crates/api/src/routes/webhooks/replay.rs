//! `POST /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay`

use actix_web::{HttpResponse, http::StatusCode, post};
use tenancy::AuditAction;
use webhooks::{Cycle, Delivery, DeliveryId, DeliveryState, Replayed, Webhook, WebhookId, WebhookState};

use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::ManageWebhooks},
    idempotency::{Keeper, Print},
    journal::target,
    problem::{Code, Problem},
    views::webhooks::DeliveryView,
};

/// Send a delivery again
///
/// The same message under the same `webhook-id`, signed with the present secret. It is tried as
/// often as a new one; when it fails, that does not count towards the webhook's failures. Takes the
/// capability `webhooks.manage`.
#[utoipa::path(
    tag = "webhooks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    responses(
        (status = 202, description = "The message is queued", body = DeliveryView),
        (status = 409, description = "webhook_not_enabled, delivery_not_repeatable"),
        (status = 410, description = "delivery_event_pruned"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay")]
pub(crate) async fn replay_webhook_delivery(guard: Guard<ManageWebhooks>) -> Result<HttpResponse, Problem> {
    guard
        .once(Print::nothing(), async |keeper| replay(&guard, keeper).await)
        .await
}

async fn replay(guard: &Guard<ManageWebhooks>, keeper: Keeper) -> Result<Answer, Problem> {
    let webhook: WebhookId = guard.id("webhook_id")?;
    let delivery: DeliveryId = guard.id("delivery_id")?;
    let (author, scope, storage) = (guard.author(), guard.scope.clone(), guard.state.storage.clone());
    guard
        .state
        .transact(async move {
            let mut work = storage.begin().await?;
            let webhook = work.webhooks().find(&scope, webhook).await?;
            let webhook = webhook.ok_or_else(|| Problem::new(Code::NotFound))?;
            let found = work.webhooks().delivery(&scope, webhook.id, delivery).await?;
            let found = found.ok_or_else(|| Problem::new(Code::NotFound))?;
            repeatable(&webhook, &found)?;
            let entry = author.change(
                AuditAction::WebhookDeliveryReplayed,
                target("webhook", &webhook.id, webhook.url.host()),
                &[
                    ("delivery_id", found.id.to_string()),
                    ("message_id", found.message_id.clone()),
                ],
            );
            match work.webhooks().replay(&scope, &found, &entry).await? {
                Replayed::Queued => {}
                Replayed::NotRepeatable => return Err(Problem::new(Code::DeliveryNotRepeatable)),
                Replayed::EventGone => return Err(Problem::new(Code::DeliveryEventPruned)),
            }
            let queued = work.webhooks().delivery(&scope, webhook.id, delivery).await?;
            let view = DeliveryView::from(queued.unwrap_or(found));
            keeper
                .commit(work, Answer::json(StatusCode::ACCEPTED, &view)?)
                .await
        })
        .await
}

fn repeatable(webhook: &Webhook, delivery: &Delivery) -> Result<(), Problem> {
    if webhook.state() != WebhookState::Enabled {
        return Err(Problem::new(Code::WebhookNotEnabled));
    }
    if delivery.state == DeliveryState::Pending || delivery.cycle == Cycle::Verification {
        return Err(Problem::new(Code::DeliveryNotRepeatable));
    }
    Ok(())
}
