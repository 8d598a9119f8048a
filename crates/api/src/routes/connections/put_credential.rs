//! `PUT /api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential`

use actix_web::{HttpResponse, put, web::Data};
use provider_core::{ConnectionId, ConnectionType, ProviderConnection, RequirementRow, StoredCredential};
use storage::UnitOfWork;
use tenancy::{AuditAction, WorkspaceScope};

use super::{
    credential::{CheckedCredential, CredentialBody},
    representation,
};
use crate::{
    ApiState,
    auth::{guard::Guard, permission::ManageCredentials},
    input::{Body, Conditions},
    journal::{Author, target},
    problem::{Code, Problem},
    views::connection::ConnectionView,
};

/// Store or replace the credential
///
/// Needs `If-Match` with the connection's entity tag. What was verified with the old credential is
/// unknown again. Takes the capability `credentials.manage`.
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
    let id = guard.id("connection_id")?;
    let state = guard.state.clone();
    let replacement = Replacement {
        id,
        conditions,
        state: state.clone(),
        author: guard.author(),
    };
    replacement.exists(&guard.scope).await?;
    let body = body.read(&state.settings).await?;
    let (storage, scope) = (state.storage.clone(), guard.scope.clone());
    let (connection, requirements) = state
        .transact(async move {
            let mut work = storage.begin().await?;
            let stored = replacement.store(&mut *work, &scope, body).await?;
            work.commit().await?;
            Ok(stored)
        })
        .await?;
    Ok(representation(&state, &connection, requirements)?.in_response(&mut HttpResponse::Ok()))
}

struct Replacement {
    id: ConnectionId,
    conditions: Conditions,
    state: Data<ApiState>,
    author: Author,
}

impl Replacement {
    /// A connection that is not here is a 404 before anything is said about the body.
    async fn exists(&self, scope: &WorkspaceScope) -> Result<(), Problem> {
        let session = self.state.storage.read().await?;
        let found = session.connections().find(scope, self.id).await?;
        found.map(drop).ok_or_else(|| Problem::new(Code::NotFound))
    }

    async fn store(
        self,
        work: &mut dyn UnitOfWork,
        scope: &WorkspaceScope,
        body: CredentialBody,
    ) -> Result<(ProviderConnection, Vec<RequirementRow>), Problem> {
        let (mut connection, requirements) = self.read(work, scope).await?;
        let present = representation(&self.state, &connection, requirements)?;
        self.conditions.require_match(present.tag())?;
        match connection.connection_type {
            ConnectionType::Dedicated => {}
            ConnectionType::Platform => return Err(Problem::new(Code::CredentialNotAllowed)),
        }
        let CheckedCredential {
            client_identifier,
            credential,
        } = body.check(&self.state, "", connection.client_identifier.as_deref())?;
        connection.client_identifier = Some(client_identifier);
        let change = self.author.change(
            AuditAction::CredentialStored,
            target("connection", &connection.id, connection.display_name.as_str()),
            &[("kind", credential.kind.as_str().to_owned())],
        );
        let stored = work
            .connections()
            .put_credential(scope, &connection, credential, &change)
            .await?;
        match stored {
            StoredCredential::Stored { .. } => self.read(work, scope).await,
            StoredCredential::VersionMismatch => Err(Problem::new(Code::PreconditionFailed)),
        }
    }

    async fn read(
        &self,
        work: &mut dyn UnitOfWork,
        scope: &WorkspaceScope,
    ) -> Result<(ProviderConnection, Vec<RequirementRow>), Problem> {
        let connection = work.connections().find(scope, self.id).await?;
        let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
        let requirements = work.connections().requirements(scope, self.id).await?;
        Ok((connection, requirements))
    }
}
