//! The data keys of workspaces: made on first use, wrapped by the ring's active key, unwrapped
//! for each use. Dropping a workspace's row makes its leftovers unreadable.

use kernel::{Clock, StoreError};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QueryTrait as _, sea_query::OnConflict,
};
use tenancy::WorkspaceId;

use super::{
    KEY_BYTES, Key, NONCE_BYTES, Undecryptable, decrypt, encrypt, envelope::KeyName, random, ring::KeyRing,
};
use crate::{
    entities::workspace_key::{ActiveModel, Column, Entity, Model},
    error::OrStoreError as _,
    scoped::installation_wide,
    time::to_micros,
};

/// Why a data key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// The wrapped bytes do not belong here.
    #[error("the workspace's key cannot be unwrapped")]
    Undecryptable,
    /// The ring of this process lacks the key that wrapped it. Another process may have it.
    #[error("the key ring lacks the key that wrapped the workspace's key")]
    Missing,
}

/// The newest data key of the workspace, made if there is none. Two makers at the same time end
/// with the same one: the key of the table decides.
pub(crate) async fn newest<C: ConnectionTrait>(
    db: &C,
    ring: &KeyRing,
    clock: &dyn Clock,
    workspace_id: WorkspaceId,
) -> Result<Result<(KeyName, Key), KeyError>, StoreError> {
    if let Some(row) = find_newest(db, workspace_id).await? {
        return Ok(unwrap(ring, workspace_id, &row));
    }
    let key = Key::new(random::<KEY_BYTES>());
    let kid = ring.active().to_owned();
    let row = ActiveModel {
        workspace_id: Set(workspace_id.as_uuid()),
        version: Set(1),
        wrapped_key: Set(wrap(
            ring,
            workspace_id,
            &KeyName {
                kid: kid.clone(),
                version: 1,
            },
            &key,
        )),
        kid: Set(kid),
        created_at: Set(to_micros(clock.now())),
    };
    let insert = Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .into_query();
    db.execute(&insert).await.or_store_error()?;
    let row = find_newest(db, workspace_id).await?.ok_or(StoreError::Conflict)?;
    Ok(unwrap(ring, workspace_id, &row))
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
        Some(row) => unwrap(ring, workspace_id, &row).map(|(_, key)| key),
        None => Err(KeyError::Undecryptable),
    })
}

async fn find_newest<C: ConnectionTrait>(
    db: &C,
    workspace_id: WorkspaceId,
) -> Result<Option<Model>, StoreError> {
    installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
        .order_by_desc(Column::Version)
        .one(db)
        .await
        .or_store_error()
}

fn context(workspace_id: WorkspaceId, name: &KeyName) -> Vec<u8> {
    let mut bytes = b"workspace_key/v1".to_vec();
    bytes.extend_from_slice(workspace_id.as_uuid().as_bytes());
    bytes.extend_from_slice(&name.version.to_be_bytes());
    bytes.extend_from_slice(name.kid.as_bytes());
    bytes
}

fn wrap(ring: &KeyRing, workspace_id: WorkspaceId, name: &KeyName, key: &Key) -> Vec<u8> {
    let wrapping = ring.key(&name.kid).expect("the active key is in the ring");
    let nonce = random::<NONCE_BYTES>();
    let mut bytes = nonce.to_vec();
    bytes.extend_from_slice(&encrypt(
        wrapping,
        nonce,
        &context(workspace_id, name),
        key.as_slice(),
    ));
    bytes
}

fn unwrap(ring: &KeyRing, workspace_id: WorkspaceId, row: &Model) -> Result<(KeyName, Key), KeyError> {
    let version = u32::try_from(row.version).map_err(|_| KeyError::Undecryptable)?;
    let name = KeyName {
        kid: row.kid.clone(),
        version,
    };
    let wrapping = ring.key(&name.kid).ok_or(KeyError::Missing)?;
    unwrap_with(wrapping, &context(workspace_id, &name), &row.wrapped_key)
        .map(|key| (name, key))
        .map_err(|Undecryptable| KeyError::Undecryptable)
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
