//! `POST /api/v1/workspaces/{workspace_id}/events/stream-tickets`

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, post};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::Id;
use serde::Serialize;
use tenancy::NewStreamTicket;
use utoipa::ToSchema;

use crate::{
    auth::{guard::Guard, permission::ViewWorkspace},
    problem::Problem,
    routes::consent::RandomText,
};

/// How long a ticket waits for its use.
const LIFE: TimeDelta = TimeDelta::seconds(60);

/// A ticket for one stream.
#[derive(Serialize, ToSchema)]
#[schema(as = StreamTicket)]
pub(crate) struct StreamTicketView {
    /// The text to send as `ticket`. It is shown here alone.
    ticket: String,
    /// When it is over, used or not.
    expires_at: DateTime<Utc>,
}

/// Create a stream ticket
///
/// For a browser's own `EventSource`, which can send no `Authorization` header. A ticket opens one stream of this
/// workspace, once, within 60 seconds, as the caller who asked for it. His membership is read anew then.
#[utoipa::path(
    tag = "events",
    responses((status = 201, description = "The ticket", body = StreamTicketView)),
)]
#[post("/api/v1/workspaces/{workspace_id}/events/stream-tickets")]
pub(crate) async fn create_stream_ticket(guard: Guard<ViewWorkspace>) -> Result<HttpResponse, Problem> {
    let principal = guard.scope.actor().principal_id();
    let text = RandomText::new()?;
    let now = guard.state.clock.now();
    let ticket = NewStreamTicket {
        id: Id::next(&*guard.state.ids),
        principal_id: principal.ok_or_else(|| Problem::internal("a member is no principal"))?,
        hash: text.hash(),
        created_at: now,
        expires_at: now + LIFE,
    };
    let view = StreamTicketView {
        ticket: text.expose().to_owned(),
        expires_at: ticket.expires_at,
    };
    let (state, scope) = (guard.state.clone(), guard.scope.clone());
    guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            work.tickets().issue(&scope, &ticket).await?;
            work.commit().await?;
            Ok(())
        })
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(view))
}
