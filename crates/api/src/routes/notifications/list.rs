//! `GET /api/v1/workspaces/{workspace_id}/notifications`

use actix_web::{get, web::Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::reader;
use crate::{
    auth::{guard::Guard, permission::ViewWorkspace},
    input::Query,
    problem::Problem,
    views::notification::{NotificationListView, NotificationView},
};

/// Which notifications.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NotificationQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where to read on: `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// `true` for those alone that are not read.
    unread: Option<bool>,
}

/// List notifications
///
/// The caller's own, newest first: one for each run that he started and that is over. Starts that were refused,
/// the single runs of a group, and runs of a schedule that went well make none.
#[utoipa::path(
    tag = "notifications",
    params(NotificationQuery),
    responses(
        (status = 200, description = "A page", body = NotificationListView),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/notifications")]
pub(crate) async fn list_notifications(
    guard: Guard<ViewWorkspace>,
    query: Query<NotificationQuery>,
) -> Result<Json<NotificationListView>, Problem> {
    let query = query.read()?;
    let (reader, unread) = (reader(&guard)?, query.unread.unwrap_or(false));
    let list = guard
        .list("notifications")
        .bound_to(&reader.to_string())
        .bound_to(&unread.to_string());
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let session = guard.state.storage.read().await?;
    let inbox = session.notifications();
    let page = inbox.list(&guard.scope, reader, unread, request).await?;
    let workspace = guard.scope.workspace_id();
    Ok(Json(NotificationListView {
        next_cursor: list.cursor(page.next),
        items: page
            .items
            .iter()
            .map(|item| NotificationView::of(workspace, item))
            .collect(),
        unread_count: inbox.unread(&guard.scope, reader).await?,
    }))
}
