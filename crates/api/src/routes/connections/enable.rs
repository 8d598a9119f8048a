//! `POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/enable`

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

/// Enable a connection
///
/// Operations may use it again. What is known of its consent and verification stays as it is. If it
/// is enabled already, nothing changes. `If-Match` counts if it is sent. Takes the capability
/// `connections.manage`.
#[utoipa::path(
    tag = "connections",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection, which is enabled", body = ConnectionView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/enable")]
pub(crate) async fn enable_connection(
    guard: Guard<ManageConnections>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, IfMatch::Honoured)?;
    subject.change(Switch { enabled: true }).await
}
