//! `GET /api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/events`

use std::collections::HashMap;

use actix_web::{get, web::Json};
use provider_core::RunId;

use crate::{
    auth::{guard::Guard, permission::ViewOperations},
    problem::{Code, Problem},
    views::timeline::{OperationRunEventList, RunEventView},
};

/// How many events of one run are shown.
const MOST: u32 = 500;

/// List the events of an operation run
///
/// What happened to the run, oldest first: 500 events at most, on one page. An event appears here
/// with its place in the workspace's stream, shortly after it happened.
#[utoipa::path(
    tag = "operation-runs",
    responses((status = 200, description = "The timeline", body = OperationRunEventList)),
)]
#[get("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/events")]
pub(crate) async fn list_operation_run_events(
    guard: Guard<ViewOperations>,
) -> Result<Json<OperationRunEventList>, Problem> {
    let id: RunId = guard.id("run_id")?;
    let session = guard.state.storage.read().await?;
    if session.runs().find(&guard.scope, id).await?.is_none() {
        return Err(Problem::new(Code::NotFound));
    }
    let text = id.to_string();
    let subject = ("operation_run", text.as_str());
    let events = session.events().about(&guard.scope, subject, MOST).await?;
    let times: Vec<_> = events.iter().map(|event| event.occurred_at).collect();
    let audit = session.journal().about(&guard.scope, subject, &times).await?;
    // An event and its line in the audit log come from one change: they agree on kind and time.
    let mut actors: HashMap<_, _> = audit
        .into_iter()
        .filter(|line| line.actor_id.is_some())
        .map(|line| ((line.action, line.occurred_at), (line.actor_id, line.actor_label)))
        .collect();
    let items = events.into_iter().map(|event| {
        let actor = actors.remove(&(event.kind.clone(), event.occurred_at));
        RunEventView::of(event, actor)
    });
    Ok(Json(OperationRunEventList {
        items: items.collect(),
        next_cursor: None,
    }))
}
