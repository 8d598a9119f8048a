//! `POST /api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/force-cancel`

use actix_web::{HttpResponse, http::StatusCode, post};
use kernel::Timestamp;
use operations::{ActionTimes, OperationRun, RunOutcome, RunStatus};
use provider_core::ReasonCode;
use storage::UnitOfWork;
use tenancy::AuditAction;

use super::{Eyes, ending::Ending};
use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::ForceCancelOperations},
    idempotency::{Keeper, Print},
    problem::{Code, Problem},
    views::run::RunView,
};

/// Force-cancel an operation run
///
/// For a run that was asked to end and did not: ends it as canceled and frees its target, from
/// `force_cancel_available_at` on. Its worker notices at its next write, which is refused. Takes the
/// capability `operations.force_cancel`, which owners and managers hold.
#[utoipa::path(
    tag = "operation-runs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    responses(
        (status = 200, description = "The run is over", body = RunView),
        (status = 409, description = "force_cancel_too_early, with `force_cancel_available_at`; cancel_not_requested, run_already_completed", headers(
            ("Retry-After" = u32, description = "Seconds until then, with force_cancel_too_early"),
        )),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/force-cancel")]
pub(crate) async fn force_cancel_operation_run(
    guard: Guard<ForceCancelOperations>,
) -> Result<HttpResponse, Problem> {
    let ending = Ending::of(&guard)?;
    guard
        .once(Print::nothing(), async |keeper| {
            force(&guard, ending, keeper).await
        })
        .await
}

async fn force(
    guard: &Guard<ForceCancelOperations>,
    ending: Ending,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let (state, eyes) = (guard.state.clone(), Eyes::of(guard));
    guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            let (times, now) = (state.settings.run_actions, state.clock.now());
            let run = ending.force(&mut *work, times, now).await?;
            keeper
                .commit(work, Answer::json(StatusCode::OK, &eyes.view(run))?)
                .await
        })
        .await
}

impl Ending {
    /// The run after its end. The store decides whether it is time; what is read before and after only
    /// says why not.
    async fn force(
        &self,
        work: &mut dyn UnitOfWork,
        times: ActionTimes,
        now: Timestamp,
    ) -> Result<OperationRun, Problem> {
        let run = self.find(work).await?;
        available(&run, times)?;
        let completion = run
            .end_because(RunOutcome::Canceled, ReasonCode::RunCanceled)
            .map_err(|_| Problem::new(Code::RunAlreadyCompleted))?;
        let change = self
            .entry(AuditAction::OperationForceCanceled, &run)
            .with("outcome", RunOutcome::Canceled.as_str())
            .with("reason_code", ReasonCode::RunCanceled.as_str());
        let forced = work
            .runs()
            .force_cancel(
                &self.scope,
                self.id,
                times.force_cancel_after,
                &completion,
                &change,
            )
            .await?;
        let run = self.find(work).await?;
        if forced {
            return Ok(run);
        }
        let at = available(&run, times)?;
        let seconds = (at - now).num_seconds().clamp(1, 3600);
        Err(Problem::new(Code::ForceCancelTooEarly)
            .retry_after(u32::try_from(seconds).unwrap_or(1))
            .with(|members| members.force_cancel_available_at = Some(at)))
    }
}

/// From when on the run can be forced, or why it cannot be at all.
fn available(run: &OperationRun, times: ActionTimes) -> Result<Timestamp, Problem> {
    run.force_cancel_available_at(times).ok_or_else(|| {
        Problem::new(match run.status() {
            RunStatus::Completed => Code::RunAlreadyCompleted,
            RunStatus::Queued | RunStatus::Running => Code::CancelNotRequested,
        })
    })
}
