//! The rotation: another key becomes active, and everything moves under it, batch by batch. Each
//! step is a transaction that leaves the database in order, so it may end anywhere, be started
//! again, and run beside itself and beside every other process.

use std::{collections::BTreeSet, future::Future, time::Duration};

use kernel::{Id, StoreError};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, DbBackend, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Statement,
};
use tenancy::WorkspaceId;
use uuid::Uuid;

use super::{KeyAdmin, KeyAdminError, KeyState, manage::of_name, reseal, start, state, usage};
use crate::{
    cipher::ring::KeyRingError,
    entities::{credential, workspace_key},
    error::OrStoreError as _,
    scoped::installation_wide,
    time::to_micros,
};

/// How often a workspace is gone through while others store credentials under its old key.
const ROUNDS: u32 = 50;
/// How often a step is tried that met a lock or a lost connection.
const TRIES: u32 = 8;

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationProgress {
    /// Credentials that need no more work, those included that do not open.
    pub done: u64,
    /// All credentials.
    pub total: u64,
}

/// What a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotationReport {
    /// The key that everything is under now.
    pub kid: String,
    /// Credentials that were sealed anew by this call.
    pub resealed: u64,
    /// Data keys that nothing needs any more, dropped by this call.
    pub dropped: u64,
    /// Credentials that are marked undecryptable, in the whole installation.
    pub undecryptable: u64,
    /// Whether SQLite's log was written back and emptied; `true` on PostgreSQL, where there is
    /// nothing to do.
    pub log_emptied: bool,
}

impl KeyAdmin {
    /// Makes `to`, or the key that was registered last, active, and moves every credential under
    /// it, `batch` at a time. `progress` is called after each batch.
    ///
    /// Credentials that do not open are marked and left as they are, and so are the data keys
    /// that they name.
    pub async fn rotate(
        &self,
        to: Option<&str>,
        batch: u64,
        progress: &mut (dyn FnMut(RotationProgress) + Send),
    ) -> Result<RotationReport, KeyAdminError> {
        start::check(&self.database).await?;
        let mut report = RotationReport {
            kid: self.patiently(|| self.activate(to)).await?,
            ..RotationReport::default()
        };
        let mut now = self.progress(&report.kid).await?;
        progress(now);
        for workspace in self.workspaces().await? {
            let mut rounds = 0..ROUNDS;
            loop {
                rounds.next().ok_or(KeyAdminError::Busy)?;
                let mut after = None;
                loop {
                    let done = self
                        .patiently(|| reseal::batch(&self.database, workspace, after, batch))
                        .await?;
                    if done.last.is_none() {
                        break;
                    }
                    after = done.last;
                    report.resealed += done.resealed;
                    now.done += done.resealed;
                    now.total = now.total.max(now.done);
                    progress(now);
                    self.let_others_write().await;
                }
                let (dropped, waiting) = self.patiently(|| self.drop_old(workspace)).await?;
                report.dropped += dropped;
                if !waiting {
                    break;
                }
            }
        }
        report.undecryptable = usage::by_kid(self.database.readers())
            .await?
            .values()
            .map(|usage| usage.undecryptable)
            .sum();
        report.log_emptied = self.empty_log().await?;
        Ok(report)
    }

    /// Makes a key active and returns its name. Waits for whoever wraps a data key with the
    /// former one: what they wrapped is there to be seen when this returns.
    async fn activate(&self, to: Option<&str>) -> Result<String, KeyAdminError> {
        let context = self.database.context();
        let unit = self.database.transaction().await?;
        let known = state::all_held(&unit).await?;
        let mut newest = None;
        for row in &known {
            if state::state(row)?.is_needed() {
                newest = Some(row);
            }
        }
        let row = match to {
            Some(kid) => of_name(&known, kid)?,
            None => newest.ok_or(KeyRingError::NoneActive)?,
        };
        let kid = row.kid.clone();
        match state::state(row)? {
            KeyState::Active => return Ok(kid),
            KeyState::Registered => {}
            state @ (KeyState::Retired | KeyState::Lost) => {
                return Err(KeyAdminError::NotRegistered { kid, state });
            }
        }
        // Registered after the start was checked: this process may lack it.
        context.ring.reload();
        if context.ring.check_value(&kid).as_ref() != Some(&row.check_value) {
            return Err(KeyRingError::Missing(kid).into());
        }
        let at = to_micros(context.clock.now());
        for row in known.iter().filter(|row| row.state == KeyState::Active.as_str()) {
            state::set(&unit, &row.kid, KeyState::Registered, at).await?;
        }
        state::set(&unit, &kid, KeyState::Active, at).await?;
        unit.commit().await.or_store_error()?;
        Ok(kid)
    }

    async fn progress(&self, active: &str) -> Result<RotationProgress, StoreError> {
        let usage = usage::by_kid(self.database.readers()).await?;
        Ok(RotationProgress {
            done: usage
                .get(&Some(active.to_owned()))
                .map_or(0, |usage| usage.credentials),
            total: usage.values().map(|usage| usage.credentials).sum(),
        })
    }

