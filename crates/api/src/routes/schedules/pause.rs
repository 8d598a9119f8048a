//! `POST /api/v1/workspaces/{workspace_id}/schedules/{schedule_id}/pause`

use actix_web::{HttpResponse, post};
use operations::{PauseCause, ScheduleState};
use tenancy::AuditAction;

use super::change::Subject;
use crate::{
    auth::{guard::Guard, permission::ManageSchedules},
    input::Conditions,
    problem::Problem,
    views::schedule::ScheduleView,
};

/// Pause a schedule
///
/// It has no turns until somebody resumes it. One that is paused stays as it is. Takes the capability
/// `schedules.manage`.
#[utoipa::path(
    tag = "schedules",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the schedule as it was read")),
    responses(
        (status = 200, description = "The schedule is paused", body = ScheduleView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/schedules/{schedule_id}/pause")]
pub(crate) async fn pause_schedule(
    guard: Guard<ManageSchedules>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, false)?;
    subject
        .change(|schedule, _| {
            Ok(schedule.slot().map(|_| {
                let mut after = schedule.clone();
                after.state = ScheduleState::Paused(PauseCause::Person);
                (after, AuditAction::SchedulePaused, Vec::new())
            }))
        })
        .await
}
