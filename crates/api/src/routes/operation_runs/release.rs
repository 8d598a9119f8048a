//! `POST /api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/release`

use actix_web::{HttpResponse, http::StatusCode, post};
use kernel::Timestamp;
use operations::{ActionTimes, OperationRun, RunOutcome};
use provider_core::ReasonCode;
use storage::UnitOfWork;
use tenancy::AuditAction;

use super::{Eyes, ending::Ending, look_again_after};
use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::ReleaseOperations},
    idempotency::{Keeper, Print},
    problem::{Code, Problem},
    views::run::RunView,
};

/// Release a stuck operation run
///
/// For a run that nobody seems to work at: its worker fell silent (`likely_stale`), or it waits for
/// a worker for longer than this installation allows. Ends it as failed, with `run_released`, and frees
/// its target. Takes the capability `operations.release`, which owners and managers hold.
#[utoipa::path(
    tag = "operation-runs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    responses(
        (status = 200, description = "The run is over", body = RunView),
        (status = 409, description = "run_is_alive, run_already_completed", headers(
            ("Retry-After" = u32, description = "Seconds after which a look is worth it, with run_is_alive"),
        )),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/release")]
pub(crate) async fn release_operation_run(guard: Guard<ReleaseOperations>) -> Result<HttpResponse, Problem> {
    let ending = Ending::of(&guard)?;
    guard
        .once(Print::nothing(), async |keeper| {
            release(&guard, ending, keeper).await
        })
        .await
}

async fn release(
    guard: &Guard<ReleaseOperations>,
    ending: Ending,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let (state, eyes) = (guard.state.clone(), Eyes::of(guard));
    guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            let run = ending
                .release(&mut *work, state.settings.run_actions, state.clock.now())
                .await?;
            keeper
                .commit(work, Answer::json(StatusCode::OK, &eyes.view(run))?)
                .await
        })
        .await
}

impl Ending {
    /// The run after its end. The store decides whether it is stuck, on its own clock.
    async fn release(
        &self,
        work: &mut dyn UnitOfWork,
        times: ActionTimes,
        now: Timestamp,
    ) -> Result<OperationRun, Problem> {
        let run = self.find(work).await?;
        let reason = ReasonCode::RunReleased;
        let over = || Problem::new(Code::RunAlreadyCompleted);
        let completion = run.end_unattended(reason, now).map_err(|_| over())?;
        let change = self
            .entry(AuditAction::OperationReleased, &run)
            .with("outcome", RunOutcome::Failed.as_str())
            .with("reason_code", reason.as_str())
            .failed();
        let released = work
            .runs()
            .release(&self.scope, self.id, times.release_after, &completion, &change)
            .await?;
        let run = self.find(work).await?;
        if released {
            Ok(run)
        } else if run.status().is_active() {
            Err(Problem::new(Code::RunIsAlive).retry_after(look_again_after(&run)))
        } else {
            Err(over())
        }
    }
}
