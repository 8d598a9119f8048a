//! `GET /api/v1/workspaces/{workspace_id}/connections/{connection_id}/call-attempts`

use actix_web::{get, web::Json};
use provider_core::ConnectionId;

use crate::{
    auth::{guard::Guard, permission::ViewConnections},
    input::{PageQuery, Query},
    problem::{Code, Problem},
    views::calls::{CallAttemptList, CallAttemptView},
};

/// List calls of a connection that went wrong
///
/// The newest 200 attempts that were throttled or failed, newest first, with the ids that the
/// provider's support asks for. Attempts that were answered as they should be are counted, and not
/// listed. Takes the capability `connections.view`.
#[utoipa::path(
    tag = "connections",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = CallAttemptList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/call-attempts")]
pub(crate) async fn list_connection_call_attempts(
    guard: Guard<ViewConnections>,
    query: Query<PageQuery>,
) -> Result<Json<CallAttemptList>, Problem> {
    let id: ConnectionId = guard.id("connection_id")?;
    let session = guard.state.storage.read().await?;
    let found = session.connections().find(&guard.scope, id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let query = query.read()?;
    let list = guard.list("call_attempts").bound_to(&id.to_string());
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let page = session
        .calls()
        .call_attempts(&guard.scope, id, request)
        .await?
        .map(CallAttemptView::from);
    Ok(Json(CallAttemptList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
