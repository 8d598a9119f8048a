//! `GET /api/v1/workspaces/{workspace_id}/schedules/{schedule_id}`

use actix_web::{HttpResponse, get};
use operations::ScheduleId;

use super::change::representation;
use crate::{
    auth::{guard::Guard, permission::ViewOperations},
    input::Conditions,
    problem::{Code, Problem},
    views::schedule::ScheduleView,
};

/// Read a schedule
///
/// `next_times` tells its next five turns, `next_due_at` when the first of them is due.
#[utoipa::path(
    tag = "schedules",
    params(("If-None-Match" = Option<String>, Header, description = "The entity tag that the caller has")),
    responses(
        (status = 200, description = "The schedule, with its next five turns", body = ScheduleView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/schedules/{schedule_id}")]
pub(crate) async fn get_schedule(
    guard: Guard<ViewOperations>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id: ScheduleId = guard.id("schedule_id")?;
    let session = guard.state.storage.read().await?;
    let schedule = session.schedules().find(&guard.scope, id).await?;
    let schedule = schedule.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(representation(&schedule)?.answer(&conditions))
}
