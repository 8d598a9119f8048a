//! The data keys of workspaces: made on first use, wrapped by the active key of the ring,
//! unwrapped for each use. Dropping a workspace's rows makes its leftovers unreadable.
//!
//! A rotation gives a workspace a new version and drops the old one. Two locks keep everybody
//! else out of its way: whoever seals holds the version that it seals with until it commits, and
//! whoever makes a version holds the key that wraps it. SQLite has one writer and needs neither.

use kernel::{Clock, StoreError};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, sea_query::OnConflict,
};
use tenancy::WorkspaceId;

use super::{
    KEY_BYTES, Key, NONCE_BYTES, Undecryptable, decrypt, encrypt, envelope::KeyName, random, ring::KeyRing,
};
use crate::{
    bounded::Tx,
    entities::workspace_key::{ActiveModel, Column, Entity, Model},
    error::OrStoreError as _,
    keys::{lookup, state},
    scoped::installation_wide,
    time::to_micros,
};

/// Why a data key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// The wrapped bytes do not belong here, or the key that wrapped them was given up.
    #[error("the workspace's key cannot be unwrapped")]
    Undecryptable,
    /// The ring of this process lacks the key that wrapped it. Another process may have it.
    #[error("the key ring lacks the key that wrapped the workspace's key")]
    Missing,
}

/// A data key and its name, or why there is none.
type Found = Result<(KeyName, Key), KeyError>;

/// The newest data key of the workspace, made if there is none or if the key that wrapped it was
/// given up. Two makers at the same time end with the same one: the key of the table decides.
///
/// `db` is the transaction that stores what is sealed: the key cannot be dropped before it ends.
pub(crate) async fn newest<C: ConnectionTrait>(
    db: &C,
    ring: &KeyRing,
    clock: &dyn Clock,
    workspace_id: WorkspaceId,
) -> Result<Found, StoreError> {
    let row = find_newest(db, workspace_id).await?;
    let version = match row {
        Some(row) if !lookup::is_lost(db, &row.kid).await? => {
            return unwrap(db, ring, workspace_id, &row).await;
        }
        Some(row) => row.version + 1,
        None => 1,
    };
    make(db, ring, clock, workspace_id, version).await
}

/// The newest data key of the workspace, wrapped by the active key: made if it is not.
pub(crate) async fn renewed(
    db: &Tx,
    ring: &KeyRing,
    clock: &dyn Clock,
    workspace_id: WorkspaceId,
) -> Result<Found, StoreError> {
    let Some(active) = state::active(db).await? else {
        return Ok(Err(KeyError::Missing));
    };
    let row = find_newest(db, workspace_id).await?;
    if let Some(row) = row.as_ref().filter(|row| row.kid == active.kid) {
        match unwrap(db, ring, workspace_id, row).await? {
            // Somebody damaged it: what it seals is gone, but the workspace gets another one.
            Err(KeyError::Undecryptable) => {}
            found => return Ok(found),
        }
    }
    let version = row.map_or(1, |row| row.version + 1);
    make(db, ring, clock, workspace_id, version).await
}

/// The data key that a record names.
pub(crate) async fn named<C: ConnectionTrait>(
    db: &C,
    ring: &KeyRing,
    workspace_id: WorkspaceId,
    name: &KeyName,
) -> Result<Result<Key, KeyError>, StoreError> {
    let row = installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
        .filter(Column::Version.eq(i64::from(name.version)))
        .one(db)
        .await
        .or_store_error()?;
    Ok(match row {
        Some(row) => unwrap(db, ring, workspace_id, &row).await?.map(|(_, key)| key),
        None => Err(KeyError::Undecryptable),
    })
}

async fn make<C: ConnectionTrait>(
    db: &C,
    ring: &KeyRing,
    clock: &dyn Clock,
    workspace_id: WorkspaceId,
    version: i64,
) -> Result<Found, StoreError> {
    let Some(active) = state::active(db).await? else {
        return Ok(Err(KeyError::Missing));
    };
    let wrapping = match lookup::usable(db, ring, &active.kid).await? {
        Ok(key) => key,
        Err(error) => return Ok(Err(error)),
    };
    let name = KeyName {
        version: number(version)?,
        kid: active.kid,
    };
    let key = Key::new(random::<KEY_BYTES>());
    let row = ActiveModel {
        workspace_id: Set(workspace_id.as_uuid()),
        version: Set(version),
        wrapped_key: Set(wrap(&wrapping, &context(workspace_id, &name), &key)),
        kid: Set(name.kid),
        created_at: Set(to_micros(clock.now())),
    };
    let insert = Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .into_query();
    db.execute(&insert).await.or_store_error()?;
    let row = find_newest(db, workspace_id).await?.ok_or(StoreError::Conflict)?;
    unwrap(db, ring, workspace_id, &row).await
}

/// The newest version, held until the transaction ends: who drops it has to wait, and then looks
/// at what was sealed with it meanwhile.
async fn find_newest<C: ConnectionTrait>(
    db: &C,
    workspace_id: WorkspaceId,
) -> Result<Option<Model>, StoreError> {
    let read = || {
        installation_wide::<Entity>()
            .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
            .order_by_desc(Column::Version)
            .lock_shared()
            .one(db)
    };
    match read().await.or_store_error()? {
        // The version that was there when the statement began may be dropped: a newer one is not.
        None => read().await.or_store_error(),
        found => Ok(found),
    }
}

fn number(version: i64) -> Result<u32, StoreError> {
    u32::try_from(version).map_err(|_| StoreError::Inconsistent {
        table: "workspace_keys",
        column: "version",
    })
}

fn context(workspace_id: WorkspaceId, name: &KeyName) -> Vec<u8> {
    let mut bytes = b"workspace_key/v1".to_vec();
    bytes.extend_from_slice(workspace_id.as_uuid().as_bytes());
    bytes.extend_from_slice(&name.version.to_be_bytes());
    bytes.extend_from_slice(name.kid.as_bytes());
    bytes
}

fn wrap(wrapping: &Key, context: &[u8], key: &Key) -> Vec<u8> {
    let nonce = random::<NONCE_BYTES>();
    let mut bytes = nonce.to_vec();
    bytes.extend_from_slice(&encrypt(wrapping, nonce, context, key.as_slice()));
    bytes
}

async fn unwrap<C: ConnectionTrait>(
    db: &C,
    ring: &KeyRing,
    workspace_id: WorkspaceId,
    row: &Model,
) -> Result<Found, StoreError> {
    let Ok(version) = u32::try_from(row.version) else {
        return Ok(Err(KeyError::Undecryptable));
    };
    let wrapping = match lookup::usable(db, ring, &row.kid).await? {
        Ok(key) => key,
        Err(error) => return Ok(Err(error)),
    };
    let name = KeyName {
        kid: row.kid.clone(),
        version,
    };
    Ok(
        unwrap_with(&wrapping, &context(workspace_id, &name), &row.wrapped_key)
            .map(|key| (name, key))
            .map_err(|Undecryptable| KeyError::Undecryptable),
    )
}

fn unwrap_with(wrapping: &Key, context: &[u8], wrapped: &[u8]) -> Result<Key, Undecryptable> {
    let (nonce, ciphertext) = wrapped.split_first_chunk::<NONCE_BYTES>().ok_or(Undecryptable)?;
    let plaintext = decrypt(wrapping, *nonce, context, ciphertext)?;
    let mut key = Key::new([0; KEY_BYTES]);
    if plaintext.len() != KEY_BYTES {
        return Err(Undecryptable);
    }
    key.copy_from_slice(&plaintext);
    Ok(key)
}
