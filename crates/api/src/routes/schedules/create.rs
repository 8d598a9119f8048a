//! `POST /api/v1/workspaces/{workspace_id}/schedules`

use actix_web::{HttpResponse, post};
use operations::{Schedule, ScheduleId, ScheduleState, ScheduleTarget, Slot};
use provider_core::ConnectionId;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenancy::{AuditAction, EnvironmentId};
use utoipa::ToSchema;

use super::{change::representation, input};
use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::ManageSchedules},
    idempotency::Keeper,
    input::{Body, text},
    problem::{Code, Problem},
    routes::operation_runs::wish,
    views::schedule::ScheduleView,
};

/// A schedule to be made. Either `environment_id` or `all_environments` says where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSchedule {
    /// For people: 1 to 120 characters.
    #[schema(example = "Nightly inventory")]
    display_name: String,
    /// What to start, as in `GET /api/v1/operation-types`.
    #[schema(example = "inventory.sync")]
    operation_type: String,
    /// Parameters, as in a start.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    inputs: Option<Map<String, Value>>,
    /// Where.
    #[schema(value_type = Option<Uuid>)]
    environment_id: Option<EnvironmentId>,
    /// Through which connection; the environment's default of each time if it is left out.
    #[schema(value_type = Option<Uuid>)]
    connection_id: Option<ConnectionId>,
    /// Whether to start in all environments, as many as there are each time: 500 at most.
    all_environments: Option<bool>,
    /// When: minute, hour, day of the month, month and day of the week, on the wall clock of the
    /// zone. At least fifteen minutes lie between two turns.
    #[schema(example = "30 2 * * MON-FRI")]
    cron: String,
    /// The zone, by its name in the IANA database.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// By how many seconds turns may be put off: 0 to 21600, and less than lies between two turns.
    /// How much of it a turn gets is always the same for that turn. 0 if it is left out.
    #[schema(maximum = 21600)]
    jitter_seconds: Option<u32>,
}

/// Create a schedule
///
/// It starts the operation in the caller's name, as long as the caller may start it. A turn at which
/// that operation or another one is active on the target is left out; a turn that stored facts forbid
/// pauses the schedule. Takes the capability `schedules.manage`.
#[utoipa::path(
    tag = "schedules",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    request_body = CreateSchedule,
    responses(
        (status = 201, description = "It is there", body = ScheduleView, headers(
            ("Location" = String, description = "Where it is"),
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 422, description = "unknown_operation_type, invalid_reference"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/schedules")]
pub(crate) async fn create_schedule(
    guard: Guard<ManageSchedules>,
    body: Body<CreateSchedule>,
) -> Result<HttpResponse, Problem> {
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| create(&guard, &body, keeper).await)
        .await
}

async fn create(
    guard: &Guard<ManageSchedules>,
    body: &CreateSchedule,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let schedule = body.check(guard).await?;
    let change = guard.author().change(
        AuditAction::ScheduleCreated,
        schedule.change_target(),
        &[
            ("operation_type", schedule.operation_type.as_str().to_owned()),
            ("cron", schedule.rhythm.cron().to_owned()),
            ("time_zone", schedule.rhythm.zone().to_owned()),
        ],
    );
    let location = guard.address(&format!("schedules/{}", schedule.id));
    let (storage, scope) = (guard.state.storage.clone(), guard.scope.clone());
    guard
        .state
        .transact(async move {
            let mut work = storage.begin().await?;
            work.schedules().insert(&scope, &schedule, &change).await?;
            keeper
                .commit(work, representation(&schedule)?.created(&location))
                .await
        })
        .await
}

impl CreateSchedule {
    async fn check(&self, guard: &Guard<ManageSchedules>) -> Result<Schedule, Problem> {
        let (operation_type, inputs) = wish(guard, &self.operation_type, self.inputs.clone())?;
        let target = self.target(guard).await?;
        let rhythm = input::rhythm(&self.cron, &self.time_zone)?;
        let jitter = input::jitter(self.jitter_seconds.unwrap_or_default(), &rhythm)?;
        let (state, now) = (&guard.state, guard.state.clock.now());
        let id = ScheduleId::next(&*state.ids);
        let first = Slot::next((id, &rhythm, jitter), now, now);
        let first = first.ok_or_else(|| Problem::invalid("/cron", "never_comes"))?;
        Ok(Schedule {
            workspace_id: guard.scope.workspace_id(),
            id,
            display_name: text::display_name("/display_name", &self.display_name)?,
            operation_type,
            inputs,
            target,
            rhythm,
            jitter,
            state: ScheduleState::Active(first),
            responsible: input::responsible(&guard.scope)?,
            last: None,
            consecutive_skips: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    async fn target(&self, guard: &Guard<ManageSchedules>) -> Result<ScheduleTarget, Problem> {
        let all = self.all_environments.unwrap_or_default();
        let environment_id = match (self.environment_id, all) {
            (Some(_), true) => return Err(Problem::invalid("/all_environments", "not_with_environment_id")),
            (None, true) if self.connection_id.is_some() => {
                return Err(Problem::invalid("/connection_id", "not_with_all_environments"));
            }
            (None, true) => return Ok(ScheduleTarget::AllEnvironments),
            (None, false) => return Err(Problem::invalid("/environment_id", "required")),
            (Some(environment), false) => environment,
        };
        let (scope, session) = (&guard.scope, guard.state.storage.read().await?);
        let missing = |pointer| Problem::at(Code::InvalidReference, pointer, "invalid_reference");
        if session
            .environments()
            .find(scope, environment_id)
            .await?
            .is_none()
        {
            return Err(missing("/environment_id"));
        }
        if let Some(id) = self.connection_id {
            let found = session.connections().find(scope, id).await?;
            if found.is_none_or(|connection| connection.environment_id != environment_id) {
                return Err(missing("/connection_id"));
            }
        }
        Ok(ScheduleTarget::Environment {
            environment_id,
            connection_id: self.connection_id,
        })
    }
}
