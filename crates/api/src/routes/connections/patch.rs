//! `PATCH /api/v1/workspaces/{workspace_id}/connections/{connection_id}`

use std::collections::BTreeMap;

use actix_web::{HttpResponse, patch};
use async_trait::async_trait;
use provider_core::{ConnectionPatch, ProviderConnection, Written};
use serde::Deserialize;
use storage::UnitOfWork;
use tenancy::AuditAction;
use utoipa::ToSchema;

use super::change::{ConnectionChange, IfMatch, Subject};
use crate::{
    auth::{guard::Guard, permission::ManageConnections},
    input::{Body, Conditions, text},
    problem::Problem,
    views::connection::ConnectionView,
};

/// What to change about a connection. Fields that are left out stay as they are; one must be
/// there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchConnection {
    /// For people: 1 to 120 characters.
    #[schema(example = "Northwind production")]
    display_name: Option<String>,
    /// How people call the target.
    scope_display_name: Option<String>,
    /// All tags, in place of the present ones: up to 20, keys of `a-z`, `0-9`, `.`, `_`, `/` and
    /// `-`, values of 1 to 120 characters.
    tags: Option<BTreeMap<String, String>>,
}

/// Change names and tags of a connection
///
/// What it points at and who signs in stay as they are. `If-Match` counts if it is sent. Takes the
/// capability `connections.manage`.
#[utoipa::path(
    tag = "connections",
    request_body = PatchConnection,
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection as it is now", body = ConnectionView, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[patch("/api/v1/workspaces/{workspace_id}/connections/{connection_id}")]
pub(crate) async fn patch_connection(
    guard: Guard<ManageConnections>,
    conditions: Conditions,
    body: Body<PatchConnection>,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, IfMatch::Honoured)?;
    subject.exists().await?;
    let patch = body.read(&guard.state.settings).await?.check()?;
    subject.change(Patch(patch)).await
}

impl PatchConnection {
    fn check(self) -> Result<ConnectionPatch, Problem> {
        let Self {
            display_name,
            scope_display_name,
            tags,
        } = self;
        if display_name.is_none() && scope_display_name.is_none() && tags.is_none() {
            return Err(Problem::invalid("", "required"));
        }
        let name =
            |pointer, text: Option<String>| text.map(|text| text::display_name(pointer, &text)).transpose();
        Ok(ConnectionPatch {
            display_name: name("/display_name", display_name)?,
            scope_display_name: name("/scope_display_name", scope_display_name)?,
            tags: tags.map(|tags| text::tags("/tags", tags)).transpose()?,
        })
    }
}

struct Patch(ConnectionPatch);

#[async_trait]
impl ConnectionChange for Patch {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        connection: &ProviderConnection,
    ) -> Result<Written, Problem> {
        let changed = changed_fields(connection, &self.0);
        if changed.is_empty() {
            return Ok(Written::Done);
        }
        let facts = [("changed", changed.join(","))];
        let change = subject.entry(AuditAction::ConnectionUpdated, connection, &facts);
        let mut connections = work.connections();
        Ok(connections
            .update(&subject.scope, connection, &self.0, &change)
            .await?)
    }
}

/// The fields that `patch` gives another value.
fn changed_fields(connection: &ProviderConnection, patch: &ConnectionPatch) -> Vec<&'static str> {
    fn differs<T: PartialEq>(new: Option<&T>, present: &T) -> bool {
        new.is_some_and(|new| new != present)
    }
    let ConnectionPatch {
        display_name,
        scope_display_name,
        tags,
    } = patch;
    let scope_name = connection.target_scope.scope_display_name();
    [
        (
            "display_name",
            differs(display_name.as_ref(), &connection.display_name),
        ),
        (
            "scope_display_name",
            differs(scope_display_name.as_ref(), scope_name),
        ),
        ("tags", differs(tags.as_ref(), &connection.tags)),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}
