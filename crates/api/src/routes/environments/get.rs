//! `GET /api/v1/workspaces/{workspace_id}/environments/{environment_id}`

use actix_web::{HttpResponse, get};

use crate::{
    answers::Representation,
    auth::{guard::Guard, permission::ViewWorkspace},
    input::Conditions,
    problem::{Code, Problem},
    views::tenancy::EnvironmentView,
};

/// Read an environment
///
/// Any member may.
#[utoipa::path(
    tag = "environments",
    responses(
        (status = 200, description = "The environment", body = EnvironmentView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/environments/{environment_id}")]
pub(crate) async fn get_environment(
    guard: Guard<ViewWorkspace>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id = guard.id("environment_id")?;
    let session = guard.state.storage.read().await?;
    let environment = session.environments().find(&guard.scope, id).await?;
    let environment = environment.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Representation::of(&id.to_string(), &EnvironmentView::from(environment))?.answer(&conditions))
}
