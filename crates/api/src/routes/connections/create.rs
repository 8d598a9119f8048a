//! `POST /api/v1/workspaces/{workspace_id}/connections`

use std::collections::BTreeMap;

use actix_web::{HttpResponse, post};
use kernel::Id;
use provider_core::{ConnectionDraft, ConnectionType, InsertedConnection, NewCredential, ProviderConnection};
use serde::Deserialize;
use serde_json::{Map, Value};
use tenancy::{AuditAction, Capability, EnvironmentId};
use utoipa::ToSchema;

use super::{
    credential::{CheckedCredential, CredentialBody},
    representation,
    target::{TargetInput, normalize},
};
use crate::{
    answers::Answer,
    auth::{
        guard::Guard,
        permission::{ManageConnections, Permission},
    },
    idempotency::Keeper,
    input::{Body, text},
    journal::target,
    problem::{Code, Problem},
    views::connection::ConnectionView,
};

/// A connection to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateConnection {
    /// The environment that it belongs to.
    #[schema(value_type = Uuid)]
    environment_id: EnvironmentId,
    /// The provider's key.
    provider: String,
    /// `platform` or `dedicated`.
    #[schema(example = "dedicated")]
    connection_type: String,
    /// For people: 1 to 120 characters.
    #[schema(example = "Northwind production")]
    display_name: String,
    /// The target's identifier, in a form that the provider takes as canonical.
    scope_identifier: String,
    /// How people call the target; the display name if it is left out.
    scope_display_name: Option<String>,
    /// The provider's own detail, where it needs any.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    provider_context: Option<Map<String, Value>>,
    /// Up to 20 of your own: keys of `a-z`, `0-9`, `.`, `_`, `/` and `-`, values of 1 to 120
    /// characters.
    tags: Option<BTreeMap<String, String>>,
    /// The credential of a dedicated connection. May be stored later.
    credential: Option<CredentialBody>,
}

/// Create a connection
///
/// The first connection of an environment to a provider becomes its default. Nothing is asked of
/// the provider: start the operation `provider.connection.check` to learn whether it works. Takes
/// the capability `connections.manage`, and for a dedicated connection `credentials.manage` too. A
/// platform connection uses the client of this installation and needs a consent link next.
#[utoipa::path(
    tag = "connections",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    request_body = CreateConnection,
    responses(
        (status = 201, description = "It is there", body = ConnectionView, headers(
            ("Location" = String, description = "Where it is"),
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 409, description = "duplicate_connection, with `connection_id`"),
        (status = 422, description = "invalid_reference, target_scope_invalid, credential_not_allowed"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/connections")]
pub(crate) async fn create_connection(
    guard: Guard<ManageConnections>,
    body: Body<CreateConnection>,
) -> Result<HttpResponse, Problem> {
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| create(&guard, body, keeper).await)
        .await
}

async fn create(
    guard: &Guard<ManageConnections>,
    body: CreateConnection,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let state = guard.state.clone();
    let (connection, credential) = check(guard, body)?;
    let stored = if credential.is_some() { "stored" } else { "missing" };
    let change = guard.author().change(
        AuditAction::ConnectionCreated,
        target("connection", &connection.id, connection.display_name.as_str()),
        &[
            ("environment_id", connection.environment_id.to_string()),
            ("connection_type", connection.connection_type.as_str().to_owned()),
            ("credential", stored.to_owned()),
        ],
    );
    let scope = guard.scope.clone();
    let location = guard.address(&format!("connections/{}", connection.id));
    guard
        .state
        .transact(async move {
            let mut work = state.storage.begin().await?;
            if work
                .environments()
                .find(&scope, connection.environment_id)
                .await?
                .is_none()
            {
                return Err(Problem::at(
                    Code::InvalidReference,
                    "/environment_id",
                    "invalid_reference",
                ));
            }
            let inserted = work
                .connections()
                .insert(&scope, &connection, credential, &change)
                .await?;
            match inserted {
                InsertedConnection::Inserted { .. } => {}
                InsertedConnection::DuplicateTarget(id) => {
                    return Err(Problem::new(Code::DuplicateConnection)
                        .with(|members| members.connection_id = Some(id.as_uuid())));
                }
            }
            let stored = work.connections().find(&scope, connection.id).await?;
            let requirements = work.connections().requirements(&scope, connection.id).await?;
            let connection = stored.unwrap_or(connection);
            let shown = representation(&state, &connection, requirements)?;
            keeper.commit(work, shown.created(&location)).await
        })
        .await
}

/// From a body to a connection, without a look at the store.
fn check(
    guard: &Guard<ManageConnections>,
    body: CreateConnection,
) -> Result<(ProviderConnection, Option<NewCredential>), Problem> {
    let state = &guard.state;
    let connection_type = connection_type(guard, "/connection_type", &body.connection_type)?;
    let display_name = text::display_name("/display_name", &body.display_name)?;
    let scope_name = match &body.scope_display_name {
        Some(name) => text::display_name("/scope_display_name", name)?,
        None => display_name.clone(),
    };
    let input = TargetInput {
        provider: &body.provider,
        scope_kind: None,
        scope_identifier: &body.scope_identifier,
        scope_display_name: scope_name,
        provider_context: body.provider_context,
    };
    let (target_scope, realm) = normalize(state, input)?;
    let credential = match (connection_type, body.credential) {
        (_, None) => None,
        (ConnectionType::Platform, Some(_)) => {
            return Err(Problem::at(
                Code::CredentialNotAllowed,
                "/credential",
                "credential_not_allowed",
            ));
        }
        (ConnectionType::Dedicated, Some(credential)) => {
            Some(credential.check((state, &guard.scope), "/credential", None)?)
        }
    };
    let (client_identifier, credential) = match credential {
        Some(CheckedCredential {
            client_identifier,
            credential,
        }) => (Some(client_identifier), Some(credential)),
        None => (None, None),
    };
    // The store decides about the default: the first one becomes it.
    let draft = ConnectionDraft {
        workspace_id: guard.scope.workspace_id(),
        environment_id: body.environment_id,
        id: Id::next(&*state.ids),
        display_name,
        tags: text::tags("/tags", body.tags.unwrap_or_default())?,
        connection_type,
        target_scope,
        realm,
        client_identifier,
        created_at: state.clock.now(),
    };
    Ok((draft.connection(), credential))
}

/// The type that `text` names, if the caller may have one of it: a dedicated connection brings a
/// client and a credential of its own into the installation.
pub(super) fn connection_type<P: Permission>(
    guard: &Guard<P>,
    pointer: &str,
    text: &str,
) -> Result<ConnectionType, Problem> {
    let connection_type =
        ConnectionType::parse(text).ok_or_else(|| Problem::invalid(pointer, "invalid_value"))?;
    let stronger = Capability::CredentialsManage;
    if connection_type == ConnectionType::Dedicated && !guard.may(stronger) {
        return Err(Problem::forbidden(stronger));
    }
    Ok(connection_type)
}
