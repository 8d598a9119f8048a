//! `GET /api/v1/workspaces/{workspace_id}/schedules`

use actix_web::{get, web::Json};

use crate::{
    auth::{guard::Guard, permission::ViewOperations},
    input::{PageQuery, Query},
    problem::Problem,
    views::schedule::{ScheduleList, ScheduleView},
};

/// List schedules
///
/// Oldest first.
#[utoipa::path(
    tag = "schedules",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = ScheduleList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/schedules")]
pub(crate) async fn list_schedules(
    guard: Guard<ViewOperations>,
    query: Query<PageQuery>,
) -> Result<Json<ScheduleList>, Problem> {
    let query = query.read()?;
    let list = guard.list("schedules");
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let session = guard.state.storage.read().await?;
    let page = session
        .schedules()
        .list(&guard.scope, request)
        .await?
        .map(ScheduleView::from);
    Ok(Json(ScheduleList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
