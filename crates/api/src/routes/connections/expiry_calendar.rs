//! `GET /api/v1/workspaces/{workspace_id}/expiry-calendar`

use actix_web::{get, web::Json};

use crate::{
    auth::{guard::Guard, permission::ViewConnections},
    input::{PageQuery, Query},
    problem::Problem,
    views::calendar::{ExpiryCalendar, ExpiryView, PlatformExpiryView},
};

/// List when credentials end
///
/// The stored credentials of all connections, those that end first at the beginning and those whose
/// end nobody knows at the end; beside them, on each page, the credentials of the installation's
/// own clients. Takes the capability `connections.view`.
#[utoipa::path(
    tag = "connections",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = ExpiryCalendar),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/expiry-calendar")]
pub(crate) async fn list_expiry_calendar(
    guard: Guard<ViewConnections>,
    query: Query<PageQuery>,
) -> Result<Json<ExpiryCalendar>, Problem> {
    let query = query.read()?;
    let list = guard.list("expiry_calendar");
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let (state, now) = (&guard.state, guard.state.clock.now());
    let session = state.storage.read().await?;
    let page = session
        .connections()
        .calendar(&guard.scope, request)
        .await?
        .map(|entry| ExpiryView::of(&entry, now));
    Ok(Json(ExpiryCalendar {
        items: page.items,
        platform: PlatformExpiryView::all(&*state.rules, now),
        next_cursor: list.cursor(page.next),
    }))
}
