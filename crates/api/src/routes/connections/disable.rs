//! `POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/disable`

use actix_web::{HttpResponse, post};

use super::{
    change::{IfMatch, Subject},
    switch::Switch,
};
use crate::{
    auth::{guard::Guard, permission::ManageConnections},
    input::Conditions,
    problem::Problem,
    views::connection::ConnectionView,
};

/// Disable a connection
///
/// No operation begins on it until it is enabled again: starts are blocked, and runs that wait end
/// as blocked. A run that is at work goes on; cancel it if it must not. What is known of consent and
/// verification stays as it is. If it is disabled already, nothing changes. `If-Match` counts if it
/// is sent. Takes the capability `connections.manage`.
#[utoipa::path(
    tag = "connections",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection, which is disabled", body = ConnectionView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/disable")]
pub(crate) async fn disable_connection(
    guard: Guard<ManageConnections>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, IfMatch::Honoured)?;
    subject.change(Switch { enabled: false }).await
}
