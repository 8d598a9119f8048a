//! `POST /api/v1/workspaces/{workspace_id}/operation-runs/bulk`: the start gate, once for each of many
//! environments.

use std::collections::HashSet;

use actix_web::{HttpResponse, http::StatusCode, post};
use kernel::{PageLimit, PageRequest};
use operations::{
    BulkItem, BulkStart, OperationRun, RunTrigger, StartOutcome, StartRequest, StartedBulk, bulk, choose,
    gate,
};
use provider_core::{ReasonCode, RunId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use storage::ReadSession;
use tenancy::EnvironmentId;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Eyes, look_again_after, request::wish, start::entry};
use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::StartOperations},
    idempotency::Keeper,
    input::Body,
    problem::Problem,
    views::{
        run::RunView,
        scope::{NextStepView, step_views},
    },
};

/// One operation to be started in many environments. Either `environment_ids` or
/// `all_environments` says where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartOperationRuns {
    /// What, as in `GET /api/v1/operation-types`.
    #[schema(example = "inventory.sync")]
    operation_type: String,
    /// Where: 1 to 500 environments. One that is named twice counts once.
    #[schema(value_type = Option<Vec<Uuid>>, min_items = 1, max_items = 500)]
    environment_ids: Option<Vec<EnvironmentId>>,
    /// Whether it is to be started everywhere. A workspace with more than 500 environments names
    /// them in several calls.
    all_environments: Option<bool>,
    /// Parameters, the same everywhere; as in a single start.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    inputs: Option<Map<String, Value>>,
}

/// A group of runs, and what became of each environment.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartedOperationRuns {
    /// The group: over when the runs are that were accepted. List them by its id.
    run: RunView,
    /// The environments in the order asked.
    items: Vec<StartedItem>,
}

/// What became of one environment.
#[derive(Serialize, ToSchema)]
#[schema(as = StartedOperationRunItem)]
struct StartedItem {
    /// Which.
    environment_id: Uuid,
    /// `accepted`, `deduplicated`, `scope_busy`, `blocked` or `not_found`.
    #[schema(example = "accepted")]
    disposition: &'static str,
    /// The new run; the one that is active already; the one that records the refusal.
    run: Option<RunView>,
    /// Why it is blocked.
    reason_code: Option<&'static str>,
    /// What to do about it.
    next_steps: Vec<NextStepView>,
}

