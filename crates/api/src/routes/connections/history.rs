//! `GET /api/v1/workspaces/{workspace_id}/connections/{connection_id}/history`

use actix_web::{get, web::Json};
use provider_core::ConnectionId;

use crate::{
    auth::{guard::Guard, permission::ViewConnections},
    input::{PageQuery, Query},
    problem::{Code, Problem},
    views::history::{ConnectionHistory, HistoryEntryView},
};

/// List how a connection changed
///
/// Each change of its consent and of its verification, newest first. Takes the capability
/// `connections.view`.
#[utoipa::path(
    tag = "connections",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = ConnectionHistory),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/history")]
pub(crate) async fn list_connection_history(
    guard: Guard<ViewConnections>,
    query: Query<PageQuery>,
) -> Result<Json<ConnectionHistory>, Problem> {
    let id: ConnectionId = guard.id("connection_id")?;
    let session = guard.state.storage.read().await?;
    let found = session.connections().find(&guard.scope, id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let query = query.read()?;
    let list = guard.list("connection_history").bound_to(&id.to_string());
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let page = session
        .connections()
        .history(&guard.scope, id, request)
        .await?
        .map(HistoryEntryView::from);
    Ok(Json(ConnectionHistory {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
