//! `GET /api/v1/workspaces/{workspace_id}/environments`

use actix_web::{get, web::Json};

use crate::{
    auth::{guard::Guard, permission::ViewWorkspace},
    input::{PageQuery, Query},
    problem::Problem,
    views::tenancy::{EnvironmentList, EnvironmentView},
};

/// List environments
///
/// Oldest first.
#[utoipa::path(
    tag = "environments",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = EnvironmentList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/environments")]
pub(crate) async fn list_environments(
    guard: Guard<ViewWorkspace>,
    query: Query<PageQuery>,
) -> Result<Json<EnvironmentList>, Problem> {
    let query = query.read()?;
    let list = guard.list("environments");
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let session = guard.state.storage.read().await?;
    let page = session
        .environments()
        .list(&guard.scope, request)
        .await?
        .map(EnvironmentView::from);
    Ok(Json(EnvironmentList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
