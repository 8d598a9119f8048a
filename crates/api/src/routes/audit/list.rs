//! `GET /api/v1/workspaces/{workspace_id}/audit-events`

use actix_web::{get, web::Json};

use crate::{
    auth::{guard::Guard, permission::ViewAudit},
    input::{PageQuery, Query},
    problem::Problem,
    views::audit::{AuditEventList, AuditEventView},
};

/// List audit events
///
/// Newest first. Takes the capability `audit.view`.
#[utoipa::path(
    tag = "audit",
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = AuditEventList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/audit-events")]
pub(crate) async fn list_audit_events(
    guard: Guard<ViewAudit>,
    query: Query<PageQuery>,
) -> Result<Json<AuditEventList>, Problem> {
    let query = query.read()?;
    let list = guard.list("audit_events");
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let session = guard.state.storage.read().await?;
    let page = session
        .journal()
        .list(&guard.scope, request)
        .await?
        .map(AuditEventView::from);
    Ok(Json(AuditEventList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
