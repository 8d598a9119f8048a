//! The audit log hears of every credential that a change of keys found to be unreadable: it is as
//! good as gone, and somebody may have done that on purpose.

use kernel::{Id, StoreError};
use tenancy::{AuditAction, Change, ChangeTarget, SystemTask, WorkspaceScope};

use crate::{
    bounded::Tx, connections::lookup::label_of, database::Context, entities::credential::Model, journal,
};

/// Writes down that the credential of `row` cannot be decrypted any more.
pub(super) async fn undecryptable(db: &Tx, context: &Context, row: &Model) -> Result<(), StoreError> {
    let target = ChangeTarget {
        kind: "connection",
        id: row.connection_id.to_string(),
        label: label_of(db, row.workspace_id, row.connection_id).await?,
    };
    let (action, now) = (AuditAction::CredentialUndecryptable, context.clock.now());
    let change = Change::new(&system_scope(row), action, target, now, context.ids.as_ref())
        .failed()
        .with("credential_version", row.version)
        .with("stage", row.stage.as_str());
    journal::record(db, Id::from_uuid(row.workspace_id), &change).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "a change of keys acts for the system, in the workspace of the row that it works on"
)]
fn system_scope(row: &Model) -> WorkspaceScope {
    WorkspaceScope::for_system(Id::from_uuid(row.workspace_id), SystemTask::Upkeep)
}
