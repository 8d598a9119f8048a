//! The inbox of the caller. Nobody sees another one's.

mod list;
mod read;
mod read_all;
mod unread;

use actix_web::HttpResponse;
use operations::NotificationId;
use tenancy::PrincipalId;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    auth::{guard::Guard, permission::ViewWorkspace},
    problem::{Code, Problem},
    views::notification::NotificationView,
};

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list::list_notifications)
        .service(read_all::read_all_notifications)
        .service(read::read_notification)
        .service(unread::unread_notification);
}

/// Whose inbox it is.
fn reader(guard: &Guard<ViewWorkspace>) -> Result<PrincipalId, Problem> {
    let reader = guard.scope.actor().principal_id();
    reader.ok_or_else(|| Problem::internal("a member is no principal"))
}

/// Marks one as read or not read, and shows it.
async fn mark(guard: &Guard<ViewWorkspace>, is_read: bool) -> Result<HttpResponse, Problem> {
    let id: NotificationId = guard.id("notification_id")?;
    let (reader, state, scope) = (reader(guard)?, guard.state.clone(), guard.scope.clone());
    let read_at = is_read.then(|| state.clock.now());
    let marked = guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            let mut inbox = work.notifications();
            inbox.mark(&scope, reader, id, read_at).await?;
            let marked = inbox.find(&scope, reader, id).await?;
            drop(inbox);
            work.commit().await?;
            marked.ok_or_else(|| Problem::new(Code::NotFound))
        })
        .await?;
    let view = NotificationView::of(guard.scope.workspace_id(), &marked);
    Ok(HttpResponse::Ok().json(view))
}
