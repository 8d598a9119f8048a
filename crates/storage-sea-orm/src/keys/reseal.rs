//! One batch of a rotation: credentials of one workspace are opened, and sealed again under its
//! newest data key. One transaction.

use std::collections::HashMap;

use kernel::{Id, StoreError};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Query, UpdateStatement},
};
use tenancy::WorkspaceId;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{KeyAdminError, state, told};
use crate::{
    bounded::Tx,
    cipher::{
        Key, Undecryptable,
        binding::Binding,
        envelope::{self, KeyName},
        ring::{KeyRing, KeyRingError},
        workspace_keys::{self, KeyError},
    },
    connections::rows,
    database::{Context, Database},
    entities::{
        connection,
        credential::{Column, Entity, Model},
    },
    error::OrStoreError as _,
    scoped::installation_wide,
};

/// What a batch came to.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Sealed anew.
    pub(super) resealed: u64,
    /// The last credential that was looked at; nothing when there were no more.
    pub(super) last: Option<Uuid>,
}

/// What the rows of a batch have in common.
struct Work<'a> {
    db: &'a Tx,
    context: &'a Context,
    ring: &'a KeyRing,
    workspace_id: WorkspaceId,
    newest: (KeyName, Key),
    connections: HashMap<Uuid, connection::Model>,
}

