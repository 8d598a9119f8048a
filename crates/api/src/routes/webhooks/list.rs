//! `GET /api/v1/workspaces/{workspace_id}/webhooks`

use actix_web::{get, web::Json};

use crate::{
    auth::{guard::Guard, permission::ViewWebhooks},
    input::{PageQuery, Query},
    problem::Problem,
    views::webhooks::{WebhookList, WebhookView},
};

/// List webhooks
///
/// Newest first. Takes the capability `webhooks.view`.
#[utoipa::path(
    tag = "webhooks",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = WebhookList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/webhooks")]
pub(crate) async fn list_webhooks(
    guard: Guard<ViewWebhooks>,
    query: Query<PageQuery>,
) -> Result<Json<WebhookList>, Problem> {
    let query = query.read()?;
    let list = guard.list("webhooks");
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let session = guard.state.storage.read().await?;
    let now = guard.state.clock.now();
    let page = session
        .webhooks()
        .list(&guard.scope, request)
        .await?
        .map(|webhook| WebhookView::of(&webhook, now));
    Ok(Json(WebhookList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
