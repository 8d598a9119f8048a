//! `POST /api/v1/workspaces/{workspace_id}/notifications/read-all`

use actix_web::{post, web::Json};
use operations::NotificationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reader;
use crate::{
    auth::{guard::Guard, permission::ViewWorkspace},
    input::Body,
    problem::{Code, Problem},
};

/// Up to where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadNotifications {
    /// The newest notification that the reader saw: what came after it stays as it is.
    #[schema(value_type = uuid::Uuid)]
    up_to: NotificationId,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationsRead {
    /// How many were not read before.
    marked: u64,
    /// How many still are not.
    unread_count: u64,
}

/// Mark notifications as read
///
/// All of the caller's own up to the one that is named, by the numbers of their events.
#[utoipa::path(
    tag = "notifications",
    request_body = ReadNotifications,
    responses(
        (status = 200, description = "Done", body = NotificationsRead),
        (status = 422, description = "invalid_reference"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/notifications/read-all")]
pub(crate) async fn read_all_notifications(
    guard: Guard<ViewWorkspace>,
    body: Body<ReadNotifications>,
) -> Result<Json<NotificationsRead>, Problem> {
    let body = body.read(&guard.state.settings).await?;
    let (reader, state, scope) = (reader(&guard)?, guard.state.clone(), guard.scope.clone());
    let read = guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            let mut inbox = work.notifications();
            let newest = inbox.find(&scope, reader, body.up_to).await?;
            let unknown = || Problem::at(Code::InvalidReference, "/up_to", "not_found");
            let sequence = newest.ok_or_else(unknown)?.sequence;
            let now = state.clock.now();
            let marked = inbox.mark_up_to(&scope, reader, sequence, now).await?;
            let unread_count = inbox.unread(&scope, reader).await?;
            drop(inbox);
            work.commit().await?;
            Ok(NotificationsRead { marked, unread_count })
        })
        .await?;
    Ok(Json(read))
}
