//! Signing secrets of webhooks in a rotation: opened, and sealed again under the workspace's
//! newest data key, so that the old one can go. One transaction for a workspace: they are few.

use kernel::StoreError;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _, Query},
};
use tenancy::WorkspaceId;

use crate::{
    bounded::Tx,
    cipher::{Key, envelope, envelope::KeyName, workspace_keys},
    database::Database,
    entities::{
        webhook,
        webhook_secret::{Column, Entity, Model},
    },
    error::OrStoreError as _,
    scoped::installation_wide,
    webhooks::secrets::binding,
};

/// Moves the signing secrets of a workspace to its newest data key. Those that do not open are
/// marked and left as they are.
pub(super) async fn reseal(database: &Database, workspace: WorkspaceId) -> Result<(), StoreError> {
    let context = database.context();
    let db = database.transaction().await?;
    let present = installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace.as_uuid()))
        .all(&db)
        .await
        .or_store_error()?;
    if present.is_empty() {
        return Ok(());
    }
    let newest = workspace_keys::renewed(&db, &context.ring, context.clock.as_ref(), workspace).await?;
    // The credentials of the workspace go through the same and say why it cannot be.
    let Ok((name, key)) = newest else {
        return Ok(());
    };
    for row in present {
        if row.data_key_version == i64::from(name.version) {
            continue;
        }
        move_one(&db, database, workspace, &row, (&name, &key)).await?;
    }
    db.commit().await.or_store_error()
}

async fn move_one(
    db: &Tx,
    database: &Database,
    workspace: WorkspaceId,
    row: &Model,
    (name, key): (&KeyName, &Key),
) -> Result<(), StoreError> {
    let url = installation_wide::<webhook::Entity>()
        .filter(webhook::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(webhook::Column::Id.eq(row.webhook_id))
        .one(db)
        .await
        .or_store_error()?
        .map(|webhook| webhook.url)
        .unwrap_or_default();
    let binding = binding(workspace, row.webhook_id, row.id, &url);
    let opened = match envelope::key_name(&row.sealed) {
        Err(_) => None,
        Ok(old) => {
            let ring = &database.context().ring;
            let old = workspace_keys::named(db, ring, workspace, &old).await?;
            old.ok()
                .and_then(|old| envelope::open(&old, &binding, &row.sealed).ok())
        }
    };
    let mut update = Query::update();
    update
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(row.workspace_id))
        .and_where(Expr::col(Column::Id).eq(row.id))
        .and_where(Expr::col(Column::Sealed).eq(row.sealed.as_slice()));
    match opened {
        Some(secret) => update
            .value(Column::Sealed, envelope::seal(key, name, &binding, &secret))
            .value(Column::DataKeyVersion, i64::from(name.version))
            .value(Column::Undecryptable, false),
        None => update.value(Column::Undecryptable, true),
    };
    db.execute(&update).await.or_store_error()?;
    Ok(())
}

/// Whether each secret under a version of the data key is marked undecryptable.
pub(super) async fn marks_under(
    db: &Tx,
    workspace: WorkspaceId,
    version: i64,
) -> Result<Vec<bool>, StoreError> {
    let rows = installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(Column::DataKeyVersion.eq(version))
        .all(db)
        .await
        .or_store_error()?;
    Ok(rows.into_iter().map(|row| row.undecryptable).collect())
}
