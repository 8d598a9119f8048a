//! `GET /api/v1/workspaces/{workspace_id}/connections/{connection_id}/surface-summary`

use actix_web::{HttpResponse, get};
use operations::readiness;

use crate::{
    answers::Representation,
    auth::{guard::Guard, permission::ViewConnections},
    input::Conditions,
    problem::{Code, Problem},
    views::surface::SurfaceSummaryView,
};

/// Sum up a connection
///
/// What every surface says about it: whether it can be worked with, why not, the one thing to do
/// next, and the same for each type of operation. From stored facts; nothing is asked of the
/// provider. Takes the capability `connections.view`.
#[utoipa::path(
    tag = "connections",
    responses(
        (status = 200, description = "The summary", body = SurfaceSummaryView, headers(
            ("ETag" = String, description = "Its entity tag, which is not the connection's"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/surface-summary")]
pub(crate) async fn get_surface_summary(
    guard: Guard<ViewConnections>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id = guard.id("connection_id")?;
    let state = &guard.state;
    let session = state.storage.read().await?;
    let connection = session.connections().find(&guard.scope, id).await?;
    let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
    let requirements = session.connections().requirements(&guard.scope, id).await?;
    let now = state.clock.now();
    let operations = readiness::of_connection(
        &connection,
        &requirements,
        &*state.rules,
        now,
        state.settings.stale_after,
    );
    let view = SurfaceSummaryView::of(state, &connection, operations, now);
    Ok(Representation::of(&id.to_string(), &view)?.answer(&conditions))
}
