//! `GET /api/v1/workspaces/{workspace_id}/members`

use actix_web::{get, web::Json};

use crate::{
    auth::{guard::Guard, permission::ViewMembers},
    input::{PageQuery, Query},
    problem::Problem,
    views::tenancy::{MemberList, MemberView},
};

/// List members
///
/// Oldest first.
#[utoipa::path(
    tag = "members",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = MemberList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/members")]
pub(crate) async fn list_members(
    guard: Guard<ViewMembers>,
    query: Query<PageQuery>,
) -> Result<Json<MemberList>, Problem> {
    let query = query.read()?;
    let list = guard.list("members");
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let session = guard.state.storage.read().await?;
    let page = session
        .members()
        .list(&guard.scope, request)
        .await?
        .map(MemberView::from);
    Ok(Json(MemberList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
