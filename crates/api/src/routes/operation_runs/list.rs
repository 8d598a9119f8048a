//! `GET /api/v1/workspaces/{workspace_id}/operation-runs`

use actix_web::{get, web::Json};
use operations::{OperationType, RunFilter, RunStatus};
use provider_core::{ConnectionId, RunId};
use serde::Deserialize;
use tenancy::EnvironmentId;
use utoipa::IntoParams;

use super::view;
use crate::{
    auth::{guard::Guard, permission::ViewOperations},
    input::Query,
    problem::Problem,
    views::run::OperationRunList,
};

/// Which runs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where to read on: `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// Of this environment.
    #[param(value_type = Option<Uuid>)]
    environment_id: Option<EnvironmentId>,
    /// Of this connection.
    #[param(value_type = Option<Uuid>)]
    connection_id: Option<ConnectionId>,
    /// Of this group.
    #[param(value_type = Option<Uuid>)]
    parent_run_id: Option<RunId>,
    /// Of this type.
    #[param(example = "inventory.sync")]
    operation_type: Option<String>,
    /// In this status: `queued`, `running` or `completed`.
    #[param(example = "running")]
    status: Option<String>,
}

/// List operation runs
///
/// Newest first.
#[utoipa::path(
    tag = "operation-runs",
    params(RunQuery),
    responses(
        (status = 200, description = "A page", body = OperationRunList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/operation-runs")]
pub(crate) async fn list_operation_runs(
    guard: Guard<ViewOperations>,
    query: Query<RunQuery>,
) -> Result<Json<OperationRunList>, Problem> {
    let query = query.read()?;
    let list = guard
        .list("operation_runs")
        .filtered(query.environment_id.as_ref())
        .filtered(query.connection_id.as_ref())
        .filtered(query.operation_type.as_ref())
        .filtered(query.status.as_ref())
        .filtered(query.parent_run_id.as_ref());
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let filter = query.filter()?;
    let session = guard.state.storage.read().await?;
    let page = session
        .runs()
        .list(&guard.scope, filter, request)
        .await?
        .map(|run| view(&guard, run));
    Ok(Json(OperationRunList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}

impl RunQuery {
    fn filter(&self) -> Result<RunFilter, Problem> {
        let operation =
            |text: &str| OperationType::parse(text).ok_or_else(|| Problem::parameter("operation_type"));
        let status = |text: &str| RunStatus::parse(text).ok_or_else(|| Problem::parameter("status"));
        Ok(RunFilter {
            environment_id: self.environment_id,
            connection_id: self.connection_id,
            operation_type: self.operation_type.as_deref().map(operation).transpose()?,
            status: self.status.as_deref().map(status).transpose()?,
            parent_run_id: self.parent_run_id,
        })
    }
}
