//! `GET /api/v1/workspaces/{workspace_id}/operation-runs`

use actix_web::{get, web::Json};
use chrono::{DateTime, Utc};
use kernel::Timestamp;
use operations::{
    Freshness, OperationType, RunFilter, RunOutcome, RunStatus, RunTrigger, ScheduleId, StatusGroup,
};
use provider_core::{ConnectionId, RunId};
use serde::Deserialize;
use tenancy::{EnvironmentId, PrincipalId};
use utoipa::IntoParams;

use super::view;
use crate::{
    auth::{guard::Guard, permission::ViewOperations},
    input::{Query, word},
    lists::List,
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
    /// In this status: `queued`, `running` or `completed`; or in one of a group: `active` means queued
    /// or running, `terminal` means completed.
    #[param(example = "active")]
    status: Option<String>,
    /// That ended like this: `succeeded`, `partially_succeeded`, `blocked`, `failed` or `canceled`.
    #[param(example = "failed")]
    outcome: Option<String>,
    /// Started by this principal.
    #[param(value_type = Option<Uuid>)]
    initiator: Option<PrincipalId>,
    /// Caused by this: `api`, `bulk`, `schedule`, `consent` or `system`.
    #[param(example = "schedule")]
    trigger: Option<String>,
    /// As fresh as this: `fresh_active`, `likely_stale`, `reconciled_failed` or `terminal_normal`.
    #[param(example = "likely_stale")]
    freshness: Option<String>,
    /// Started by this schedule.
    #[param(value_type = Option<Uuid>)]
    schedule_id: Option<ScheduleId>,
    /// Made later than this (RFC 3339).
    created_after: Option<DateTime<Utc>>,
    /// Made before this (RFC 3339).
    created_before: Option<DateTime<Utc>>,
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
    let filter = query.filter(guard.state.clock.now())?;
    let list = query.bind(guard.list("operation_runs"));
    let request = list.request(query.limit, query.cursor.as_deref())?;
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
    /// A cursor serves the list with the same filters.
    fn bind(&self, list: List) -> List {
        list.filtered(self.environment_id.as_ref())
            .filtered(self.connection_id.as_ref())
            .filtered(self.operation_type.as_ref())
            .filtered(self.status.as_ref())
            .filtered(self.outcome.as_ref())
            .filtered(self.initiator.as_ref())
            .filtered(self.trigger.as_ref())
            .filtered(self.freshness.as_ref())
            .filtered(self.parent_run_id.as_ref())
            .filtered(self.schedule_id.as_ref())
            .filtered(self.created_after.as_ref())
            .filtered(self.created_before.as_ref())
    }

    fn filter(&self, now: Timestamp) -> Result<RunFilter, Problem> {
        let group = self.status.as_deref().and_then(StatusGroup::parse);
        let status = self.status.as_deref().filter(|_| group.is_none());
        let trigger = |text: &str| RunTrigger::ALL.into_iter().find(|trigger| *trigger == text);
        Ok(RunFilter {
            environment_id: self.environment_id,
            connection_id: self.connection_id,
            operation_type: word(
                "operation_type",
                self.operation_type.as_deref(),
                OperationType::parse,
            )?,
            status: word("status", status, RunStatus::parse)?,
            group,
            outcome: word("outcome", self.outcome.as_deref(), RunOutcome::parse)?,
            initiator: self.initiator,
            trigger: word("trigger", self.trigger.as_deref(), trigger)?,
            freshness: word("freshness", self.freshness.as_deref(), Freshness::parse)?
                .map(|freshness| (freshness, now)),
            parent_run_id: self.parent_run_id,
            schedule_id: self.schedule_id,
            created_after: self.created_after,
            created_before: self.created_before,
        })
    }
}
