//! `PUT /api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential`

use actix_web::{HttpResponse, put};
use async_trait::async_trait;
use provider_core::Written;
use storage::UnitOfWork;
use tenancy::AuditAction;

use super::{
    credential::{CheckedCredential, CredentialBody},
    credential_change::{CredentialChange, Held, apply, written},
    exists,
};
use crate::{
    auth::{guard::Guard, permission::ManageCredentials},
    input::{Body, Conditions},
    problem::Problem,
    views::connection::ConnectionView,
};

/// Store or replace the credential
///
/// Runs use it at once. What was verified with the old credential is unknown again, and a next or
/// previous one is gone; to change credentials without a gap, store the next one and promote it.
/// Needs `If-Match` with the connection's entity tag. Takes the capability `credentials.manage`.
#[utoipa::path(
    tag = "connections",
    request_body = CredentialBody,
    params(("If-Match" = String, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection with its new credential", body = ConnectionView, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
        (status = 422, description = "credential_not_allowed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[put("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential")]
pub(crate) async fn put_connection_credential(
    guard: Guard<ManageCredentials>,
    conditions: Conditions,
    body: Body<CredentialBody>,
) -> Result<HttpResponse, Problem> {
    let present = exists(&guard).await?;
    let body = body.read(&guard.state.settings).await?;
    let client = present.client_identifier;
    let checked = body.check((&guard.state, &guard.scope), "", client.as_deref())?;
    apply(&guard, conditions, Replace(checked)).await
}

struct Replace(CheckedCredential);

#[async_trait]
impl CredentialChange for Replace {
    async fn write(self, work: &mut dyn UnitOfWork, held: &Held<'_>) -> Result<Written, Problem> {
        let mut connection = held.connection.clone();
        let CheckedCredential {
            client_identifier,
            credential,
        } = self.0;
        connection.client_identifier = Some(client_identifier);
        let kind = credential.kind.as_str().to_owned();
        let change = held.change(AuditAction::CredentialStored, &[("kind", kind)]);
        let stored = work
            .connections()
            .put_credential(held.scope, &connection, credential, &change)
            .await?;
        Ok(written(stored))
    }
}
