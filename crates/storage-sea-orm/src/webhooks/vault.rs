//! Opens signing secrets, for whoever holds the [`Vault`].

use async_trait::async_trait;
use kernel::Timestamp;
use sea_orm::{ColumnTrait as _, Condition, QueryFilter as _, QueryOrder as _};
use tenancy::WorkspaceId;
use webhooks::{SigningSecret, SigningVault, SigningVaultError, Webhook};

use super::{claim::system_scope, secrets::binding};
use crate::{
    cipher::{envelope, workspace_keys},
    entities::webhook_secret::{Column, Entity, Model},
    error::OrStoreError as _,
    scoped::scoped,
    time::to_micros,
    vault::Vault,
};

#[async_trait]
impl SigningVault for Vault {
    async fn signing_secrets(
        &self,
        workspace: WorkspaceId,
        webhook: &Webhook,
        now: Timestamp,
    ) -> Result<Vec<SigningSecret>, SigningVaultError> {
        let signing = Condition::any()
            .add(Column::ExpiresAt.is_null())
            .add(Column::ExpiresAt.gt(to_micros(now)));
        let rows = scoped::<Entity>(&system_scope(workspace.as_uuid()))
            .filter(Column::WebhookId.eq(webhook.id.as_uuid()))
            .filter(signing)
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .all(self.database().readers())
            .await
            .or_store_error()?;
        let mut secrets = Vec::with_capacity(rows.len());
        for row in rows {
            let present = row.expires_at.is_none();
            match self.open_signing(workspace, webhook, &row).await? {
                Some(secret) => secrets.push(secret),
                // A receiver may know the present one alone: without it nothing is signed.
                None if present => return Err(SigningVaultError::Unreadable),
                None => {}
            }
        }
        if secrets.is_empty() {
            return Err(SigningVaultError::Unreadable);
        }
        Ok(secrets)
    }
}

impl Vault {
    async fn open_signing(
        &self,
        workspace: WorkspaceId,
        webhook: &Webhook,
        row: &Model,
    ) -> Result<Option<SigningSecret>, SigningVaultError> {
        let (db, ring) = (self.database().readers(), &self.database().context().ring);
        let Ok(name) = envelope::key_name(&row.sealed) else {
            return Ok(None);
        };
        let Ok(key) = workspace_keys::named(db, ring, workspace, &name).await? else {
            return Ok(None);
        };
        let binding = binding(workspace, webhook.id.as_uuid(), row.id, webhook.url.as_str());
        let opened = envelope::open(&key, &binding, &row.sealed).ok();
        Ok(opened.and_then(|bytes| SigningSecret::from_bytes(bytes.to_vec()).ok()))
    }
}
