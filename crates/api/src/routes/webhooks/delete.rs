//! `DELETE /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}`

use actix_web::{HttpResponse, delete};
use async_trait::async_trait;
use serde::Serialize;
use storage::UnitOfWork;
use tenancy::AuditAction;
use utoipa::ToSchema;
use uuid::Uuid;
use webhooks::{Saved, Webhook};

use super::change::{Subject, WebhookChange};
use crate::{
    auth::{guard::Guard, permission::ManageWebhooks},
    input::Conditions,
    problem::Problem,
};

/// What became of a webhook that was deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookDeletion {
    /// Which webhook it was.
    deleted_webhook_id: Uuid,
}

/// Delete a webhook
///
/// With its secrets, what waits for it, and the log of its deliveries; audit events stay. A message
/// that is on its way may still arrive. `If-Match` counts if it is sent. Takes the capability
/// `webhooks.manage`.
#[utoipa::path(
    tag = "webhooks",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the webhook as it was read")),
    responses(
        (status = 200, description = "It is gone", body = WebhookDeletion),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[delete("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}")]
pub(crate) async fn delete_webhook(
    guard: Guard<ManageWebhooks>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let (before, _) = Subject::of(&guard, conditions)?.commit(Delete).await?;
    Ok(HttpResponse::Ok().json(WebhookDeletion {
        deleted_webhook_id: before.id.as_uuid(),
    }))
}

struct Delete;

#[async_trait]
impl WebhookChange for Delete {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        webhook: &Webhook,
    ) -> Result<Saved, Problem> {
        let entry = subject.entry(AuditAction::WebhookDeleted, webhook, &[]);
        Ok(work.webhooks().delete(&subject.scope, webhook, &entry).await?)
    }
}
