//! What a process does with the key ring when it opens the database.

use kernel::StoreError;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait as _, EntityTrait as _, QueryTrait as _};

use super::state::{self, KeyState};
use crate::{
    bounded::Tx,
    cipher::ring::{KeyRing, KeyRingError},
    database::Database,
    entities::key_ring_entry::{ActiveModel, Entity},
    error::OrStoreError as _,
    time::to_micros,
};

/// Compares the ring with the keys that the database knows, and gives the name of the oldest one
/// that is in use. A database that knows none takes the keys of the ring. Otherwise nothing is
/// registered here: a typing error in a file must not become a fact.
///
/// Refuses a ring that lacks a key that is needed, or that holds another one under its name.
pub(crate) async fn check(database: &Database) -> Result<String, KeyRingError> {
    let ring = &database.context().ring;
    let mut known = state::all(database.writer()).await?;
    if known.is_empty() {
        register_first(database).await?;
        known = state::all(database.writer()).await?;
    }
    let mut oldest = None;
    let mut active = false;
    for row in &known {
        let state = state::state(row)?;
        let fits = ring.check_value(&row.kid).map(|value| value == row.check_value);
        match (state.is_needed(), fits) {
            (true, None) => return Err(KeyRingError::Missing(row.kid.clone())),
            (true, Some(false)) => return Err(KeyRingError::Mismatch(row.kid.clone())),
            (true, Some(true)) => {
                ring.trust(&row.kid);
                oldest.get_or_insert_with(|| row.kid.clone());
            }
            (false, Some(false)) => tracing::warn!(
                kid = row.kid,
                state = state.as_str(),
                "the key ring file holds another key under the name of one that is not in use: it is not used"
            ),
            (false, _) => {}
        }
        active |= state == KeyState::Active;
    }
    for kid in ring.kids() {
        if known.iter().all(|row| row.kid != kid) {
            tracing::warn!(
                kid,
                "a key of the key ring file is unknown to the database and not used: run `tenantatlas keys add`"
            );
        }
    }
    oldest.filter(|_| active).ok_or(KeyRingError::NoneActive)
}

/// Registers the keys of the ring in a database that knows none; the last line becomes active.
/// Of processes that start together one does it, for the index has room for one active key.
pub(super) async fn register_first(database: &Database) -> Result<(), StoreError> {
    let context = database.context();
    let now = to_micros(context.clock.now());
    let unit = database.transaction().await?;
    let kids = context.ring.kids();
    let (last, earlier) = kids.split_last().expect("a ring is never empty");
    if insert(&unit, &context.ring, last, KeyState::Active, now).await? {
        // Times that differ keep the order of the lines.
        for (kid, before) in earlier.iter().rev().zip(1..) {
            insert(&unit, &context.ring, kid, KeyState::Registered, now - before).await?;
        }
    }
    unit.commit().await.or_store_error()
}

/// Registers a key of the ring. `at` is in microseconds since 1970. `false` when it is known
/// already, or would be a second active one.
pub(super) async fn insert(
    db: &Tx,
    ring: &KeyRing,
    kid: &str,
    state: KeyState,
    at: i64,
) -> Result<bool, StoreError> {
    let Some(check_value) = ring.check_value(kid) else {
        return Ok(false);
    };
    let row = ActiveModel {
        kid: Set(kid.to_owned()),
        check_value: Set(check_value),
        registered_at: Set(at),
        state: Set(state.as_str().to_owned()),
        changed_at: Set(at),
    };
    let insert = Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .into_query();
    Ok(db.execute(&insert).await.or_store_error()?.rows_affected() == 1)
}
