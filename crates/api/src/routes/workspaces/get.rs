//! `GET /api/v1/workspaces/{workspace_id}`

use actix_web::{HttpResponse, get};

use crate::{
    answers::Representation,
    auth::{guard::Guard, permission::ViewWorkspace},
    input::Conditions,
    problem::Problem,
    views::tenancy::WorkspaceView,
};

/// Read a workspace
///
/// With the caller's own role and what it holds. Any member may.
#[utoipa::path(
    tag = "workspaces",
    responses(
        (status = 200, description = "The workspace", body = WorkspaceView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}")]
pub(crate) async fn get_workspace(
    guard: Guard<ViewWorkspace>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let session = guard.state.storage.read().await?;
    let workspace = session.workspaces().get(&guard.scope).await?;
    let name = workspace.id.to_string();
    let view = WorkspaceView::from(workspace).seen_as(guard.role());
    Ok(Representation::of(&name, &view)?.answer(&conditions))
}
