//! Signing secrets, sealed with the workspace's key and bound to the webhook and to its URL: at
//! another address the same bytes do not open. [`crate::vault`]'s holder alone opens them.

use kernel::{StoreError, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait as _, EntityTrait as _,
    sea_query::{Expr, ExprTrait as _, Query},
};
use tenancy::{WorkspaceId, WorkspaceScope};
use uuid::Uuid;
use webhooks::{NewSecret, Webhook, WebhookId};

use crate::{
    bounded::Tx,
    cipher::{
        binding::SigningBinding,
        envelope,
        workspace_keys::{self, KeyError},
    },
    database::Context,
    entities::webhook_secret::{ActiveModel, Column, Entity},
    error::OrStoreError as _,
    time::to_micros,
};

/// What the secret `id` of the webhook at `url` is bound to.
pub(crate) const fn binding(
    workspace_id: WorkspaceId,
    webhook_id: Uuid,
    secret_id: Uuid,
    url: &str,
) -> SigningBinding<'_> {
    SigningBinding {
        workspace_id,
        webhook_id,
        secret_id,
        url,
    }
}

/// Stores a secret that signs from now on.
pub(super) async fn add(
    db: &Tx,
    context: &Context,
    scope: &WorkspaceScope,
    webhook: &Webhook,
    new: &NewSecret<'_>,
) -> Result<(), StoreError> {
    let workspace_id = scope.workspace_id();
    let (name, key) = workspace_keys::newest(db, &context.ring, context.clock.as_ref(), workspace_id)
        .await?
        .map_err(|error| match error {
            KeyError::Missing => StoreError::Unavailable(Box::new(error)),
            KeyError::Undecryptable => StoreError::Inconsistent {
                table: "workspace_keys",
                column: "wrapped_key",
            },
        })?;
    let binding = binding(
        workspace_id,
        webhook.id.as_uuid(),
        new.id.as_uuid(),
        webhook.url.as_str(),
    );
    let row = ActiveModel {
        workspace_id: Set(workspace_id.as_uuid()),
        id: Set(new.id.as_uuid()),
        webhook_id: Set(webhook.id.as_uuid()),
        created_at: Set(to_micros(new.created_at)),
        expires_at: Set(None),
        sealed: Set(envelope::seal(&key, &name, &binding, new.secret.expose())),
        data_key_version: Set(i64::from(name.version)),
        undecryptable: Set(false),
    };
    Entity::insert(row)
        .exec_without_returning(db)
        .await
        .or_store_error()?;
    Ok(())
}

/// Gives the present secret an end, and forgets those that have one already: two sign at the most.
pub(super) async fn retire(
    db: &Tx,
    scope: &WorkspaceScope,
    webhook: WebhookId,
    until: Timestamp,
) -> Result<(), StoreError> {
    let older = Query::delete()
        .from_table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::WebhookId).eq(webhook.as_uuid()))
        .and_where(Expr::col(Column::ExpiresAt).is_not_null())
        .to_owned();
    db.execute(&older).await.or_store_error()?;
    let present = Query::update()
        .table(Entity)
        .value(Column::ExpiresAt, to_micros(until))
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::WebhookId).eq(webhook.as_uuid()))
        .to_owned();
    db.execute(&present).await.or_store_error()?;
    Ok(())
}

/// Forgets every secret of a webhook.
pub(super) async fn forget(db: &Tx, scope: &WorkspaceScope, webhook: WebhookId) -> Result<(), StoreError> {
    let all = Query::delete()
        .from_table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::WebhookId).eq(webhook.as_uuid()))
        .to_owned();
    db.execute(&all).await.or_store_error()?;
    Ok(())
}
