//! `DELETE /api/v1/workspaces/{workspace_id}/connections/{connection_id}`

use actix_web::{HttpResponse, delete};
use operations::{OperationRun, RunOutcome, change_target};
use provider_core::{Deleted, ProviderConnection, ReasonCode};
use serde::Serialize;
use storage::UnitOfWork;
use tenancy::AuditAction;
use utoipa::ToSchema;
use uuid::Uuid;

use super::change::{IfMatch, ROUNDS, Subject};
use crate::{
    auth::{guard::Guard, permission::ManageConnections},
    input::Conditions,
    problem::{Code, Problem},
    routes::operation_runs::view,
    views::run::RunView,
};

/// What became of a connection that was deleted.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionDeletion {
    /// Which connection it was.
    deleted_connection_id: Uuid,
    /// The run that was active through it, and was ended as `blocked`.
    ended_run: Option<RunView>,
    /// Whether it was the default. Then it was the last connection of its environment to this
    /// provider, and operations of the environment are blocked until there is another one.
    was_default: bool,
}

/// Delete a connection
///
/// With its credentials, tags, history and inventory items; runs, snapshots and audit events stay.
/// A default cannot go while its environment has other connections to the provider. A run that is
/// active through it is ended as `blocked`, for the reason `provider_connection_deleted`. Nothing
/// is revoked at the provider. `If-Match` counts if it is sent. Takes the capability
/// `connections.manage`.
#[utoipa::path(
    tag = "connections",
    params(("If-Match" = Option<String>, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "It is gone", body = ConnectionDeletion),
        (status = 409, description = "default_connection_required"),
        (status = 412, description = "precondition_failed"),
    ),
)]
#[delete("/api/v1/workspaces/{workspace_id}/connections/{connection_id}")]
pub(crate) async fn delete_connection(
    guard: Guard<ManageConnections>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let subject = Subject::of(&guard, conditions, IfMatch::Honoured)?;
    let (connection, ended) = guard
        .state
        .transact(async move {
            let mut work = subject.state.storage.begin().await?;
            let gone = subject.delete(&mut *work).await?;
            work.commit().await?;
            Ok(gone)
        })
        .await?;
    Ok(HttpResponse::Ok().json(ConnectionDeletion {
        deleted_connection_id: connection.id.as_uuid(),
        ended_run: ended.map(|run| view(&guard, run)),
        was_default: connection.is_default,
    }))
}

impl Subject {
    /// The connection as it was, and the run that ended with it. The run goes first, as a worker
    /// that ends it would do; when the connection cannot go after all, the run is not ended either.
    async fn delete(
        &self,
        work: &mut dyn UnitOfWork,
    ) -> Result<(ProviderConnection, Option<OperationRun>), Problem> {
        let mut ended = None;
        for _ in 0..ROUNDS {
            let connection = self.expected(work).await?;
            let active = work.runs().active_of(&self.scope, self.id).await?;
            if let Some(run) = active {
                // A worker may be faster; then the connection is looked at again.
                match self.end(work, &run).await? {
                    Some(run) => ended = Some(run),
                    None => continue,
                }
            }
            let mut facts = vec![
                ("environment_id", connection.environment_id.to_string()),
                ("connection_type", connection.connection_type.as_str().to_owned()),
            ];
            facts.extend(ended.as_ref().map(|run| ("ended_run_id", run.id.to_string())));
            let change = self.entry(AuditAction::ConnectionDeleted, &connection, &facts);
            let deleted = work
                .connections()
                .delete(&self.scope, &connection, change.occurred_at, &change)
                .await?;
            match deleted {
                Deleted::Done => {
                    // A start that came in before the connection was held is seen now; none can
                    // come after.
                    let late = work.runs().active_of(&self.scope, self.id).await?;
                    if let Some(run) = late {
                        ended = self.end(work, &run).await?.or(ended);
                    }
                    return Ok((connection, ended));
                }
                Deleted::OthersNeedADefault => {
                    return Err(Problem::new(Code::DefaultConnectionRequired));
                }
                Deleted::VersionMismatch => {}
            }
        }
        Err(Problem::new(Code::TryAgain))
    }

    /// The run after its end; nothing if it had come to another end before.
    async fn end(
        &self,
        work: &mut dyn UnitOfWork,
        run: &OperationRun,
    ) -> Result<Option<OperationRun>, Problem> {
        let (outcome, reason) = (RunOutcome::Blocked, ReasonCode::ProviderConnectionDeleted);
        let Ok(completion) = run.end_because(outcome, reason) else {
            return Ok(None);
        };
        let change = self
            .author()
            .change(AuditAction::OperationCompleted, change_target(run), &[])
            .with("operation_type", run.operation_type.as_str())
            .with("attempt", run.attempt)
            .with("outcome", outcome.as_str())
            .with("reason_code", reason.as_str())
            .failed();
        let mut runs = work.runs();
        if runs.end_active(&self.scope, run.id, &completion, &change).await? {
            Ok(runs.find(&self.scope, run.id).await?)
        } else {
            Ok(None)
        }
    }
}
