//! `POST /api/v1/workspaces/{workspace_id}/operation-runs`: the start gate.

use actix_web::{
    HttpResponse,
    http::header::{LOCATION, RETRY_AFTER},
    post,
};
use operations::{OperationRun, StartOutcome, gate};
use provider_core::ReasonCode;
use serde::Serialize;
use tenancy::{AuditAction, AuditOutcome, Change};
use utoipa::ToSchema;

use super::{
    address, look_again_after,
    request::{Prepared, StartOperationRun},
    view,
};
use crate::{
    auth::{guard::Guard, permission::StartOperations},
    input::Body,
    journal::{Author, target},
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
    let body = body.read(&guard.state.settings).await?;
    let prepared = Prepared::from(&guard, body).await?;
    let outcome = match prepared.same_run() {
        Some(run) => StartOutcome::Deduplicated(run),
        None => through_the_gate(&guard, prepared.run).await?,
    };
    answer(&guard, outcome)
}

async fn through_the_gate(
    guard: &Guard<StartOperations>,
    run: OperationRun,
) -> Result<StartOutcome, Problem> {
    let change = entry(&guard.author(), &run);
    let (state, scope) = (guard.state.clone(), guard.scope.clone());
    guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            let outcome = gate::start(&mut *work.runs(), &scope, run, &change).await?;
            work.commit().await?;
            match &outcome {
                StartOutcome::Accepted(_) => (state.wake)(),
                StartOutcome::Deduplicated(_) | StartOutcome::ScopeBusy { .. } | StartOutcome::Blocked(_) => {
                }
            }
            Ok(outcome)
        })
        .await
}

/// The journal entry for a run on its way to the gate.
pub(in crate::routes) fn entry(author: &Author, run: &OperationRun) -> Change {
    let definition = run.operation_type.definition();
    let mut facts = vec![
        ("operation_type", definition.code.to_owned()),
        ("trigger", run.trigger.as_str().to_owned()),
    ];
    facts.extend(
        run.place
            .environment_id()
            .map(|environment| ("environment_id", environment.to_string())),
    );
    facts.extend(
        run.target()
            .map(|target| ("connection_id", target.connection_id.to_string())),
    );
    facts.extend(
        run.context
            .reason_code
            .map(|reason| ("reason_code", reason.as_str().to_owned())),
    );
    let accepted = run.status().is_active();
    let action = if accepted {
        AuditAction::OperationAccepted
    } else {
        AuditAction::OperationBlocked
    };
    let outcome = if accepted {
        AuditOutcome::Success
    } else {
        AuditOutcome::Failure
    };
    let change = author.change(action, target("operation_run", &run.id, definition.label), &facts);
    Change { outcome, ..change }
}

/// The table of the start gate, in HTTP.
fn answer(guard: &Guard<StartOperations>, outcome: StartOutcome) -> Result<HttpResponse, Problem> {
    match outcome {
        StartOutcome::Accepted(run) => Ok(started(guard, "accepted", run)),
        StartOutcome::Deduplicated(run) => Ok(started(guard, "deduplicated", run)),
        StartOutcome::ScopeBusy { holder } => Err(Problem::new(Code::ScopeBusy)
            .retry_after(look_again_after(&holder))
            .blocked_by(&address(guard, &holder))
            .with(|members| members.active_run = Some(view(guard, holder)))),
        StartOutcome::Blocked(run) => Err(Problem::new(Code::OperationBlocked).with(|members| {
            members.reason_code = run.context.reason_code.map(ReasonCode::as_str);
            members.next_steps = Some(step_views(run.context.steps()));
            members.run = Some(view(guard, run));
        })),
    }
}

fn started(guard: &Guard<StartOperations>, disposition: &'static str, run: OperationRun) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header((LOCATION, address(guard, &run)))
        .insert_header((RETRY_AFTER, look_again_after(&run).to_string()))
        .json(StartedOperationRun {
            disposition,
            run: view(guard, run),
        })
}
