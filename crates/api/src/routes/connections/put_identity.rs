//! `PUT /api/v1/workspaces/{workspace_id}/connections/{connection_id}/identity`

use actix_web::{HttpResponse, put};
use operations::OperationRun;
use provider_core::{ConnectionId, ConnectionType, ProviderConnection, RequirementRow, Retargeted, Written};
use serde::Deserialize;
use serde_json::{Map, Value};
use storage::UnitOfWork;
use tenancy::{AuditAction, Change};
use utoipa::ToSchema;

use super::{
    change::{IfMatch, Subject},
    create::connection_type,
    credential::CredentialBody,
    representation,
    retarget::{Decision, Wanted},
};
use crate::{
    auth::{guard::Guard, permission::ManageCredentials},
    input::{Body, Conditions, text},
    problem::{Code, Problem},
    routes::operation_runs::{address, look_again_after, view},
    views::connection::ConnectionView,
};

/// The identity that a connection shall have: all of it, as when it was created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutConnectionIdentity {
    /// `platform` or `dedicated`.
    #[schema(example = "dedicated")]
    connection_type: String,
    /// The target's identifier, in a form that the provider takes as canonical.
    scope_identifier: String,
    /// How people call the target. Left out, the present target keeps its name, and another one is
    /// called like the connection.
    scope_display_name: Option<String>,
    /// The provider's own detail, where it needs any; its usual one if it is left out.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    provider_context: Option<Map<String, Value>>,
    /// The credential of a dedicated connection, with its `client_identifier`. Needed unless
    /// nothing else changes.
    credential: Option<CredentialBody>,
}

/// Give a connection another identity
///
/// Another target, client or type, or another of the provider's separate installations. The stored
/// credentials are removed, consent and verification begin anew, and the inventory items and
/// snapshots of another target are removed; a connection of its own for the other target is
/// usually the better choice. If nothing differs, nothing changes. Needs `If-Match`. Takes the
/// capability `credentials.manage`.
#[utoipa::path(
    tag = "connections",
    request_body = PutConnectionIdentity,
    params(("If-Match" = String, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection with this identity", body = ConnectionView, headers(
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 409, description = "duplicate_connection, with `connection_id`; connection_busy, with the whole `active_run`", headers(
            ("Link" = String, description = "The run that is active, with `rel=\"blocked-by\"`"),
            ("Retry-After" = u32, description = "Seconds after which another try is worth it"),
        )),
        (status = 412, description = "precondition_failed"),
        (status = 422, description = "target_scope_invalid, credential_required, credential_not_allowed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[put("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/identity")]
pub(crate) async fn put_connection_identity(
    guard: Guard<ManageCredentials>,
    conditions: Conditions,
    body: Body<PutConnectionIdentity>,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, IfMatch::Required)?;
    subject.exists().await?;
    let state = guard.state.clone();
    let wanted = check(&guard, body.read(&state.settings).await?)?;
    let put = state
        .transact(async move {
            let mut work = subject.state.storage.begin().await?;
            let put = subject.put_identity(&mut *work, wanted).await?;
            // What is not committed was not done.
            if matches!(put, Put::Done(..)) {
                work.commit().await?;
            }
            Ok(put)
        })
        .await?;
    match put {
        Put::Done(connection, requirements) => {
            Ok(representation(&state, &connection, requirements)?.in_response(&mut HttpResponse::Ok()))
        }
        Put::Busy(run) => Err(Problem::new(Code::ConnectionBusy)
            .retry_after(look_again_after(&run))
            .blocked_by(&address(&guard, &run))
            .with(|members| members.active_run = Some(view(&guard, *run)))),
        Put::Duplicate(id) => Err(Problem::new(Code::DuplicateConnection)
            .with(|members| members.connection_id = Some(id.as_uuid()))),
    }
}

/// What can be said of the body without a look at the connection.
fn check(guard: &Guard<ManageCredentials>, body: PutConnectionIdentity) -> Result<Wanted, Problem> {
    let connection_type = connection_type(guard, "/connection_type", &body.connection_type)?;
    let scope_name = body.scope_display_name.as_deref();
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
            Some(credential.check((&guard.state, &guard.scope), "/credential", None)?)
        }
    };
    Ok(Wanted {
        connection_type,
        scope_identifier: body.scope_identifier,
        scope_display_name: scope_name
            .map(|name| text::display_name("/scope_display_name", name))
            .transpose()?,
        provider_context: body.provider_context,
        credential,
    })
}

enum Put {
    Done(Box<ProviderConnection>, Vec<RequirementRow>),
    Busy(Box<OperationRun>),
    Duplicate(ConnectionId),
}

impl Subject {
    async fn put_identity(self, work: &mut dyn UnitOfWork, wanted: Wanted) -> Result<Put, Problem> {
        let connection = self.expected(work).await?;
        match wanted.decide(&self.state, &connection)? {
            Decision::Unchanged => {}
            Decision::Renamed(patch) => {
                let facts = [("changed", "scope_display_name".to_owned())];
                let change = self.entry(AuditAction::ConnectionUpdated, &connection, &facts);
                let written = work
                    .connections()
                    .update(&self.scope, &connection, &patch, &change)
                    .await?;
                match written {
                    Written::Done => {}
                    Written::VersionMismatch => return Err(Problem::new(Code::PreconditionFailed)),
                }
            }
            Decision::Changed(changed, credential) => {
                // Looked at twice: first for a quick answer, and again once the connection is held,
                // for a start that came in between. After that a start has to wait.
                if let Some(busy) = self.busy(work).await? {
                    return Ok(busy);
                }
                let change = self.retargeting(&connection, &changed, credential.is_some());
                let retargeted = work
                    .connections()
                    .retarget(&self.scope, &connection, &changed, credential, &change)
                    .await?;
                match retargeted {
                    Retargeted::Done => {}
                    Retargeted::VersionMismatch => return Err(Problem::new(Code::PreconditionFailed)),
                    Retargeted::DuplicateTarget(id) => return Ok(Put::Duplicate(id)),
                }
                if let Some(busy) = self.busy(work).await? {
                    return Ok(busy);
                }
            }
        }
        let (connection, requirements) = self.read(work).await?;
        Ok(Put::Done(Box::new(connection), requirements))
    }

    async fn busy(&self, work: &mut dyn UnitOfWork) -> Result<Option<Put>, Problem> {
        let run = work.runs().active_of(&self.scope, self.id).await?;
        Ok(run.map(|run| Put::Busy(Box::new(run))))
    }

    fn retargeting(&self, old: &ProviderConnection, new: &ProviderConnection, stored: bool) -> Change {
        let elsewhere = new.target_scope.scope_key() != old.target_scope.scope_key();
        self.entry(AuditAction::ConnectionRetargeted, old, &[])
            .with("environment_id", old.environment_id.to_string())
            .with("old_connection_type", old.connection_type.as_str())
            .with("new_connection_type", new.connection_type.as_str())
            .with("target_changed", elsewhere || new.realm != old.realm)
            .with("credential", if stored { "stored" } else { "none" })
    }
}
