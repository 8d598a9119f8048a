//! `POST /api/v1/workspaces/{workspace_id}/schedules/{schedule_id}/resume`

use actix_web::{HttpResponse, post};
use operations::ScheduleState;
use tenancy::AuditAction;

use super::{change::Subject, input};
use crate::{
    auth::{guard::Guard, permission::ManageSchedules},
    input::Conditions,
    problem::Problem,
    views::schedule::ScheduleView,
};

/// Resume a schedule
///
/// Its turns go on with the next one to come, and from now on in the caller's name. One that is active
/// stays as it is. Takes the capability `schedules.manage`.
#[utoipa::path(
    tag = "schedules",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the schedule as it was read")),
    responses(
        (status = 200, description = "The schedule is active", body = ScheduleView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/schedules/{schedule_id}/resume")]
pub(crate) async fn resume_schedule(
    guard: Guard<ManageSchedules>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, false)?;
    let responsible = input::responsible(&guard.scope)?;
    subject
        .change(move |schedule, now| {
            if schedule.slot().is_some() {
                return Ok(None);
            }
            let mut after = schedule.clone();
            let next = schedule.next_slot(now, now);
            after.state = ScheduleState::Active(
                next.ok_or_else(|| Problem::internal("a stored rhythm has no next turn"))?,
            );
            after.responsible = responsible.clone();
            after.consecutive_skips = 0;
            Ok(Some((after, AuditAction::ScheduleResumed, Vec::new())))
        })
        .await
}
