//! `POST /api/v1/workspaces/{workspace_id}/connections/target-scope-preview`

use actix_web::{post, web::Json};
use provider_core::{
    ConnectionType, CredentialSource, Destination, EffectiveClientIdentity, ScopeRules, TargetScope,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenancy::DisplayName;
use utoipa::ToSchema;

use super::target::{TargetInput, normalize};
use crate::{
    auth::{guard::Guard, permission::ViewConnections},
    input::{Body, text},
    problem::Problem,
    views::{connection::ClientIdentityView, scope::TargetScopeView},
};

/// A target that somebody thinks of connecting.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewTargetScope {
    /// The provider's key.
    provider: String,
    /// What kind of target; the only one there is if it is left out.
    #[schema(example = "tenant")]
    scope_kind: Option<String>,
    /// The target's identifier, as it would be sent to create a connection.
    scope_identifier: String,
    /// How people call the target; its identifier if it is left out.
    display_name: Option<String>,
    /// The provider's own detail, where it needs any.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    provider_context: Option<Map<String, Value>>,
    /// `platform` or `dedicated`, to learn who would sign in.
    #[schema(example = "platform")]
    connection_type: Option<String>,
}

/// What a connection to the target would point at.
#[derive(Serialize, ToSchema)]
pub(crate) struct TargetScopePreview {
    /// `normalized`.
    #[schema(example = "normalized")]
    status: &'static str,
    /// The target in its canonical form.
    target_scope: TargetScopeView,
    /// The provider's own detail. Its keys are the provider's and not part of this contract.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    provider_context: Map<String, Value>,
    /// Who would sign in, if the body names a connection type. The client of a dedicated
    /// connection comes with its credential.
    effective_client_identity: Option<ClientIdentityView>,
}

/// Preview a target scope
///
/// Normalizes a target as the creation of a connection would, and says what is wrong with it:
/// `unsupported_provider_scope_combination`, `missing_provider_context`,
/// `invalid_provider_context` or `invalid_scope_identifier`. Stores nothing and asks nothing of the
/// provider: whether the target exists is for a connection check to find out. Takes the capability
/// `connections.view`.
#[utoipa::path(
    tag = "connections",
    request_body = PreviewTargetScope,
    responses(
        (status = 200, description = "It can be connected", body = TargetScopePreview),
        (status = 422, description = "target_scope_invalid"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/connections/target-scope-preview")]
pub(crate) async fn preview_target_scope(
    guard: Guard<ViewConnections>,
    body: Body<PreviewTargetScope>,
) -> Result<Json<TargetScopePreview>, Problem> {
    let state = &guard.state;
    let body = body.read(&state.settings).await?;
    let parse = |text: &str| {
        ConnectionType::parse(text).ok_or_else(|| Problem::invalid("/connection_type", "invalid_value"))
    };
    let connection_type = body.connection_type.as_deref().map(parse).transpose()?;
    let input = TargetInput {
        provider: &body.provider,
        scope_kind: body.scope_kind.as_deref(),
        scope_identifier: &body.scope_identifier,
        scope_display_name: name(body.display_name.as_deref(), &body.scope_identifier)?,
        provider_context: body.provider_context,
    };
    let (target_scope, realm) = normalize(state, input)?;
    let client = connection_type.map(|kind| client(kind, &*state.rules, &realm));
    let destination = Destination {
        provider: target_scope.provider().clone(),
        realm,
        scope_kind: target_scope.scope_kind(),
        scope_identifier: target_scope.scope_identifier().clone(),
        client_identifier: client
            .as_ref()
            .and_then(|client| client.client_identifier.clone()),
    };
    Ok(Json(TargetScopePreview {
        status: "normalized",
        target_scope: TargetScopeView::from(&target_scope),
        provider_context: state.rules.context(&destination).0,
        effective_client_identity: client.map(ClientIdentityView::from),
    }))
}

/// The name, or the identifier in its place. An identifier that cannot be a name is refused for
/// what it is right after, so any name will do.
fn name(name: Option<&str>, identifier: &str) -> Result<DisplayName, Problem> {
    match name {
        Some(name) => text::display_name("/display_name", name),
        None => Ok(DisplayName::new(identifier)
            .or_else(|_| DisplayName::new(TargetScope::LABEL))
            .expect("the label is a name")),
    }
}

fn client(connection_type: ConnectionType, rules: &dyn ScopeRules, realm: &str) -> EffectiveClientIdentity {
    let (client_identifier, credential_source) = match connection_type {
        ConnectionType::Platform => (
            rules
                .platform_client(realm)
                .map(|client| client.client_identifier),
            CredentialSource::PlatformConfig,
        ),
        ConnectionType::Dedicated => (None, CredentialSource::DedicatedCredential),
    };
    EffectiveClientIdentity {
        client_identifier,
        connection_type,
        credential_source,
    }
}
