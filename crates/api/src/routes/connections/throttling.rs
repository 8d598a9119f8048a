//! `GET /api/v1/workspaces/{workspace_id}/connections/{connection_id}/throttling`

use actix_web::{HttpResponse, get};
use provider_core::ConnectionId;

use crate::{
    answers::Representation,
    auth::{guard::Guard, permission::ViewConnections},
    input::Conditions,
    problem::{Code, Problem},
    views::calls::ThrottlingView,
};

/// Read how a connection was throttled
///
/// How often its provider asked for a pause, what that cost, and which limits are closed at
/// present, counted by all runs since its first call. Answered from stored data; nothing is asked of
/// the provider. Takes the capability `connections.view`.
#[utoipa::path(
    tag = "connections",
    responses(
        (status = 200, description = "The ledger", body = ThrottlingView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/throttling")]
pub(crate) async fn get_connection_throttling(
    guard: Guard<ViewConnections>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id: ConnectionId = guard.id("connection_id")?;
    let session = guard.state.storage.read().await?;
    let found = session.connections().find(&guard.scope, id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let ledger = session.calls().throttle_ledger(&guard.scope, id).await?;
    let view = ThrottlingView::of(id, ledger, guard.state.clock.now());
    Ok(Representation::of(&id.to_string(), &view)?.answer(&conditions))
}
