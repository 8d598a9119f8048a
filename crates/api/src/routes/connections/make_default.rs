//! `POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/make-default`

use actix_web::{HttpResponse, post};
use async_trait::async_trait;
use provider_core::{ProviderConnection, Written};
use storage::UnitOfWork;
use tenancy::AuditAction;

use super::change::{ConnectionChange, IfMatch, Subject};
use crate::{
    auth::{guard::Guard, permission::ManageConnections},
    input::Conditions,
    problem::Problem,
    views::connection::ConnectionView,
};

/// Make a connection the default
///
/// Of its environment and provider, in place of the present default. If it is the default already,
/// nothing changes. Runs keep the connection that they were started with. Needs `If-Match`. Takes
/// the capability `connections.manage`.
#[utoipa::path(
    tag = "connections",
    params(("If-Match" = String, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection, which is the default", body = ConnectionView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/make-default")]
pub(crate) async fn make_default_connection(
    guard: Guard<ManageConnections>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, IfMatch::Required)?;
    subject.change(MakeDefault).await
}

struct MakeDefault;

#[async_trait]
impl ConnectionChange for MakeDefault {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        connection: &ProviderConnection,
    ) -> Result<Written, Problem> {
        let mut connections = work.connections();
        let provider = connection.target_scope.provider();
        let mut defaults = connections
            .defaults(&subject.scope, connection.environment_id, provider)
            .await?;
        defaults.retain(|other| other.id != connection.id);
        // Two defaults are a corruption: making this one the default again mends it.
        if connection.is_default && defaults.is_empty() {
            return Ok(Written::Done);
        }
        let facts = [("environment_id", connection.environment_id.to_string())];
        let change = subject.entry(AuditAction::ConnectionDefaultSwitched, connection, &facts);
        Ok(connections
            .make_default(&subject.scope, connection, &change)
            .await?)
    }
}
