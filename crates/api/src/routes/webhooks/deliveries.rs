//! `GET /api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries`

use actix_web::{get, web::Json};
use serde::Deserialize;
use utoipa::IntoParams;
use webhooks::{DeliveryState, WebhookId};

use crate::{
    auth::{guard::Guard, permission::ViewWebhooks},
    input::Query,
    problem::{Code, Problem},
    views::webhooks::{DeliveryList, DeliveryView},
};

/// Which deliveries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where to read on: `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// In this state: `pending`, `delivered`, `exhausted` or `discarded`.
    #[param(example = "exhausted")]
    state: Option<String>,
}

/// List deliveries of a webhook
///
/// The log, newest first: what was sent, when, how long it took, and what the receiver answered: a
/// status, never more. Takes the capability `webhooks.view`.
#[utoipa::path(
    tag = "webhooks",
    params(DeliveryQuery),
    responses(
        (status = 200, description = "A page", body = DeliveryList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries")]
pub(crate) async fn list_webhook_deliveries(
    guard: Guard<ViewWebhooks>,
    query: Query<DeliveryQuery>,
) -> Result<Json<DeliveryList>, Problem> {
    let id: WebhookId = guard.id("webhook_id")?;
    let session = guard.state.storage.read().await?;
    let found = session.webhooks().find(&guard.scope, id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let query = query.read()?;
    let list = guard
        .list("webhook_deliveries")
        .bound_to(&id.to_string())
        .filtered(query.state.as_ref());
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let state = |text: &str| DeliveryState::from_code(text).ok_or_else(|| Problem::parameter("state"));
    let state = query.state.as_deref().map(state).transpose()?;
    let page = session
        .webhooks()
        .deliveries(&guard.scope, id, state, request)
        .await?
        .map(DeliveryView::from);
    Ok(Json(DeliveryList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
