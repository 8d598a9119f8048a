//! `GET /api/v1/workspaces/{workspace_id}/connections`

use actix_web::{get, web::Json};
use provider_core::ConnectionFilter;
use serde::Deserialize;
use tenancy::EnvironmentId;
use utoipa::IntoParams;

use crate::{
    auth::{guard::Guard, permission::ViewConnections},
    input::Query,
    problem::Problem,
    views::connection::{ConnectionList, ConnectionView},
};

/// Which connections.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConnectionQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where to read on: `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// Of this environment.
    #[param(value_type = Option<Uuid>)]
    environment_id: Option<EnvironmentId>,
}

/// List connections
///
/// Oldest first. The requirements stand on the single connection only.
#[utoipa::path(
    tag = "connections",
    params(ConnectionQuery),
    responses(
        (status = 200, description = "A page", body = ConnectionList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/connections")]
pub(crate) async fn list_connections(
    guard: Guard<ViewConnections>,
    query: Query<ConnectionQuery>,
) -> Result<Json<ConnectionList>, Problem> {
    let ConnectionQuery {
        limit,
        cursor,
        environment_id,
    } = query.read()?;
    let filter = ConnectionFilter {
        environment_id,
        ..ConnectionFilter::default()
    };
    let list = guard.list("connections").filtered(environment_id.as_ref());
    let request = list.request(limit, cursor.as_deref())?;
    let state = &guard.state;
    let session = state.storage.read().await?;
    let page = session.connections().list(&guard.scope, &filter, request).await?;
    let now = state.clock.now();
    let page = page.map(|connection| ConnectionView::of(state, &connection, now));
    Ok(Json(ConnectionList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}
