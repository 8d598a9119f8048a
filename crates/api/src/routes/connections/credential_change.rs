//! What all changes of credentials share: one unit of work, in which the connection is read
//! again, the caller's entity tag is compared, and platform connections are turned away.

use actix_web::{HttpResponse, web::Data};
use async_trait::async_trait;
use provider_core::{
    ConnectionId, ConnectionType, ProviderConnection, RequirementRow, StoredCredential, Written,
};
use storage::UnitOfWork;
use tenancy::{AuditAction, Change, WorkspaceScope};

use super::representation;
use crate::{
    ApiState,
    auth::{guard::Guard, permission::ManageCredentials},
    input::Conditions,
    journal::{Author, target},
    problem::{Code, Problem},
};

/// One kind of change.
#[async_trait]
pub(super) trait CredentialChange: Send + 'static {
    /// Writes the change of a dedicated connection that the caller knows as it is.
    async fn write(self, work: &mut dyn UnitOfWork, held: &Held<'_>) -> Result<Written, Problem>;
}

/// A connection as the unit of work read it.
pub(super) struct Held<'a> {
    /// What handlers work with.
    pub(super) state: &'a ApiState,
    /// The workspace, and who acts in it.
    pub(super) scope: &'a WorkspaceScope,
    /// The connection.
    pub(super) connection: ProviderConnection,
    author: &'a Author,
}

impl Held<'_> {
    /// An entry about this connection.
    pub(super) fn change(&self, action: AuditAction, facts: &[(&str, String)]) -> Change {
        let Self { connection, .. } = self;
        let target = target("connection", &connection.id, connection.display_name.as_str());
        self.author.change(action, target, facts)
    }
}

/// Makes the change, and answers with the connection as it is then.
pub(super) async fn apply(
    guard: &Guard<ManageCredentials>,
    conditions: Conditions,
    change: impl CredentialChange,
) -> Result<HttpResponse, Problem> {
    let call = Call {
        id: guard.id("connection_id")?,
        state: guard.state.clone(),
        scope: guard.scope.clone(),
        author: guard.author(),
        conditions,
    };
    let (connection, requirements) = guard.state.transact(call.make(change)).await?;
    Ok(representation(&guard.state, &connection, requirements)?.in_response(&mut HttpResponse::Ok()))
}

/// What a unit of work takes along.
struct Call {
    id: ConnectionId,
    state: Data<ApiState>,
    scope: WorkspaceScope,
    author: Author,
    conditions: Conditions,
}

impl Call {
    async fn make(
        self,
        change: impl CredentialChange,
    ) -> Result<(ProviderConnection, Vec<RequirementRow>), Problem> {
        let mut work = self.state.storage.begin().await?;
        let (connection, requirements) = self.read(&mut *work).await?;
        let present = representation(&self.state, &connection, requirements)?;
        self.conditions.require_match(present.tag())?;
        match connection.connection_type {
            ConnectionType::Dedicated => {}
            ConnectionType::Platform => return Err(Problem::new(Code::CredentialNotAllowed)),
        }
        let held = Held {
            state: &self.state,
            scope: &self.scope,
            connection,
            author: &self.author,
        };
        match change.write(&mut *work, &held).await? {
            Written::Done => {}
            Written::VersionMismatch => return Err(Problem::new(Code::PreconditionFailed)),
        }
        let changed = self.read(&mut *work).await?;
        work.commit().await?;
        Ok(changed)
    }

    async fn read(
        &self,
        work: &mut dyn UnitOfWork,
    ) -> Result<(ProviderConnection, Vec<RequirementRow>), Problem> {
        let connection = work.connections().find(&self.scope, self.id).await?;
        let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
        let requirements = work.connections().requirements(&self.scope, self.id).await?;
        Ok((connection, requirements))
    }
}

/// What became of a credential, as what became of its connection.
pub(super) const fn written(stored: StoredCredential) -> Written {
    match stored {
        StoredCredential::Stored { version: _ } => Written::Done,
        StoredCredential::VersionMismatch => Written::VersionMismatch,
    }
}
