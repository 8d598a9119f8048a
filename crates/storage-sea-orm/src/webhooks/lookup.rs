//! Reads of webhooks and of the log of their deliveries.

use async_trait::async_trait;
use kernel::{Page, PageRequest, Position, StoreError};
use sea_orm::{ColumnTrait as _, ConnectionTrait, Order, QueryFilter as _, QueryOrder as _};
use tenancy::WorkspaceScope;
use uuid::Uuid;
use webhooks::{Delivery, DeliveryId, DeliveryState, Webhook, WebhookId, WebhookLookup};

use super::rows;
use crate::{
    entities::{webhook, webhook_attempt, webhook_delivery, webhook_secret},
    error::OrStoreError as _,
    scoped::{installation_wide, page, scoped, scoped_by_id},
    session::Repo,
};

/// The secrets of these webhooks.
pub(crate) async fn secrets_of<C: ConnectionTrait>(
    db: &C,
    scope: &WorkspaceScope,
    webhooks: impl Iterator<Item = Uuid> + Send,
) -> Result<Vec<webhook_secret::Model>, StoreError> {
    scoped::<webhook_secret::Entity>(scope)
        .filter(webhook_secret::Column::WebhookId.is_in(webhooks))
        .all(db)
        .await
        .or_store_error()
}

impl<C: ConnectionTrait> Repo<'_, C> {
    /// The attempts of these deliveries.
    async fn attempts_of(
        &self,
        scope: &WorkspaceScope,
        deliveries: &[webhook_delivery::Model],
    ) -> Result<Vec<webhook_attempt::Model>, StoreError> {
        use webhook_attempt::{Column, Entity};
        installation_wide::<Entity>()
            .filter(Column::WorkspaceId.eq(scope.workspace_id().as_uuid()))
            .filter(Column::DeliveryId.is_in(deliveries.iter().map(|row| row.id)))
            .order_by_asc(Column::Attempt)
            .all(self.db)
            .await
            .or_store_error()
    }
}

#[async_trait]
impl<C: ConnectionTrait> WebhookLookup for Repo<'_, C> {
    async fn list(&self, scope: &WorkspaceScope, request: PageRequest) -> Result<Page<Webhook>, StoreError> {
        use webhook::{Column, Entity};
        let found = page(scoped::<Entity>(scope), request, Column::CreatedAt, Order::Desc)
            .all(self.db)
            .await
            .or_store_error()?;
        let secrets = secrets_of(self.db, scope, found.iter().map(|row| row.id)).await?;
        let webhooks = found
            .into_iter()
            .map(|row| rows::webhook(row, &secrets))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(webhooks, request.limit, |webhook| {
            Position {
                at: webhook.created_at,
                id: webhook.id.as_uuid(),
            }
        }))
    }

    async fn find(&self, scope: &WorkspaceScope, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row = scoped_by_id::<webhook::Entity>(scope, id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        let Some(row) = row else { return Ok(None) };
        let secrets = secrets_of(self.db, scope, std::iter::once(row.id)).await?;
        rows::webhook(row, &secrets).map(Some)
    }

    async fn deliveries(
        &self,
        scope: &WorkspaceScope,
        webhook: WebhookId,
        state: Option<DeliveryState>,
        request: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        use webhook_delivery::{Column, Entity};
        let mut select = scoped::<Entity>(scope).filter(Column::WebhookId.eq(webhook.as_uuid()));
        if let Some(state) = state {
            select = select.filter(Column::State.eq(state.as_str()));
        }
        let found = page(select, request, Column::CreatedAt, Order::Desc)
            .all(self.db)
            .await
            .or_store_error()?;
        let attempts = self.attempts_of(scope, &found).await?;
        let deliveries = found
            .iter()
            .map(|row| rows::delivery(row, &attempts))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(deliveries, request.limit, |delivery| {
            Position {
                at: delivery.created_at,
                id: delivery.id.as_uuid(),
            }
        }))
    }

    async fn delivery(
        &self,
        scope: &WorkspaceScope,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let row = scoped_by_id::<webhook_delivery::Entity>(scope, id.as_uuid())
            .filter(webhook_delivery::Column::WebhookId.eq(webhook.as_uuid()))
            .one(self.db)
            .await
            .or_store_error()?;
        let Some(row) = row else { return Ok(None) };
        let row = [row];
        let attempts = self.attempts_of(scope, &row).await?;
        rows::delivery(&row[0], &attempts).map(Some)
    }
}
