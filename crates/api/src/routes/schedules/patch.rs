//! `PATCH /api/v1/workspaces/{workspace_id}/schedules/{schedule_id}`

use actix_web::{HttpResponse, patch};
use kernel::Timestamp;
use operations::{Schedule, ScheduleState};
use serde::Deserialize;
use tenancy::{AuditAction, DisplayName};
use utoipa::ToSchema;

use super::{
    change::{Changed, Subject},
    input,
};
use crate::{
    auth::{guard::Guard, permission::ManageSchedules},
    input::{Body, Conditions, text},
    problem::Problem,
    views::schedule::ScheduleView,
};

/// What to change about a schedule. Fields that are left out stay as they are; one must be there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchSchedule {
    /// For people: 1 to 120 characters.
    #[schema(example = "Nightly inventory")]
    display_name: Option<String>,
    /// When, on the wall clock of the zone.
    #[schema(example = "30 2 * * MON-FRI")]
    cron: Option<String>,
    /// The zone.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// By how many seconds turns may be put off.
    #[schema(maximum = 21600)]
    jitter_seconds: Option<u32>,
}

/// Change a schedule
///
/// Its name and its turns. What it starts, where and in whose name stays. Takes the capability
/// `schedules.manage`.
#[utoipa::path(
    tag = "schedules",
    request_body = PatchSchedule,
    params(("If-Match" = String, Header, description = "The entity tag of the schedule as it was read")),
    responses(
        (status = 200, description = "The schedule as it is now", body = ScheduleView, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[patch("/api/v1/workspaces/{workspace_id}/schedules/{schedule_id}")]
pub(crate) async fn patch_schedule(
    guard: Guard<ManageSchedules>,
    conditions: Conditions,
    body: Body<PatchSchedule>,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, true)?;
    subject.exists().await?;
    let body = body.read(&guard.state.settings).await?;
    let name = body.name()?;
    subject
        .change(move |schedule, now| body.apply(name.as_ref(), schedule, now))
        .await
}

impl PatchSchedule {
    fn name(&self) -> Result<Option<DisplayName>, Problem> {
        let turns = self.cron.is_some() || self.time_zone.is_some() || self.jitter_seconds.is_some();
        if self.display_name.is_none() && !turns {
            return Err(Problem::invalid("", "required"));
        }
        let name = self.display_name.as_deref();
        name.map(|name| text::display_name("/display_name", name))
            .transpose()
    }

    fn apply(
        &self,
        name: Option<&DisplayName>,
        before: &Schedule,
        now: Timestamp,
    ) -> Result<Changed, Problem> {
        let mut after = before.clone();
        if let Some(name) = name {
            after.display_name = name.clone();
        }
        let cron = self.cron.as_deref().unwrap_or(before.rhythm.cron());
        let zone = self.time_zone.as_deref().unwrap_or(before.rhythm.zone());
        after.rhythm = input::rhythm(cron, zone)?;
        after.jitter = input::jitter(
            self.jitter_seconds.unwrap_or(before.jitter.seconds()),
            &after.rhythm,
        )?;
        let turns = |schedule: &Schedule| {
            let rhythm = &schedule.rhythm;
            (rhythm.cron().to_owned(), rhythm.zone(), schedule.jitter)
        };
        let other_turns = turns(before) != turns(&after);
        if let (ScheduleState::Active(_), true) = (before.state, other_turns) {
            let next = after.next_slot(now, now);
            after.state =
                ScheduleState::Active(next.ok_or_else(|| Problem::invalid("/cron", "never_comes"))?);
        }
        let mut changed = Vec::new();
        if after.display_name != before.display_name {
            changed.push("display_name");
        }
        if other_turns {
            changed.push("turns");
        }
        let facts = vec![("changed", changed.join(","))];
        Ok((!changed.is_empty()).then_some((after, AuditAction::ScheduleUpdated, facts)))
    }
}