/// Moves up to `limit` credentials of the workspace, with ids beyond `after`, to the newest data
/// key. The key is made first if there is none under the active key.
pub(super) async fn batch(
    database: &Database,
    workspace_id: WorkspaceId,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Batch, KeyAdminError> {
    let context = database.context();
    let db = database.transaction().await?;
    let newest = workspace_keys::renewed(&db, &context.ring, context.clock.as_ref(), workspace_id).await?;
    let newest = match newest {
        Ok(newest) => newest,
        Err(error) => {
            let active = state::active(&db).await?.ok_or(KeyRingError::NoneActive)?;
            return Err(unusable(error, &active.kid));
        }
    };
    let found = waiting(&db, workspace_id, &newest.0, after, limit).await?;
    let mut batch = Batch {
        last: found.last().map(|row| row.id),
        ..Batch::default()
    };
    let work = Work {
        connections: connections_of(&db, workspace_id, &found).await?,
        db: &db,
        context,
        ring: &context.ring,
        workspace_id,
        newest,
    };
    for row in found {
        work.settle(row, &mut batch).await?;
        fail::fail_point!("rotate.after_row");
    }
    drop(work);
    db.commit().await.or_store_error()?;
    Ok(batch)
}

/// A key that every process must have is missing here. Nobody can be blamed but this host.
fn unusable(error: KeyError, kid: &str) -> KeyAdminError {
    match error {
        KeyError::Missing => KeyRingError::Missing(kid.to_owned()).into(),
        KeyError::Undecryptable => KeyAdminError::Store(StoreError::Conflict),
    }
}

/// Credentials that are not under the newest data key, or do not say under which they are.
async fn waiting(
    db: &Tx,
    workspace_id: WorkspaceId,
    newest: &KeyName,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, StoreError> {
    let elsewhere = Condition::any()
        .add(Column::Kid.is_null())
        .add(Column::DataKeyVersion.is_null())
        .add(Column::DataKeyVersion.ne(i64::from(newest.version)));
    let mut select = installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
        .filter(elsewhere);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    select
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
        .or_store_error()
}

/// The connections of `found`. Somebody may store a credential for another destination between the
/// two reads. Then the row does not open here, and neither is it marked: its bytes are others.
async fn connections_of(
    db: &Tx,
    workspace_id: WorkspaceId,
    found: &[Model],
) -> Result<HashMap<Uuid, connection::Model>, StoreError> {
    if found.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = installation_wide::<connection::Entity>()
        .filter(connection::Column::WorkspaceId.eq(workspace_id.as_uuid()))
        .filter(connection::Column::Id.is_in(found.iter().map(|row| row.connection_id)))
        .all(db)
        .await
        .or_store_error()?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

impl Work<'_> {
    async fn settle(&self, row: Model, batch: &mut Batch) -> Result<(), KeyAdminError> {
        if let Ok(secret) = self.open(&row).await? {
            batch.resealed += u64::from(self.store(&row, &secret).await?);
            return Ok(());
        }
        if self.mark(&row).await? {
            tracing::warn!(credential_id = %row.id, "a credential does not open and is left as it is");
        }
        Ok(())
    }

    async fn open(&self, row: &Model) -> Result<Result<Zeroizing<Vec<u8>>, Undecryptable>, KeyAdminError> {
        let Ok(name) = envelope::key_name(&row.sealed) else {
            return Ok(Err(Undecryptable));
        };
        let key = match workspace_keys::named(self.db, self.ring, self.workspace_id, &name).await? {
            Ok(key) => key,
            Err(KeyError::Undecryptable) => return Ok(Err(Undecryptable)),
            Err(error @ KeyError::Missing) => return Err(unusable(error, &name.kid)),
        };
        Ok(self.bound(row, |binding| envelope::open(&key, binding, &row.sealed)))
    }

    /// Calls `with` with what the row is bound to, if that can be read at all.
    fn bound<T>(
        &self,
        row: &Model,
        with: impl FnOnce(&Binding<'_>) -> Result<T, Undecryptable>,
    ) -> Result<T, Undecryptable> {
        let connection = self.connections.get(&row.connection_id).ok_or(Undecryptable)?;
        let connection = rows::connection(connection.clone(), &[], &[]).map_err(|_| Undecryptable)?;
        let destination = connection.destination();
        with(&Binding {
            workspace_id: self.workspace_id,
            environment_id: connection.environment_id,
            connection_id: connection.id,
            credential_id: Id::from_uuid(row.id),
            version: row.version,
            kind: rows::credential_kind(row).map_err(|_| Undecryptable)?,
            destination: &destination,
        })
    }

    /// `false` when somebody else wrote the row since it was read: theirs stays.
    async fn store(&self, row: &Model, secret: &[u8]) -> Result<bool, KeyAdminError> {
        let (name, key) = &self.newest;
        let sealed = self.bound(row, |binding| Ok(envelope::seal(key, name, binding, secret)));
        let Ok(sealed) = sealed else {
            return Ok(false);
        };
        let mut update = unchanged(row);
        update
            .value(Column::Sealed, sealed)
            .value(Column::Kid, name.kid.as_str())
            .value(Column::DataKeyVersion, i64::from(name.version))
            .value(Column::Undecryptable, false);
        Ok(self.db.execute(&update).await.or_store_error()?.rows_affected() == 1)
    }

    /// Marks a row that does not open, and notes which key it names, so that it can be counted.
    /// `false` when somebody else wrote the row since it was read.
    async fn mark(&self, row: &Model) -> Result<bool, StoreError> {
        let name = envelope::key_name(&row.sealed).ok();
        let mut update = unchanged(row);
        update.value(Column::Undecryptable, true);
        if let Some(name) = name {
            update
                .value(Column::Kid, name.kid)
                .value(Column::DataKeyVersion, i64::from(name.version));
        }
        let marked = self.db.execute(&update).await.or_store_error()?.rows_affected() == 1;
        if marked && !row.undecryptable {
            told::undecryptable(self.db, self.context, row).await?;
        }
        Ok(marked)
    }
}

/// An update of the row, if its sealed bytes are still the ones that were read.
fn unchanged(row: &Model) -> UpdateStatement {
    Query::update()
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(row.workspace_id))
        .and_where(Expr::col(Column::Id).eq(row.id))
        .and_where(Expr::col(Column::Sealed).eq(row.sealed.as_slice()))
        .to_owned()
}
