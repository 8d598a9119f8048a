//! `PUT /api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/next`

use actix_web::{HttpResponse, put};
use async_trait::async_trait;
use provider_core::{ConnectionType, Written};
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
    problem::{Code, Problem},
    views::connection::ConnectionView,
};

/// Store the next credential
///
/// Runs go on with the current one. Try the next one with the operation
/// `provider.connection.check` and the input `{"credential": "next"}`, then promote it. It belongs
/// to the client that the connection has. Takes the place of another next one. Needs `If-Match`
/// with the connection's entity tag. Takes the capability `credentials.manage`.
#[utoipa::path(
    tag = "connections",
    request_body = CredentialBody,
    params(("If-Match" = String, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection with its next credential", body = ConnectionView, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 409, description = "client_identity_missing: store a first credential"),
        (status = 412, description = "precondition_failed"),
        (status = 422, description = "credential_not_allowed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[put("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/next")]
pub(crate) async fn put_next_connection_credential(
    guard: Guard<ManageCredentials>,
    conditions: Conditions,
    body: Body<CredentialBody>,
) -> Result<HttpResponse, Problem> {
    let present = exists(&guard).await?;
    let body = body.read(&guard.state.settings).await?;
    // A platform connection takes none, and says so in the unit of work.
    let client = match present.connection_type {
        ConnectionType::Dedicated => present.client_identifier,
        ConnectionType::Platform => Some(String::new()),
    };
    let client = client.ok_or_else(|| Problem::new(Code::ClientIdentityMissing))?;
    let checked = body.check((&guard.state, &guard.scope), "", Some(&client))?;
    apply(&guard, conditions, Stage(checked)).await
}

struct Stage(CheckedCredential);

#[async_trait]
impl CredentialChange for Stage {
    async fn write(self, work: &mut dyn UnitOfWork, held: &Held<'_>) -> Result<Written, Problem> {
        let connection = &held.connection;
        let client = connection.client_identifier.as_deref();
        let client = client.ok_or_else(|| Problem::new(Code::ClientIdentityMissing))?;
        let CheckedCredential {
            client_identifier,
            credential,
        } = self.0;
        if client_identifier != client {
            return Err(Problem::invalid("/client_identifier", "other_client"));
        }
        let kind = credential.kind.as_str().to_owned();
        let change = held.change(AuditAction::CredentialStaged, &[("kind", kind)]);
        let stored = work
            .connections()
            .stage_credential(held.scope, connection, credential, &change)
            .await?;
        Ok(written(stored))
    }
}
