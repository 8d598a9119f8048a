//! `GET /api/v1/workspaces/{workspace_id}/compliance-snapshots`

use actix_web::{get, web::Json};
use provider_core::ConnectionId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::{guard::Guard, permission::ViewInventory},
    input::Query,
    problem::Problem,
    views::inventory::{ComplianceSnapshotList, SnapshotView},
};

/// Which snapshots.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SnapshotQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where to read on: `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// Taken through this connection.
    #[param(value_type = Option<Uuid>)]
    connection_id: Option<ConnectionId>,
}

/// List compliance snapshots
///
/// Newest first. Answered from stored data.
#[utoipa::path(
    tag = "compliance",
    params(SnapshotQuery),
    responses(
        (status = 200, description = "A page", body = ComplianceSnapshotList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/compliance-snapshots")]
pub(crate) async fn list_compliance_snapshots(
    guard: Guard<ViewInventory>,
    query: Query<SnapshotQuery>,
) -> Result<Json<ComplianceSnapshotList>, Problem> {
    let SnapshotQuery {
        limit,
        cursor,
        connection_id,
    } = query.read()?;
    let list = guard
        .list("compliance_snapshots")
        .filtered(connection_id.as_ref());
    let request = list.request(limit, cursor.as_deref())?;
    let session = guard.state.storage.read().await?;
    let page = session
        .inventory()
        .snapshots(&guard.scope, connection_id, request)
        .await?;
    let page = page.map(SnapshotView::from);
    Ok(Json(ComplianceSnapshotList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
