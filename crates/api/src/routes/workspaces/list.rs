//! `GET /api/v1/workspaces`

use actix_web::{get, web::Json};

use crate::{
    auth::guard::Authenticated,
    input::{PageQuery, Query},
    problem::Problem,
    views::tenancy::{WorkspaceList, WorkspaceView},
};

/// List your workspaces
///
/// Those of which the caller is a member, oldest first.
#[utoipa::path(
    tag = "workspaces",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = WorkspaceList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces")]
pub(crate) async fn list_workspaces(
    caller: Authenticated,
    query: Query<PageQuery>,
) -> Result<Json<WorkspaceList>, Problem> {
    let query = query.read()?;
    let list = caller.list("workspaces");
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let session = caller.state.storage.read().await?;
    let page = session
        .workspaces()
        .of_principal(&caller.identity.key, request)
        .await?
        .map(WorkspaceView::from);
    Ok(Json(WorkspaceList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
