//! Which key of the ring may be used: only one that the database knows by its check value.

use kernel::StoreError;
use sea_orm::ConnectionTrait;

use super::state::{self, KeyState};
use crate::cipher::{Key, ring::KeyRing, workspace_keys::KeyError};

/// The key of this name. If the ring lacks it, the file may have gained it since the process
/// started: it is looked at again before anybody is told that the key is missing.
pub(crate) async fn usable<C: ConnectionTrait>(
    db: &C,
    ring: &KeyRing,
    kid: &str,
) -> Result<Result<Key, KeyError>, StoreError> {
    if let Some(key) = ring.trusted_key(kid) {
        return Ok(Ok(key));
    }
    let Some(row) = state::find(db, kid).await? else {
        return Ok(Err(KeyError::Missing));
    };
    if state::state(&row)? == KeyState::Lost {
        return Ok(Err(KeyError::Undecryptable));
    }
    let fits = || ring.check_value(kid).as_ref() == Some(&row.check_value);
    if !fits() {
        ring.reload();
    }
    if !fits() {
        tracing::error!(
            kid,
            "the key ring file lacks a key, or holds another one under its name"
        );
        return Ok(Err(KeyError::Missing));
    }
    ring.trust(kid);
    Ok(ring.trusted_key(kid).ok_or(KeyError::Missing))
}

/// Whether the key of this name was given up. Asks the database even if this process still holds
/// the key: what it would seal under it now, no later process could open.
pub(crate) async fn is_lost<C: ConnectionTrait>(db: &C, kid: &str) -> Result<bool, StoreError> {
    let row = state::find(db, kid).await?;
    Ok(row.map(|row| state::state(&row)).transpose()? == Some(KeyState::Lost))
}
