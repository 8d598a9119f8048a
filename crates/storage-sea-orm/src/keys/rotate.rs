//! The rotation: another key becomes active, and everything moves under it, batch by batch. Each
//! step is a transaction that leaves the database in order, so it may end anywhere, be started
//! again, and run beside itself and beside every other process.

use std::{collections::BTreeSet, future::Future, time::Duration};

use kernel::{Id, StoreError};
use sea_orm::{ConnectionTrait as _, DbBackend, QuerySelect as _, Statement};
use tenancy::WorkspaceId;
use uuid::Uuid;

use super::{
    KeyAdmin, KeyAdminError, KeyState, cleanup, manage::of_name, reseal, signing, start, state, usage,
};
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
    /// Credentials under the active key.
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
            let mut count = |resealed: u64| {
                report.resealed += resealed;
                now.done += resealed;
                now.total = now.total.max(now.done);
                progress(now);
            };
            report.dropped += self.move_workspace(workspace, batch, &mut count).await?;
        }
        report.undecryptable = usage::by_kid(self.database.readers())
            .await?
            .values()
            .map(|usage| usage.undecryptable)
            .sum();
        report.log_emptied = self.empty_log().await?;
        Ok(report)
    }

    /// Moves the credentials of one workspace until nothing is under an old data key that could
    /// move. Returns how many old data keys were dropped.
    async fn move_workspace(
        &self,
        workspace: WorkspaceId,
        batch: u64,
        resealed: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, KeyAdminError> {
        let mut dropped = 0;
        for _ in 0..ROUNDS {
            let mut after = None;
            loop {
                let done = self
                    .patiently(|| reseal::batch(&self.database, workspace, after, batch))
                    .await?;
                if done.last.is_none() {
                    break;
                }
                after = done.last;
                resealed(done.resealed);
                self.let_others_write().await;
            }
            self.patiently(|| signing::reseal(&self.database, workspace))
                .await?;
            let old = self
                .patiently(|| cleanup::drop_old(&self.database, workspace))
                .await?;
            dropped += old.dropped;
            if !old.waiting {
                return Ok(dropped);
            }
        }
        Err(KeyAdminError::Busy)
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
