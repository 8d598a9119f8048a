//! `GET /api/v1/workspaces/{workspace_id}/compliance-snapshots/{snapshot_id}`

use actix_web::{HttpResponse, get};

use crate::{
    answers::Representation,
    auth::{guard::Guard, permission::ViewInventory},
    input::Conditions,
    problem::{Code, Problem},
    views::inventory::SnapshotView,
};

/// Read a compliance snapshot
///
/// A snapshot never changes.
#[utoipa::path(
    tag = "compliance",
    responses(
        (status = 200, description = "The snapshot", body = SnapshotView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/compliance-snapshots/{snapshot_id}")]
pub(crate) async fn get_compliance_snapshot(
    guard: Guard<ViewInventory>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id = guard.id("snapshot_id")?;
    let session = guard.state.storage.read().await?;
    let snapshot = session.inventory().snapshot(&guard.scope, id).await?;
    let snapshot = snapshot.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Representation::of(&id.to_string(), &SnapshotView::from(snapshot))?.answer(&conditions))
}
