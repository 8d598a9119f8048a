//! `DELETE /api/v1/workspaces/{workspace_id}/schedules/{schedule_id}`

use actix_web::{HttpResponse, delete};

use super::change::Subject;
use crate::{
    auth::{guard::Guard, permission::ManageSchedules},
    input::Conditions,
    problem::Problem,
};

/// Delete a schedule
///
/// Its runs stay, and go on. Takes the capability `schedules.manage`.
#[utoipa::path(
    tag = "schedules",
    params(("If-Match" = String, Header, description = "The entity tag of the schedule as it was read")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 412, description = "precondition_failed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[delete("/api/v1/workspaces/{workspace_id}/schedules/{schedule_id}")]
pub(crate) async fn delete_schedule(
    guard: Guard<ManageSchedules>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    Subject::of(&guard, conditions, true)?.delete().await
}
