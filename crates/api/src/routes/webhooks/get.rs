//! `GET /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}`

use actix_web::{HttpResponse, get};

use super::representation;
use crate::{
    auth::{guard::Guard, permission::ViewWebhooks},
    input::Conditions,
    problem::{Code, Problem},
    views::webhooks::WebhookView,
};

/// Read a webhook
///
/// Without its secret, which nobody can read again. Takes the capability `webhooks.view`.
#[utoipa::path(
    tag = "webhooks",
    responses(
        (status = 200, description = "The webhook", body = WebhookView, headers(
            ("ETag" = String, description = "Its entity tag; changes need it"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}")]
pub(crate) async fn get_webhook(
    guard: Guard<ViewWebhooks>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id = guard.id("webhook_id")?;
    let session = guard.state.storage.read().await?;
    let webhook = session.webhooks().find(&guard.scope, id).await?;
    let webhook = webhook.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(representation(&guard.state, &webhook)?.answer(&conditions))
}
