//! `POST /api/v1/workspaces/{workspace_id}/notifications/{notification_id}/read`

use actix_web::{HttpResponse, post};

use super::mark;
use crate::{
    auth::{guard::Guard, permission::ViewWorkspace},
    problem::Problem,
    views::notification::NotificationView,
};

/// Mark a notification as read
///
/// It stays read since the first time. Notifications of others are not found.
#[utoipa::path(
    tag = "notifications",
    responses((status = 200, description = "The notification", body = NotificationView)),
)]
#[post("/api/v1/workspaces/{workspace_id}/notifications/{notification_id}/read")]
pub(crate) async fn read_notification(guard: Guard<ViewWorkspace>) -> Result<HttpResponse, Problem> {
    mark(&guard, true).await
}
