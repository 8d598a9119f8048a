//! `GET /api/v1/workspaces/{workspace_id}/connections/{connection_id}`

use actix_web::{HttpResponse, get};

use super::representation;
use crate::{
    auth::{guard::Guard, permission::ViewConnections},
    input::Conditions,
    problem::{Code, Problem},
    views::connection::ConnectionView,
};

/// Read a connection
///
/// With what is known of its requirements. Answered from stored data; nothing is asked of the
/// provider.
#[utoipa::path(
    tag = "connections",
    responses(
        (status = 200, description = "The connection", body = ConnectionView, headers(
            ("ETag" = String, description = "Its entity tag; changes need it"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/connections/{connection_id}")]
pub(crate) async fn get_connection(
    guard: Guard<ViewConnections>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id = guard.id("connection_id")?;
    let session = guard.state.storage.read().await?;
    let connection = session.connections().find(&guard.scope, id).await?;
    let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
    let requirements = session.connections().requirements(&guard.scope, id).await?;
    Ok(representation(&guard.state, &connection, requirements)?.answer(&conditions))
}
