//! Registering, retiring and giving up keys. Each is one transaction that holds the rows of all
//! keys, so that none of them changes underneath.

use super::{
    KeyAdmin, KeyAdminError, KeyState,
    start::{insert, register_first},
    state, usage,
};
use crate::{
    cipher::ring::KeyRingError, entities::key_ring_entry::Model, error::OrStoreError as _, time::to_micros,
};

/// What registering a key came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The database knows it now.
    Registered,
    /// The database knew it, and the ring has the same one.
    Known(KeyState),
    /// It was retired or lost, and can be used again.
    Returned,
}

impl KeyAdmin {
    /// Keys of the ring that the database does not know.
    pub async fn unregistered(&self) -> Result<Vec<String>, KeyAdminError> {
        let known = state::all(self.database.readers()).await?;
        let mut kids = self.database.context().ring.kids();
        kids.retain(|kid| known.iter().all(|row| row.kid != *kid));
        Ok(kids)
    }

    /// A name that neither the ring nor the database has: `k1`, `k2` and so on.
    pub async fn free_name(&self) -> Result<String, KeyAdminError> {
        let known = state::all(self.database.readers()).await?;
        let kids = self.database.context().ring.kids();
        let taken = |kid: &String| kids.contains(kid) || known.iter().any(|row| row.kid == *kid);
        let mut names = (1_u32..).map(|number| format!("k{number}"));
        Ok(names.find(|kid| !taken(kid)).unwrap_or_else(|| "k0".to_owned()))
    }

    /// Reads the ring file again, after it was changed.
    pub fn reload(&self) {
        self.database.context().ring.reload();
    }

    /// Registers the ring's key of this name. One that is known is compared; one that was retired
    /// or lost and is there again is registered anew, and what it protects opens again.
    pub async fn add(&self, kid: &str) -> Result<Added, KeyAdminError> {
        let context = self.database.context();
        let value = context.ring.check_value(kid);
        let value = value.ok_or_else(|| KeyAdminError::NotInRing(kid.to_owned()))?;
        if state::all(self.database.writer()).await?.is_empty() {
            register_first(&self.database).await?;
            return Ok(Added::Registered);
        }
        let unit = self.database.transaction().await?;
        let known = state::all_held(&unit).await?;
        let at = to_micros(context.clock.now());
        let added = match known.iter().find(|row| row.kid == kid) {
            None => {
                insert(&unit, &context.ring, kid, KeyState::Registered, at).await?;
                Added::Registered
            }
            Some(row) if row.check_value != value => {
                return Err(KeyRingError::Mismatch(kid.to_owned()).into());
            }
            Some(row) => match state::state(row)? {
                known @ (KeyState::Registered | KeyState::Active) => Added::Known(known),
                KeyState::Retired | KeyState::Lost => {
                    state::set(&unit, kid, KeyState::Registered, at).await?;
                    Added::Returned
                }
            },
        };
        unit.commit().await.or_store_error()?;
        Ok(added)
    }

    /// Retires a key that protects nothing any more.
    pub async fn retire(&self, kid: &str) -> Result<(), KeyAdminError> {
        let unit = self.database.transaction().await?;
        let known = state::all_held(&unit).await?;
        match state::state(of_name(&known, kid)?)? {
            KeyState::Active => return Err(KeyAdminError::StillActive(kid.to_owned())),
            KeyState::Retired => return Ok(()),
            KeyState::Registered | KeyState::Lost => {}
        }
        let usage = usage::by_kid(&unit).await?.remove(&Some(kid.to_owned()));
        let usage = usage.unwrap_or_default();
        if !usage.is_nothing() {
            return Err(KeyAdminError::InUse {
                kid: kid.to_owned(),
                usage,
            });
        }
        let at = to_micros(self.database.context().clock.now());
        state::set(&unit, kid, KeyState::Retired, at).await?;
        unit.commit().await.or_store_error()?;
        Ok(())
    }

    /// Gives up a key that nobody has any more: every credential under it is marked, in the same
    /// transaction. If it was the active one, the newest key that is there takes its place.
    /// Returns how many credentials were marked now, and the key that is active.
    pub async fn forget(&self, kid: &str) -> Result<(u64, String), KeyAdminError> {
        let ring = &self.database.context().ring;
        let at = to_micros(self.database.context().clock.now());
        let unit = self.database.transaction().await?;
        let known = state::all_held(&unit).await?;
        let lost = of_name(&known, kid)?;
        if ring.check_value(kid).as_ref() == Some(&lost.check_value) {
            return Err(KeyAdminError::NotLost(kid.to_owned()));
        }
        state::set(&unit, kid, KeyState::Lost, at).await?;
        let marked = usage::mark_under(&unit, self.database.context(), kid).await?;
        let mut others = Vec::new();
        for row in known.iter().filter(|row| row.kid != kid) {
            others.push((row, state::state(row)?));
        }
        let active = others.iter().find(|(_, state)| *state == KeyState::Active);
        let active = if let Some((row, _)) = active {
            row.kid.clone()
        } else {
            let fits = |row: &Model| ring.check_value(&row.kid).as_ref() == Some(&row.check_value);
            let registered = |(row, state): &&(&Model, KeyState)| *state == KeyState::Registered && fits(row);
            let unknown = |name: &String| known.iter().all(|row| row.kid != *name);
            if let Some((row, _)) = others.iter().rfind(registered) {
                state::set(&unit, &row.kid, KeyState::Active, at).await?;
                row.kid.clone()
            } else if let Some(name) = ring.kids().into_iter().rfind(unknown) {
                insert(&unit, ring, &name, KeyState::Active, at).await?;
                name
            } else {
                return Err(KeyAdminError::NoSuccessor(kid.to_owned()));
            }
        };
        unit.commit().await.or_store_error()?;
        Ok((marked, active))
    }
}

pub(super) fn of_name<'a>(known: &'a [Model], kid: &str) -> Result<&'a Model, KeyAdminError> {
    let row = known.iter().find(|row| row.kid == kid);
    row.ok_or_else(|| KeyAdminError::Unknown(kid.to_owned()))
}
