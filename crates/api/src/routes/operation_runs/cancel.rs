//! `POST /api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/cancel`

use actix_web::{HttpResponse, http::StatusCode, post};
use operations::{OperationRun, RunOutcome, RunStatus};
use provider_core::ReasonCode;
use storage::UnitOfWork;
use tenancy::AuditAction;

use super::{Eyes, ending::Ending};
use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::CancelOperations},
    idempotency::{Keeper, Print},
    problem::{Code, Problem},
    views::run::RunView,
};

/// How often a run that changes under our hands is looked at again.
const ROUNDS: u32 = 4;

/// Cancel an operation run
///
/// A run that waits ends at once. A run that is at work is asked to end and does so between two
/// units of its work; asking again changes nothing. From `force_cancel_available_at` on, one that did
/// not end can be forced to. A group is canceled with all its runs. Takes the capability
/// `operations.cancel`.
#[utoipa::path(
    tag = "operation-runs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    responses(
        (status = 200, description = "The run is over", body = RunView),
        (status = 202, description = "The run was asked to end", body = RunView, headers(
            ("Retry-After" = u32, description = "Seconds after which a look at it is worth it"),
        )),
        (status = 409, description = "run_already_completed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/cancel")]
pub(crate) async fn cancel_operation_run(guard: Guard<CancelOperations>) -> Result<HttpResponse, Problem> {
    let ending = Ending::of(&guard)?;
    guard
        .once(Print::nothing(), async |keeper| {
            cancel(&guard, ending, keeper).await
        })
        .await
}

async fn cancel(guard: &Guard<CancelOperations>, ending: Ending, keeper: Keeper) -> Result<Answer, Problem> {
    let (state, eyes) = (guard.state.clone(), Eyes::of(guard));
    guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            let run = ending.cancel(&mut *work).await?;
            let answer = if run.status().is_active() {
                Answer::json(StatusCode::ACCEPTED, &eyes.view(run))?.look_again_after(1)
            } else {
                Answer::json(StatusCode::OK, &eyes.view(run))?
            };
            keeper.commit(work, answer).await
        })
        .await
}

impl Ending {
    /// The run after it was canceled. A worker may take it, give it back or end it between two
    /// statements; then the run is looked at again.
    async fn cancel(&self, work: &mut dyn UnitOfWork) -> Result<OperationRun, Problem> {
        let mut run = self.find(work).await?;
        for _ in 0..ROUNDS {
            let done = match run.status() {
                RunStatus::Completed => return Err(Problem::new(Code::RunAlreadyCompleted)),
                RunStatus::Running if run.operation_type.is_group() => self.gather(work, &run).await?,
                RunStatus::Running if run.cancel_requested_at.is_some() => return Ok(run),
                RunStatus::Running => self.ask(work, &run).await?,
                RunStatus::Queued => self.end(work, &run).await?,
            };
            run = self.find(work).await?;
            if done {
                return Ok(run);
            }
        }
        Err(Problem::new(Code::TryAgain))
    }

    async fn end(&self, work: &mut dyn UnitOfWork, run: &OperationRun) -> Result<bool, Problem> {
        let completion = run
            .end_because(RunOutcome::Canceled, ReasonCode::RunCanceled)
            .map_err(|_| Problem::new(Code::RunAlreadyCompleted))?;
        let change = self
            .entry(AuditAction::OperationCanceled, run)
            .with("outcome", RunOutcome::Canceled.as_str())
            .with("reason_code", ReasonCode::RunCanceled.as_str());
        let mut runs = work.runs();
        Ok(runs.end_queued(&self.scope, run.id, &completion, &change).await?)
    }

    /// Cancels a group with what is left of its runs. They are held first: whoever ends one of them
    /// takes it before the group, and so does this.
    async fn gather(&self, work: &mut dyn UnitOfWork, group: &OperationRun) -> Result<bool, Problem> {
        let children = work.runs().hold_children(&self.scope, group.id).await?;
        if group.cancel_requested_at.is_none() && !self.ask(work, group).await? {
            return Ok(false);
        }
        for child in children {
            match child.status() {
                RunStatus::Queued => self.end(work, &child).await?,
                RunStatus::Running if child.cancel_requested_at.is_none() => self.ask(work, &child).await?,
                RunStatus::Running | RunStatus::Completed => true,
            };
        }
        Ok(true)
    }

    async fn ask(&self, work: &mut dyn UnitOfWork, run: &OperationRun) -> Result<bool, Problem> {
        let change = self.entry(AuditAction::OperationCancelRequested, run);
        Ok(work.runs().request_cancel(&self.scope, run.id, &change).await?)
    }
}
