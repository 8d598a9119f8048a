//! `POST /api/v1/workspaces/{workspace_id}/operation-runs/preflight`

use actix_web::{post, web::Json};
use operations::{OperationRun, StartOutcome};
use provider_core::ReasonCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    request::{Prepared, StartOperationRun},
    view,
};
use crate::{
    auth::{guard::Guard, permission::StartOperations},
    input::Body,
    problem::Problem,
    views::{
        run::RunView,
        scope::{NextStepView, step_views},
    },
};

/// What a start would answer as things stand.
#[derive(Serialize, ToSchema)]
pub(crate) struct OperationRunForecast {
    /// `accepted`, `deduplicated`, `scope_busy` or `operation_blocked`.
    #[schema(example = "accepted")]
    would: &'static str,
    /// Why it would be blocked.
    reason_code: Option<&'static str>,
    /// What to do about it.
    next_steps: Vec<NextStepView>,
    /// The run that is active on the target.
    active_run: Option<RunView>,
}

/// Forecast a start
///
/// Takes the body of a start and tells what would come of it. Writes nothing and asks nothing of
/// the provider. Others may be faster: only a start decides.
#[utoipa::path(
    tag = "operation-runs",
    request_body = StartOperationRun,
    responses(
        (status = 200, description = "The forecast", body = OperationRunForecast),
        (status = 422, description = "unknown_operation_type, invalid_reference"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/operation-runs/preflight")]
pub(crate) async fn preflight_operation_run(
    guard: Guard<StartOperations>,
    body: Body<StartOperationRun>,
) -> Result<Json<OperationRunForecast>, Problem> {
    let body = body.read(&guard.state.settings).await?;
    let forecast = Prepared::from(&guard, body).await?.forecast();
    let active = |would, run: OperationRun| OperationRunForecast {
        would,
        reason_code: None,
        next_steps: Vec::new(),
        active_run: Some(view(&guard, run)),
    };
    Ok(Json(match forecast {
        StartOutcome::Accepted(_) => OperationRunForecast {
            would: "accepted",
            reason_code: None,
            next_steps: Vec::new(),
            active_run: None,
        },
        StartOutcome::Deduplicated(run) => active("deduplicated", run),
        StartOutcome::ScopeBusy { holder } => active("scope_busy", holder),
        StartOutcome::Blocked(run) => OperationRunForecast {
            would: "operation_blocked",
            reason_code: run.context.reason_code.map(ReasonCode::as_str),
            next_steps: step_views(run.context.steps()),
            active_run: None,
        },
    }))
}
