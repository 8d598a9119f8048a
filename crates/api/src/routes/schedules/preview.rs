//! `POST /api/v1/workspaces/{workspace_id}/schedules/preview`

use actix_web::{post, web::Json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::input;
use crate::{
    auth::{guard::Guard, permission::ManageSchedules},
    input::Body,
    problem::Problem,
    views::schedule::{LOOK_AHEAD, SchedulePreview},
};

/// Turns to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewSchedule {
    /// When, on the wall clock of the zone.
    #[schema(example = "30 2 * * MON-FRI")]
    cron: String,
    /// The zone.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
}

/// Look at the turns of a schedule
///
/// Tells when a schedule like this would have its next five turns. Writes nothing. Takes the
/// capability `schedules.manage`.
#[utoipa::path(
    tag = "schedules",
    request_body = PreviewSchedule,
    responses((status = 200, description = "The turns", body = SchedulePreview)),
)]
#[post("/api/v1/workspaces/{workspace_id}/schedules/preview")]
pub(crate) async fn preview_schedule(
    guard: Guard<ManageSchedules>,
    body: Body<PreviewSchedule>,
) -> Result<Json<SchedulePreview>, Problem> {
    let body = body.read(&guard.state.settings).await?;
    let rhythm = input::rhythm(&body.cron, &body.time_zone)?;
    Ok(Json(SchedulePreview {
        cron: rhythm.cron().to_owned(),
        time_zone: rhythm.zone(),
        next_times: rhythm.upcoming(guard.state.clock.now(), LOOK_AHEAD),
    }))
}
