//! `GET /api/v1/workspaces/{workspace_id}/connections/{connection_id}/identity-resolution`

use actix_web::{HttpResponse, get};
use provider_core::{IdentityResolution, ReasonCode, SurfaceSummary};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    answers::Representation,
    auth::{guard::Guard, permission::ViewConnections},
    input::Conditions,
    problem::{Code, Problem},
    views::{
        connection::ClientIdentityView,
        scope::{NextStepView, TargetScopeView},
    },
};

/// Which identity a connection signs in with, or why it cannot.
#[derive(Serialize, ToSchema)]
#[schema(as = IdentityResolution)]
pub(crate) struct IdentityResolutionView {
    /// What it points at.
    target_scope: TargetScopeView,
    /// Who signs in.
    effective_client_identity: ClientIdentityView,
    /// The stored fact that forbids work; nothing when the identity can be used.
    #[schema(example = "provider_credential_missing")]
    blocked_reason: Option<&'static str>,
    /// What to do about it.
    next_step: Option<NextStepView>,
    /// The provider's own detail. Its keys are the provider's and not part of this contract.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    provider_context: Map<String, Value>,
}

/// Resolve the identity of a connection
///
/// From stored facts and the installation's configuration, as the start gate and the worker do.
/// Nothing is asked of the provider. Takes the capability `connections.view`.
#[utoipa::path(
    tag = "connections",
    responses(
        (status = 200, description = "The identity", body = IdentityResolutionView, headers(
            ("ETag" = String, description = "Its entity tag, which is not the connection's"),
        )),
        (status = 304, description = "The caller has it already"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/identity-resolution")]
pub(crate) async fn get_identity_resolution(
    guard: Guard<ViewConnections>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let id = guard.id("connection_id")?;
    let state = &guard.state;
    let session = state.storage.read().await?;
    let connection = session.connections().find(&guard.scope, id).await?;
    let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
    let (rules, now) = (&*state.rules, state.clock.now());
    let identity = IdentityResolution::resolve(&connection, rules, now);
    // The summary knows when a consent page was left already and looking is what remains to do.
    let summary = SurfaceSummary::of(&connection, rules, now, state.settings.stale_after);
    let next_step = summary.next_step.filter(|_| identity.blocked_reason.is_some());
    let view = IdentityResolutionView {
        target_scope: TargetScopeView::from(&identity.target_scope),
        effective_client_identity: ClientIdentityView::from(identity.effective_client_identity),
        blocked_reason: identity.blocked_reason.map(ReasonCode::as_str),
        next_step: next_step.map(NextStepView::from),
        provider_context: identity.provider_context.0,
    };
    Ok(Representation::of(&id.to_string(), &view)?.answer(&conditions))
}
