//! `POST /api/v1/workspaces/{workspace_id}/operation-runs`: the start gate.

use actix_web::{HttpResponse, http::StatusCode, post};
use operations::{OperationRun, StartEntry, StartOutcome, gate};
use provider_core::ReasonCode;
use serde::Serialize;
use tenancy::Change;
use utoipa::ToSchema;

use super::{
    Eyes, look_again_after,
    request::{Prepared, StartOperationRun},
};
use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::StartOperations},
    idempotency::Keeper,
    input::Body,
    journal::Author,
    problem::{Code, Problem},
    views::{run::RunView, scope::step_views},
};

/// A run that waits for a worker or is at work.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartedOperationRun {
    /// `accepted` if the run is new, `deduplicated` if the same operation was active already.
    #[schema(example = "accepted")]
    disposition: &'static str,
    /// The run.
    run: RunView,
}

/// Start an operation
///
/// One operation at a time is active on a target. The same operation again answers with the run
/// that is active already; another operation is told which run holds the target. Takes the
/// capability `operations.start`.
#[utoipa::path(
    tag = "operation-runs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    request_body = StartOperationRun,
    responses(
        (status = 202, description = "Accepted, or deduplicated", body = StartedOperationRun, headers(
            ("Location" = String, description = "Where the run is"),
            ("Retry-After" = u32, description = "Seconds after which a look at it is worth it"),
        )),
        (status = 409, description = "scope_busy, with the whole `active_run`", headers(
            ("Link" = String, description = "The run that holds the target, with `rel=\"blocked-by\"`"),
            ("Retry-After" = u32, description = "Seconds after which another try is worth it"),
        )),
        (status = 422, description = "operation_blocked, with `reason_code`, `next_steps` and the recorded `run`; unknown_operation_type, invalid_reference"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/operation-runs")]
pub(crate) async fn start_operation_run(
    guard: Guard<StartOperations>,
    body: Body<StartOperationRun>,
) -> Result<HttpResponse, Problem> {
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| start(&guard, body, keeper).await)
        .await
}

async fn start(
    guard: &Guard<StartOperations>,
    body: StartOperationRun,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let prepared = Prepared::from(guard, body).await?;
    let eyes = Eyes::of(guard);
    if let Some(run) = prepared.same_run() {
        return keeper
            .without_change(&guard.state, eyes.started("deduplicated", run)?)
            .await;
    }
    let run = prepared.run;
    let change = entry(&guard.author(), &run);
    let (state, scope) = (guard.state.clone(), guard.scope.clone());
    let request_id = guard.origin.request_id.clone().unwrap_or_default();
    guard
        .state
        .transact(async move {
            fail::fail_point!("api.before_tx");
            let mut work = state.storage.begin().await?;
            let outcome = gate::start(&mut *work.runs(), &scope, run, &change).await?;
            let is_new = matches!(outcome, StartOutcome::Accepted(_));
            let answer = eyes.answer(outcome, &request_id)?;
            fail::fail_point!("api.after_insert_before_commit");
            let answer = keeper.commit(work, answer).await?;
            fail::fail_point!("api.after_commit_before_response");
            if is_new {
                (state.wake)();
            }
            Ok(answer)
        })
        .await
}

/// The journal entry for a run on its way to the gate.
pub(in crate::routes) fn entry(author: &Author, run: &OperationRun) -> Change {
    let StartEntry {
        action,
        outcome,
        target,
        facts,
    } = StartEntry::of(run);
    let change = author.change(action, target, &facts);
    Change { outcome, ..change }
}

impl Eyes {
    /// The table of the start gate, in HTTP. Whoever meets a busy target changed nothing and may come
    /// again; a start that was blocked is recorded, and so is its answer.
    fn answer(&self, outcome: StartOutcome, request_id: &str) -> Result<Answer, Problem> {
        match outcome {
            StartOutcome::Accepted(run) => self.started("accepted", run),
            StartOutcome::Deduplicated(run) => self.started("deduplicated", run),
            StartOutcome::ScopeBusy { holder } => Err(Problem::new(Code::ScopeBusy)
                .retry_after(look_again_after(&holder))
                .blocked_by(&self.address(&holder))
                .with(|members| members.active_run = Some(self.view(holder)))),
            StartOutcome::Blocked(run) => Ok(Problem::new(Code::OperationBlocked)
                .with(|members| {
                    members.reason_code = run.context.reason_code.map(ReasonCode::as_str);
                    members.next_steps = Some(step_views(run.context.steps()));
                    members.run = Some(self.view(run));
                })
                .answer(request_id)),
        }
    }

    fn started(&self, disposition: &'static str, run: OperationRun) -> Result<Answer, Problem> {
        let (location, seconds) = (self.address(&run), look_again_after(&run));
        let run = self.view(run);
        let answer = Answer::json(StatusCode::ACCEPTED, &StartedOperationRun { disposition, run })?;
        Ok(answer.at(&location).look_again_after(seconds))
    }
}
