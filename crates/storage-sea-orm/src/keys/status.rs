//! What there is to know about the keys, without the keys.

use kernel::{StoreError, Timestamp};

use super::{
    KeyAdmin, KeyState, state,
    usage::{self, Usage},
};
use crate::time::from_micros;

/// One key, in the database or in the file or in both.
#[derive(Debug, Clone)]
pub struct KeyLine {
    /// Its name.
    pub kid: String,
    /// What the database thinks of it; nothing if it does not know it.
    pub state: Option<KeyState>,
    /// Since when.
    pub changed_at: Option<Timestamp>,
    /// Whether the ring file of this host has a key of this name.
    pub in_file: bool,
    /// Whether that one is the key that the database knows; nothing if there are not two to compare.
    pub matches: Option<bool>,
    /// What it protects.
    pub usage: Usage,
}

/// All keys, and how far a rotation is.
#[derive(Debug, Clone)]
pub struct KeyStatus {
    /// In the order in which they were registered; those that only the file has stand at the end.
    pub keys: Vec<KeyLine>,
    /// All credentials.
    pub credentials: u64,
    /// Those under the active key. As many as all of them when a rotation is complete.
    pub under_active: u64,
    /// Those that are marked undecryptable.
    pub undecryptable: u64,
}

impl KeyAdmin {
    /// What there is to know about the keys.
    pub async fn status(&self) -> Result<KeyStatus, StoreError> {
        let (db, ring) = (self.database.readers(), &self.database.context().ring);
        let mut usage = usage::by_kid(db).await?;
        let (mut credentials, mut undecryptable) = (0, 0);
        for one in usage.values() {
            credentials += one.credentials;
            undecryptable += one.undecryptable;
        }
        let mut keys = Vec::new();
        let mut under_active = 0;
        for row in state::all(db).await? {
            let state = state::state(&row)?;
            let value = ring.check_value(&row.kid);
            let usage = usage.remove(&Some(row.kid.clone())).unwrap_or_default();
            if state == KeyState::Active {
                under_active = usage.credentials;
            }
            keys.push(KeyLine {
                state: Some(state),
                changed_at: Some(from_micros(row.changed_at, "key_ring", "changed_at")?),
                in_file: value.is_some(),
                matches: value.map(|value| value == row.check_value),
                usage,
                kid: row.kid,
            });
        }
        for kid in ring.kids() {
            if keys.iter().all(|line| line.kid != kid) {
                keys.push(KeyLine {
                    usage: usage.remove(&Some(kid.clone())).unwrap_or_default(),
                    kid,
                    state: None,
                    changed_at: None,
                    in_file: true,
                    matches: None,
                });
            }
        }
        Ok(KeyStatus {
            keys,
            credentials,
            under_active,
            undecryptable,
        })
    }
}