    /// Workspaces that have data keys or credentials.
    async fn workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
        let db = self.database.readers();
        let with_keys = installation_wide::<workspace_key::Entity>()
            .select_only()
            .column(workspace_key::Column::WorkspaceId)
            .distinct()
            .into_tuple::<Uuid>()
            .all(db)
            .await
            .or_store_error()?;
        let with_credentials = installation_wide::<credential::Entity>()
            .select_only()
            .column(credential::Column::WorkspaceId)
            .distinct()
            .into_tuple::<Uuid>()
            .all(db)
            .await
            .or_store_error()?;
        let all: BTreeSet<_> = with_keys.into_iter().chain(with_credentials).collect();
        Ok(all.into_iter().map(Id::from_uuid).collect())
    }

    /// Drops the data keys of the workspace that nothing needs. Returns how many, and whether
    /// credentials that may open wait under one of the others.
    async fn drop_old(&self, workspace_id: WorkspaceId) -> Result<(u64, bool), KeyAdminError> {
        let versions = installation_wide::<workspace_key::Entity>()
            .select_only()
            .column(workspace_key::Column::Version)
            .filter(workspace_key::Column::WorkspaceId.eq(workspace_id.as_uuid()))
            .order_by_asc(workspace_key::Column::Version)
            .into_tuple::<i64>()
            .all(self.database.readers())
            .await
            .or_store_error()?;
        let (mut dropped, mut waiting) = (0, false);
        let old = versions.split_last().map_or(&[][..], |(_, old)| old);
        for version in old {
            match self.drop_version(workspace_id, *version).await? {
                (0, _) => dropped += 1,
                (_, openable) => waiting |= openable > 0,
            }
        }
        Ok((dropped, waiting))
    }

    /// Drops a data key that is not the newest, unless credentials need it. Returns how many do,
    /// and how many of them are not marked undecryptable.
    async fn drop_version(&self, workspace_id: WorkspaceId, version: i64) -> Result<(u64, u64), StoreError> {
        use credential::Column as C;
        let unit = self.database.transaction().await?;
        // Waits for whoever is sealing with this key, and sees below what they stored. Whoever
        // comes later finds a newer key.
        let key = installation_wide::<workspace_key::Entity>()
            .filter(workspace_key::Column::WorkspaceId.eq(workspace_id.as_uuid()))
            .filter(workspace_key::Column::Version.eq(version))
            .lock_exclusive()
            .one(&unit)
            .await
            .or_store_error()?;
        if key.is_none() {
            return Ok((0, 0));
        }
        let here = Condition::all().add(C::WorkspaceId.eq(workspace_id.as_uuid()));
        let named = installation_wide::<credential::Entity>()
            .select_only()
            .column(C::Undecryptable)
            .filter(here.clone())
            .filter(C::DataKeyVersion.eq(version))
            .into_tuple::<bool>()
            .all(&unit)
            .await
            .or_store_error()?;
        let mut users = named;
        for row in usage::unnamed(&unit, here).await? {
            if row.name.is_some_and(|name| i64::from(name.version) == version) {
                users.push(row.undecryptable);
            }
        }
        if users.is_empty() {
            workspace_key::Entity::delete_by_id((workspace_id.as_uuid(), version))
                .exec(&unit)
                .await
                .or_store_error()?;
            unit.commit().await.or_store_error()?;
        }
        let openable = users.iter().filter(|undecryptable| !**undecryptable).count();
        Ok((users.len() as u64, openable as u64))
    }

    /// Writes SQLite's log back and empties it, so that what was sealed under old keys stands in
    /// no file any more. `false` when a reader was in the way.
    async fn empty_log(&self) -> Result<bool, StoreError> {
        let db = self.database.writer();
        if db.get_database_backend() != DbBackend::Sqlite {
            return Ok(true);
        }
        for attempt in 0..TRIES {
            let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
            let row = db.query_one_raw(statement).await.or_store_error()?;
            let blocked = row.and_then(|row| row.try_get_by_index::<i64>(0).ok());
            if blocked == Some(0) {
                return Ok(true);
            }
            pause(Duration::from_millis(25) * 2_u32.pow(attempt)).await;
        }
        Ok(false)
    }

    /// SQLite has one writer and no queue before it: without a gap, whoever else wants to write
    /// would find the rotation there each time that it looks.
    async fn let_others_write(&self) {
        if self.database.writer().get_database_backend() == DbBackend::Sqlite {
            pause(Duration::from_millis(10)).await;
        }
    }

    /// Tries a step again that met a lock, a deadlock or a lost connection.
    async fn patiently<T, F, Fut, E>(&self, step: F) -> Result<T, KeyAdminError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Into<KeyAdminError>,
    {
        for attempt in 0..TRIES {
            match step().await.map_err(Into::into) {
                Err(KeyAdminError::Store(error)) if error.retryable() && attempt + 1 < TRIES => {
                    tracing::warn!(%error, "a step of the rotation is tried again");
                    pause(Duration::from_millis(50) * 2_u32.pow(attempt)).await;
                }
                result => return result,
            }
        }
        Err(KeyAdminError::Busy)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the rotation may end at any moment: whoever stops it ends the process"
)]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
