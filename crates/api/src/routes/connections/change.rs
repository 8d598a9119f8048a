//! What changes of a connection share. It is found before anything is said about the body; inside
//! the unit of work it is read again, and the caller's condition is held against that.

use actix_web::{HttpResponse, web::Data};
use async_trait::async_trait;
use provider_core::{ConnectionId, ProviderConnection, RequirementRow, Written};
use storage::UnitOfWork;
use tenancy::{AuditAction, Change, WorkspaceScope};

use super::representation;
use crate::{
    ApiState,
    auth::{guard::Guard, permission::Permission},
    input::Conditions,
    journal::{Author, target},
    problem::{Code, Problem},
};

/// How often a connection that changes under our hands is read again.
pub(super) const ROUNDS: u32 = 4;

/// Whether a change can be asked for without `If-Match`. Sent, it always counts.
#[derive(Clone, Copy)]
pub(super) enum IfMatch {
    /// Nobody makes this change without having seen the connection.
    Required,
    /// The change says by itself what shall be.
    Honoured,
}

/// The connection of a call that changes it.
pub(super) struct Subject {
    /// Which.
    pub(super) id: ConnectionId,
    /// What handlers work with.
    pub(super) state: Data<ApiState>,
    /// The workspace, and who acts in it.
    pub(super) scope: WorkspaceScope,
    author: Author,
    conditions: Conditions,
    if_match: IfMatch,
}

/// What a call does to a connection.
#[async_trait]
pub(super) trait ConnectionChange: Send + Sync + 'static {
    /// Does it to the connection as it was just read, or leaves it alone if it is so already.
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        connection: &ProviderConnection,
    ) -> Result<Written, Problem>;
}

impl Subject {
    /// The connection in the path of a call.
    pub(super) fn of<P: Permission>(
        guard: &Guard<P>,
        conditions: Conditions,
        if_match: IfMatch,
    ) -> Result<Self, Problem> {
        Ok(Self {
            id: guard.id("connection_id")?,
            state: guard.state.clone(),
            scope: guard.scope.clone(),
            author: guard.author(),
            conditions,
            if_match,
        })
    }

    /// A connection that is not here is a 404 before anything is said about the body.
    pub(super) async fn exists(&self) -> Result<(), Problem> {
        let session = self.state.storage.read().await?;
        let found = session.connections().find(&self.scope, self.id).await?;
        found.map(drop).ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// The connection as it stands in this unit of work.
    pub(super) async fn read(
        &self,
        work: &mut dyn UnitOfWork,
    ) -> Result<(ProviderConnection, Vec<RequirementRow>), Problem> {
        let connection = work.connections().find(&self.scope, self.id).await?;
        let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
        let requirements = work.connections().requirements(&self.scope, self.id).await?;
        Ok((connection, requirements))
    }

    /// The same, if it is the one that the caller means.
    pub(super) async fn expected(&self, work: &mut dyn UnitOfWork) -> Result<ProviderConnection, Problem> {
        let (connection, requirements) = self.read(work).await?;
        let present = representation(&self.state, &connection, requirements)?;
        match self.if_match {
            IfMatch::Required => self.conditions.require_match(present.tag())?,
            IfMatch::Honoured => self.conditions.honour_match(present.tag())?,
        }
        Ok(connection)
    }

    /// A journal entry about the connection.
    pub(super) fn entry(
        &self,
        action: AuditAction,
        connection: &ProviderConnection,
        facts: &[(&str, String)],
    ) -> Change {
        let named = target("connection", &connection.id, connection.display_name.as_str());
        self.author.change(action, named, facts)
    }

    /// Writes other journal entries of the call.
    pub(super) const fn author(&self) -> &Author {
        &self.author
    }

    /// Makes the change and answers with the connection. When somebody else changes it between
    /// read and write, it is read again: a condition that does not hold any more is a 412 then,
    /// and who set none does not have to know.
    pub(super) async fn change(self, change: impl ConnectionChange) -> Result<HttpResponse, Problem> {
        let state = self.state.clone();
        let (connection, requirements) = state
            .transact(async move {
                let mut work = self.state.storage.begin().await?;
                for _ in 0..ROUNDS {
                    let connection = self.expected(&mut *work).await?;
                    match change.apply(&self, &mut *work, &connection).await? {
                        Written::Done => {
                            let changed = self.read(&mut *work).await?;
                            work.commit().await?;
                            return Ok(changed);
                        }
                        Written::VersionMismatch => {}
                    }
                }
                Err(Problem::new(Code::TryAgain))
            })
            .await?;
        Ok(representation(&state, &connection, requirements)?.in_response(&mut HttpResponse::Ok()))
    }
}
