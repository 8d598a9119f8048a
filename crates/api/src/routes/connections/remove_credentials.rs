//! `DELETE /api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential`

use actix_web::{HttpResponse, delete};
use async_trait::async_trait;
use provider_core::Written;
use storage::UnitOfWork;
use tenancy::AuditAction;

use super::credential_change::{CredentialChange, Held, apply};
use crate::{
    auth::{guard::Guard, permission::ManageCredentials},
    input::Conditions,
    problem::{Code, Problem},
    views::connection::ConnectionView,
};

/// Forget all credentials
///
/// The current one, the next one and the previous one. Operations are blocked until another one is
/// stored, and what was verified is unknown again. Needs `If-Match` with the connection's entity
/// tag. Takes the capability `credentials.manage`.
#[utoipa::path(
    tag = "connections",
    params(("If-Match" = String, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection without a credential", body = ConnectionView, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 409, description = "credential_stage_missing: none is stored"),
        (status = 412, description = "precondition_failed"),
        (status = 422, description = "credential_not_allowed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[delete("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential")]
pub(crate) async fn remove_connection_credentials(
    guard: Guard<ManageCredentials>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    apply(&guard, conditions, Remove).await
}

struct Remove;

#[async_trait]
impl CredentialChange for Remove {
    async fn write(self, work: &mut dyn UnitOfWork, held: &Held<'_>) -> Result<Written, Problem> {
        let connection = &held.connection;
        let stored = [
            &connection.credential,
            &connection.next_credential,
            &connection.previous_credential,
        ];
        // The journal says only what happened: with nothing to forget, nothing does.
        let count = stored.into_iter().flatten().count();
        if count == 0 {
            return Err(Problem::new(Code::CredentialStageMissing));
        }
        let change = held.change(AuditAction::CredentialsRemoved, &[("count", count.to_string())]);
        let at = held.state.clock.now();
        Ok(work
            .connections()
            .remove_credentials(held.scope, connection, at, &change)
            .await?)
    }
}
