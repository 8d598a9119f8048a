//! `DELETE /api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/next`

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

/// Forget the next credential
///
/// Runs go on with the current one. Needs `If-Match` with the connection's entity tag. Takes the
/// capability `credentials.manage`.
#[utoipa::path(
    tag = "connections",
    params(("If-Match" = String, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection without a next credential", body = ConnectionView, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 409, description = "credential_stage_missing"),
        (status = 412, description = "precondition_failed"),
        (status = 422, description = "credential_not_allowed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[delete("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/next")]
pub(crate) async fn discard_next_connection_credential(
    guard: Guard<ManageCredentials>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    apply(&guard, conditions, Discard).await
}

struct Discard;

#[async_trait]
impl CredentialChange for Discard {
    async fn write(self, work: &mut dyn UnitOfWork, held: &Held<'_>) -> Result<Written, Problem> {
        let connection = &held.connection;
        let next = connection.next_credential.as_ref();
        let next = next.ok_or_else(|| Problem::new(Code::CredentialStageMissing))?;
        let change = held.change(
            AuditAction::CredentialDiscarded,
            &[("credential_version", next.version.to_string())],
        );
        Ok(work
            .connections()
            .discard_next_credential(held.scope, connection, &change)
            .await?)
    }
}