/// Start an operation in many environments
///
/// Each environment goes through the start gate by itself, through its default connection, and the
/// answer tells what became of each. A run of the type `operations.bulk` holds the new runs together:
/// it is over when the last of them is, and canceling it cancels them. One that is over at once has
/// none. Takes the capability `operations.start`.
#[utoipa::path(
    tag = "operation-runs",
    request_body = StartOperationRuns,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    responses(
        (status = 202, description = "Each environment has its answer", body = StartedOperationRuns, headers(
            ("Location" = String, description = "Where the group is"),
            ("Retry-After" = u32, description = "Seconds after which a look at it is worth it"),
        )),
        (status = 422, description = "unknown_operation_type, invalid_value"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/operation-runs/bulk")]
pub(crate) async fn start_operation_runs(
    guard: Guard<StartOperations>,
    body: Body<StartOperationRuns>,
) -> Result<HttpResponse, Problem> {
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| start(&guard, body, keeper).await)
        .await
}

async fn start(
    guard: &Guard<StartOperations>,
    body: StartOperationRuns,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let (operation_type, inputs) = wish(guard, &body.operation_type, body.inputs)?;
    let session = guard.state.storage.read().await?;
    let environments = places(guard, &*session, body.environment_ids, body.all_environments).await?;
    let group = RunId::next(&*guard.state.ids);
    let mut members = Vec::with_capacity(environments.len());
    for place in environments {
        let request = StartRequest {
            operation_type,
            environment_id: place.environment_id,
            inputs: inputs.clone(),
            trigger: RunTrigger::Bulk { parent: Some(group) },
        };
        let run = prepare(guard, &*session, place, request).await?;
        members.push(run);
    }
    drop(session);
    let start = BulkStart {
        group,
        trigger: RunTrigger::Bulk { parent: None },
        operation_type,
        members,
    };
    through_the_gate(guard, start, keeper).await
}

/// An environment that a caller named.
struct Place {
    environment_id: EnvironmentId,
    /// Whether it is known already to be there.
    found: bool,
}

/// Where to start, in the order asked and each once.
async fn places(
    guard: &Guard<StartOperations>,
    session: &dyn ReadSession,
    named: Option<Vec<EnvironmentId>>,
    all: Option<bool>,
) -> Result<Vec<Place>, Problem> {
    match (named, all.unwrap_or_default()) {
        (Some(_), true) => Err(Problem::invalid("/all_environments", "not_with_environment_ids")),
        (None, false) => Err(Problem::invalid("/environment_ids", "required")),
        (Some(named), false) => {
            let mut seen = HashSet::new();
            let once: Vec<_> = named
                .into_iter()
                .filter(|id| seen.insert(*id))
                .map(|environment_id| Place {
                    environment_id,
                    found: false,
                })
                .collect();
            match once.len() {
                0 => Err(Problem::invalid("/environment_ids", "empty")),
                length if length > bulk::MOST_ENVIRONMENTS => {
                    Err(Problem::invalid("/environment_ids", "too_many"))
                }
                _ => Ok(once),
            }
        }
        (None, true) => everywhere(guard, session).await,
    }
}

async fn everywhere(
    guard: &Guard<StartOperations>,
    session: &dyn ReadSession,
) -> Result<Vec<Place>, Problem> {
    let environments = session.environments();
    let mut places = Vec::new();
    let mut request = PageRequest {
        limit: PageLimit::new(PageLimit::MAX).unwrap_or_default(),
        after: None,
    };
    loop {
        let page = environments.list(&guard.scope, request).await?;
        places.extend(page.items.into_iter().map(|environment| Place {
            environment_id: environment.id,
            found: true,
        }));
        if places.len() > bulk::MOST_ENVIRONMENTS {
            return Err(Problem::invalid("/all_environments", "too_many"));
        }
        match page.next {
            Some(_) => request.after = page.next,
            None => return Ok(places),
        }
    }
}

/// The run that one environment tries the gate with; nothing for an environment that is not here.
async fn prepare(
    guard: &Guard<StartOperations>,
    session: &dyn ReadSession,
    place: Place,
    request: StartRequest,
) -> Result<(EnvironmentId, Option<OperationRun>), Problem> {
    let (state, scope) = (&guard.state, &guard.scope);
    let id = place.environment_id;
    if !place.found && session.environments().find(scope, id).await?.is_none() {
        return Ok((id, None));
    }
    let connections = session.connections();
    let Some(choice) = choose(&*connections, scope, id, None, &state.rules.provider()).await? else {
        return Ok((id, None));
    };
    let now = state.clock.now();
    let run = gate::prepare(scope, request, &choice, &*state.rules, &*state.ids, now);
    Ok((id, Some(run)))
}

async fn through_the_gate(
    guard: &Guard<StartOperations>,
    start: BulkStart,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let (state, scope, author) = (guard.state.clone(), guard.scope.clone(), guard.author());
    let eyes = Eyes::of(guard);
    guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            let journal = |run: &OperationRun| entry(&author, run);
            let now = state.clock.now();
            let started = bulk::start(&mut *work.runs(), &scope, start, now, &journal).await?;
            let is_new = started.run.status().is_active();
            let answer = keeper.commit(work, eyes.group(started)?).await?;
            if is_new {
                (state.wake)();
            }
            Ok(answer)
        })
        .await
}

impl Eyes {
    fn group(&self, started: StartedBulk) -> Result<Answer, Problem> {
        let StartedBulk { run, items } = started;
        let (location, seconds) = (self.address(&run), look_again_after(&run));
        let view = StartedOperationRuns {
            run: self.view(run),
            items: items
                .into_iter()
                .map(|item| StartedItem::of(self, item))
                .collect(),
        };
        let answer = Answer::json(StatusCode::ACCEPTED, &view)?;
        Ok(answer.at(&location).look_again_after(seconds))
    }
}

impl StartedItem {
    fn of(eyes: &Eyes, item: BulkItem) -> Self {
        let (disposition, run) = match item.outcome {
            Some(StartOutcome::Accepted(run)) => ("accepted", Some(run)),
            Some(StartOutcome::Deduplicated(run)) => ("deduplicated", Some(run)),
            Some(StartOutcome::ScopeBusy { holder }) => ("scope_busy", Some(holder)),
            Some(StartOutcome::Blocked(run)) => ("blocked", Some(run)),
            None => ("not_found", None),
        };
        let refusal = run.as_ref().filter(|_| disposition == "blocked");
        Self {
            environment_id: item.environment_id.as_uuid(),
            disposition,
            reason_code: refusal.and_then(|run| run.context.reason_code.map(ReasonCode::as_str)),
            next_steps: refusal.map_or_else(Vec::new, |run| step_views(run.context.steps())),
            run: run.map(|run| eyes.view(run)),
        }
    }
}
