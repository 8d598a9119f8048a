//! `GET /api/v1/workspaces/{workspace_id}/inventory/items`

use actix_web::{get, web::Json};
use inventory::{ItemFilter, ItemKind};
use provider_core::ConnectionId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::{guard::Guard, permission::ViewInventory},
    input::Query,
    problem::Problem,
    views::inventory::{InventoryItemList, ItemView},
};

/// Which items.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ItemQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where to read on: `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// Seen through this connection.
    #[param(value_type = Option<Uuid>)]
    connection_id: Option<ConnectionId>,
    /// Of this kind.
    #[param(example = "device")]
    kind: Option<String>,
}

/// List inventory items
///
/// What inventory runs saw, in the order in which it was first seen. Answered from stored data.
#[utoipa::path(
    tag = "inventory",
    params(ItemQuery),
    responses(
        (status = 200, description = "A page", body = InventoryItemList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/inventory/items")]
pub(crate) async fn list_inventory_items(
    guard: Guard<ViewInventory>,
    query: Query<ItemQuery>,
) -> Result<Json<InventoryItemList>, Problem> {
    let ItemQuery {
        limit,
        cursor,
        connection_id,
        kind,
    } = query.read()?;
    let list = guard
        .list("inventory_items")
        .filtered(connection_id.as_ref())
        .filtered(kind.as_ref());
    let request = list.request(limit, cursor.as_deref())?;
    let known = |kind: &str| ItemKind::parse(kind).ok_or_else(|| Problem::parameter("kind"));
    let filter = ItemFilter {
        connection_id,
        kind: kind.as_deref().map(known).transpose()?,
    };
    let session = guard.state.storage.read().await?;
    let page = session
        .inventory()
        .items(&guard.scope, filter, request)
        .await?
        .map(ItemView::from);
    Ok(Json(InventoryItemList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
