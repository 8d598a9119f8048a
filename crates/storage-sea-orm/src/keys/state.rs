//! The states of keys, and the rows that hold them.

use kernel::StoreError;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Query},
};

use crate::{
    bounded::Tx,
    entities::key_ring_entry::{Column, Entity, Model},
    error::OrStoreError as _,
    scoped::installation_wide,
};

/// What the database thinks of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Known, and needed as long as it protects anything.
    Registered,
    /// New data keys are wrapped with it. One key at most.
    Active,
    /// Protects nothing any more; may be missing from the file.
    Retired,
    /// Given up, and with it everything that it protects.
    Lost,
}

impl KeyState {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Lost => "lost",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Registered, Self::Active, Self::Retired, Self::Lost]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// Whether every process must have the key.
    pub(crate) const fn is_needed(self) -> bool {
        matches!(self, Self::Registered | Self::Active)
    }
}

/// The state of a row.
pub(crate) fn state(row: &Model) -> Result<KeyState, StoreError> {
    KeyState::parse(&row.state).ok_or(StoreError::Inconsistent {
        table: "key_ring",
        column: "state",
    })
}

/// All keys that the database knows, the one that was registered first at the beginning.
pub(crate) async fn all<C: ConnectionTrait>(db: &C) -> Result<Vec<Model>, StoreError> {
    installation_wide::<Entity>()
        .order_by_asc(Column::RegisteredAt)
        .order_by_asc(Column::Kid)
        .all(db)
        .await
        .or_store_error()
}

/// The same, held until the transaction ends: nobody else changes a state meanwhile, and nobody
/// is about to wrap a data key with one of them.
pub(super) async fn all_held(db: &Tx) -> Result<Vec<Model>, StoreError> {
    let mut rows = installation_wide::<Entity>()
        .order_by_asc(Column::Kid)
        .lock_exclusive()
        .all(db)
        .await
        .or_store_error()?;
    rows.sort_by(|a, b| (a.registered_at, &a.kid).cmp(&(b.registered_at, &b.kid)));
    Ok(rows)
}

/// What the database knows of the key of this name.
pub(crate) async fn find<C: ConnectionTrait>(db: &C, kid: &str) -> Result<Option<Model>, StoreError> {
    installation_wide::<Entity>()
        .filter(Column::Kid.eq(kid))
        .one(db)
        .await
        .or_store_error()
}

/// The active key. In a transaction it stays active until the end of it: on PostgreSQL the row is
/// locked against a change, on SQLite nobody else writes. So whoever wraps a data key with it is
/// done before another key becomes active, and a rotation sees what was wrapped.
pub(crate) async fn active<C: ConnectionTrait>(db: &C) -> Result<Option<Model>, StoreError> {
    let read = || {
        installation_wide::<Entity>()
            .filter(Column::State.eq(KeyState::Active.as_str()))
            .lock_shared()
            .one(db)
    };
    match read().await.or_store_error()? {
        // The row that was active when the statement began no longer is: there is another.
        None => read().await.or_store_error(),
        found => Ok(found),
    }
}

/// Sets the state of a key. `at` is in microseconds since 1970.
pub(super) async fn set(db: &Tx, kid: &str, state: KeyState, at: i64) -> Result<(), StoreError> {
    let update = Query::update()
        .table(Entity)
        .value(Column::State, state.as_str())
        .value(Column::ChangedAt, at)
        .and_where(Expr::col(Column::Kid).eq(kid))
        .and_where(Expr::col(Column::State).ne(state.as_str()))
        .to_owned();
    db.execute(&update).await.or_store_error()?;
    Ok(())
}
