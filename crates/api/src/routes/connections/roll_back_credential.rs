//! `POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/rollback`

use actix_web::{HttpResponse, post};
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

/// Put the previous credential back
///
/// The current one becomes the previous one, so that the same call undoes this one; a next one is
/// gone. Needs `If-Match` with the connection's entity tag. Takes the capability
/// `credentials.manage`.
#[utoipa::path(
    tag = "connections",
    params(("If-Match" = String, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection with the credential in use", body = ConnectionView, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 409, description = "credential_stage_missing"),
        (status = 412, description = "precondition_failed"),
        (status = 422, description = "credential_not_allowed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/rollback")]
pub(crate) async fn roll_back_connection_credential(
    guard: Guard<ManageCredentials>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    apply(&guard, conditions, RollBack).await
}

struct RollBack;

#[async_trait]
impl CredentialChange for RollBack {
    async fn write(self, work: &mut dyn UnitOfWork, held: &Held<'_>) -> Result<Written, Problem> {
        let connection = &held.connection;
        let now = held.state.clock.now();
        let previous = connection.previous_credential.as_ref();
        // Upkeep removes it sooner or later; what it was kept for ends at the time that was told.
        let previous = previous.filter(|previous| !previous.is_no_longer_kept(now));
        let previous = previous.ok_or_else(|| Problem::new(Code::CredentialStageMissing))?;
        let change = held.change(
            AuditAction::CredentialRolledBack,
            &[("credential_version", previous.version.to_string())],
        );
        let keep_until = now + held.state.settings.keep_previous;
        Ok(work
            .connections()
            .roll_back_credential(held.scope, connection, keep_until, &change)
            .await?)
    }
}
