//! `POST /api/v1/workspaces/{workspace_id}/notifications/{notification_id}/unread`

use actix_web::{HttpResponse, post};

use super::mark;
use crate::{
    auth::{guard::Guard, permission::ViewWorkspace},
    problem::Problem,
    views::notification::NotificationView,
};

/// Mark a notification as not read
///
/// Notifications of others are not found.
#[utoipa::path(
    tag = "notifications",
    responses((status = 200, description = "The notification", body = NotificationView)),
)]
#[post("/api/v1/workspaces/{workspace_id}/notifications/{notification_id}/unread")]
pub(crate) async fn unread_notification(guard: Guard<ViewWorkspace>) -> Result<HttpResponse, Problem> {
    mark(&guard, false).await
}
