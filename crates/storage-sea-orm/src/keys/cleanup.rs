//! Dropping the data keys that a rotation left behind.

use kernel::StoreError;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use tenancy::WorkspaceId;

use super::{signing, usage};
use crate::{
    database::Database,
    entities::{
        credential,
        workspace_key::{Column, Entity},
    },
    error::OrStoreError as _,
    scoped::installation_wide,
};

/// What became of the old data keys of a workspace.
#[derive(Debug, Default)]
pub(super) struct Old {
    /// How many were dropped.
    pub(super) dropped: u64,
    /// Whether credentials that may open are under one of the others: somebody stored them since
    /// the workspace was gone through.
    pub(super) waiting: bool,
}

/// Drops the data keys of the workspace that nothing needs, but never the newest.
pub(super) async fn drop_old(database: &Database, workspace_id: WorkspaceId) -> Result<Old, StoreError> {
    let versions = installation_wide::<Entity>()
        .select_only()
        .column(Column::Version)
        .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
        .order_by_asc(Column::Version)
        .into_tuple::<i64>()
        .all(database.readers())
        .await
        .or_store_error()?;
    let mut old = Old::default();
    for version in versions.split_last().map_or(&[][..], |(_, earlier)| earlier) {
        let (dropped, waiting) = drop_version(database, workspace_id, *version).await?;
        old.dropped += dropped;
        old.waiting |= waiting;
    }
    Ok(old)
}

/// Drops a data key that is not the newest, unless credentials need it. Returns how many keys were
/// dropped, and whether a credential needs it that is not marked undecryptable.
async fn drop_version(
    database: &Database,
    workspace_id: WorkspaceId,
    version: i64,
) -> Result<(u64, bool), StoreError> {
    let unit = database.transaction().await?;
    // Waits for whoever is sealing with this key, and sees below what they stored. Whoever comes
    // later finds a newer key.
    installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
        .filter(Column::Version.eq(version))
        .lock_exclusive()
        .one(&unit)
        .await
        .or_store_error()?;
    let here = Condition::all().add(credential::Column::WorkspaceId.eq(workspace_id.as_uuid()));
    let mut marks = installation_wide::<credential::Entity>()
        .select_only()
        .column(credential::Column::Undecryptable)
        .filter(here.clone())
        .filter(credential::Column::DataKeyVersion.eq(version))
        .into_tuple::<bool>()
        .all(&unit)
        .await
        .or_store_error()?;
    for row in usage::unnamed(&unit, here).await? {
        if row.name.is_some_and(|name| i64::from(name.version) == version) {
            marks.push(row.undecryptable);
        }
    }
    marks.extend(signing::marks_under(&unit, workspace_id, version).await?);
    if !marks.is_empty() {
        return Ok((0, marks.contains(&false)));
    }
    let dropped = Entity::delete_by_id((workspace_id.as_uuid(), version))
        .exec(&unit)
        .await
        .or_store_error()?;
    unit.commit().await.or_store_error()?;
    Ok((dropped.rows_affected, false))
}
