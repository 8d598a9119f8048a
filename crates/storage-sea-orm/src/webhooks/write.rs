//! Writes of webhooks on behalf of callers. A webhook is written first and what waits for it
//! second, here and where attempts are recorded, so that two of them never wait for each other.

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, LockType, Query, UpdateStatement},
};
use serde_json::json;
use tenancy::{Change, WorkspaceScope};
use webhooks::{
    Cycle, Delivery, DeliveryId, Inserted, NewSecret, Replayed, Saved, Webhook, WebhookId, WebhookRepository,
    WebhookState, delivery::VERIFICATION,
};

use super::secrets;
use crate::{
    bounded::Tx,
    entities::{
        outbox_event,
        webhook::{ActiveModel, Column, Entity},
        webhook_attempt, webhook_delivery, webhook_secret, workspace,
    },
    error::OrStoreError as _,
    journal,
    scoped::{installation_wide, scoped},
    session::Repo,
    time::to_micros,
};

/// An update of one webhook.
pub(super) fn update(scope: &WorkspaceScope, id: WebhookId) -> UpdateStatement {
    Query::update()
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::Id).eq(id.as_uuid()))
        .to_owned()
}

/// Adds what differs between `before` and `after` to an update, but for the counter of failures.
pub(super) fn set_differences(statement: &mut UpdateStatement, before: &Webhook, after: &Webhook) {
    if before.url != after.url {
        statement.value(Column::Url, after.url.as_str());
    }
    if before.description != after.description {
        let description = after.description.as_ref().map(|name| name.as_str().to_owned());
        statement.value(Column::Description, description);
    }
    if before.events != after.events {
        statement.value(Column::EventTypes, json!(after.events.entries()));
    }
    if before.verified_at != after.verified_at {
        statement.value(Column::VerifiedAt, after.verified_at.map(to_micros));
    }
    if before.disabled != after.disabled {
        let reason = after.disabled.map(|disabled| disabled.reason.as_str());
        statement.value(Column::DisabledReason, reason).value(
            Column::DisabledAt,
            after.disabled.map(|disabled| to_micros(disabled.at)),
        );
    }
    if before.exhausted_in_a_row != after.exhausted_in_a_row {
        let count = i32::try_from(after.exhausted_in_a_row).unwrap_or(i32::MAX);
        statement.value(Column::ExhaustedInARow, count);
    }
}

/// Discards what waits for a webhook. Whoever is sending it finds the fence closed.
pub(super) async fn discard(
    db: &Tx,
    scope: &WorkspaceScope,
    webhook: WebhookId,
    at: Timestamp,
) -> Result<(), StoreError> {
    use webhook_delivery::{Column, Entity};
    let all = Query::update()
        .table(Entity)
        .value(Column::State, "discarded")
        .value(Column::Attempt, Expr::col(Column::Attempt).add(1))
        .value(Column::NextAttemptAt, None::<i64>)
        .value(Column::LeaseUntil, None::<i64>)
        .value(Column::FinishedAt, to_micros(at))
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::WebhookId).eq(webhook.as_uuid()))
        .and_where(Expr::col(Column::State).eq("pending"))
        .to_owned();
    db.execute(&all).await.or_store_error()?;
    Ok(())
}

impl Repo<'_, Tx> {
    /// Writes what differs if nobody else has changed the webhook.
    async fn write_webhook(
        &self,
        scope: &WorkspaceScope,
        before: &Webhook,
        after: &Webhook,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut statement = update(scope, before.id);
        set_differences(&mut statement, before, after);
        statement
            .value(Column::Version, before.version + 1)
            .value(Column::UpdatedAt, to_micros(at))
            .and_where(Expr::col(Column::Version).eq(before.version));
        if before.url != after.url || before.disabled != after.disabled {
            // The pause was what another receiver asked for, or for another time.
            statement.value(Column::PausedUntil, None::<i64>);
        }
        let written = self.db.execute(&statement).await.or_store_error()?;
        Ok(written.rows_affected() == 1)
    }
}

#[async_trait]
impl WebhookRepository for Repo<'_, Tx> {
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        webhook: &Webhook,
        secret: NewSecret<'_>,
        change: &Change,
    ) -> Result<Inserted, StoreError> {
        // Two at the same time would both find room for one.
        installation_wide::<workspace::Entity>()
            .filter(workspace::Column::Id.eq(scope.workspace_id().as_uuid()))
            .lock(LockType::NoKeyUpdate)
            .one(self.db)
            .await
            .or_store_error()?;
        let present = scoped::<Entity>(scope).count(self.db).await.or_store_error()?;
        if present >= u64::from(Webhook::MOST) {
            return Ok(Inserted::TooMany);
        }
        let row = ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(webhook.id.as_uuid()),
            url: Set(webhook.url.as_str().to_owned()),
            description: Set(webhook.description.as_ref().map(|name| name.as_str().to_owned())),
            event_types: Set(json!(webhook.events.entries())),
            verified_at: Set(webhook.verified_at.map(to_micros)),
            disabled_reason: Set(webhook
                .disabled
                .map(|disabled| disabled.reason.as_str().to_owned())),
            disabled_at: Set(webhook.disabled.map(|disabled| to_micros(disabled.at))),
            exhausted_in_a_row: Set(0),
            paused_until: Set(None),
            version: Set(webhook.version),
            created_at: Set(to_micros(webhook.created_at)),
            updated_at: Set(to_micros(webhook.updated_at)),
        };
        Entity::insert(row)
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        secrets::add(self.db, self.context, scope, webhook, &secret).await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Inserted::Done)
    }

    async fn save(
        &mut self,
        scope: &WorkspaceScope,
        before: &Webhook,
        after: &Webhook,
        change: &Change,
    ) -> Result<Saved, StoreError> {
        if !self
            .write_webhook(scope, before, after, change.occurred_at)
            .await?
        {
            return Ok(Saved::VersionMismatch);
        }
        if after.state() != WebhookState::Enabled && before.state() != after.state() {
            discard(self.db, scope, before.id, change.occurred_at).await?;
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Saved::Done)
    }

    async fn lead_to(
        &mut self,
        scope: &WorkspaceScope,
        before: &Webhook,
        after: &Webhook,
        secret: NewSecret<'_>,
        change: &Change,
    ) -> Result<Saved, StoreError> {
        if !self
            .write_webhook(scope, before, after, change.occurred_at)
            .await?
        {
            return Ok(Saved::VersionMismatch);
        }
        discard(self.db, scope, before.id, change.occurred_at).await?;
        secrets::forget(self.db, scope, before.id).await?;
        secrets::add(self.db, self.context, scope, after, &secret).await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Saved::Done)
    }

    async fn rotate_secret(
        &mut self,
        scope: &WorkspaceScope,
        webhook: &Webhook,
        secret: NewSecret<'_>,
        old_until: Timestamp,
        change: &Change,
    ) -> Result<Saved, StoreError> {
        if !self
            .write_webhook(scope, webhook, webhook, change.occurred_at)
            .await?
        {
            return Ok(Saved::VersionMismatch);
        }
        secrets::retire(self.db, scope, webhook.id, old_until).await?;
        secrets::add(self.db, self.context, scope, webhook, &secret).await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Saved::Done)
    }

    async fn delete(
        &mut self,
        scope: &WorkspaceScope,
        webhook: &Webhook,
        change: &Change,
    ) -> Result<Saved, StoreError> {
        // Held, so that no event is fanned out to it meanwhile.
        if !self
            .write_webhook(scope, webhook, webhook, change.occurred_at)
            .await?
        {
            return Ok(Saved::VersionMismatch);
        }
        let (workspace, id) = (scope.workspace_id().as_uuid(), webhook.id.as_uuid());
        let locked = scoped::<Entity>(scope).filter(Column::Id.eq(id)).lock_exclusive();
        locked.one(self.db).await.or_store_error()?;
        let own = Query::select()
            .column(webhook_delivery::Column::Id)
            .from(webhook_delivery::Entity)
            .and_where(Expr::col(webhook_delivery::Column::WorkspaceId).eq(workspace))
            .and_where(Expr::col(webhook_delivery::Column::WebhookId).eq(id))
            .to_owned();
        let attempts = Query::delete()
            .from_table(webhook_attempt::Entity)
            .and_where(Expr::col(webhook_attempt::Column::WorkspaceId).eq(workspace))
            .and_where(Expr::col(webhook_attempt::Column::DeliveryId).in_subquery(own))
            .to_owned();
        let deliveries = Query::delete()
            .from_table(webhook_delivery::Entity)
            .and_where(Expr::col(webhook_delivery::Column::WorkspaceId).eq(workspace))
            .and_where(Expr::col(webhook_delivery::Column::WebhookId).eq(id))
            .to_owned();
        let secrets = Query::delete()
            .from_table(webhook_secret::Entity)
            .and_where(Expr::col(webhook_secret::Column::WorkspaceId).eq(workspace))
            .and_where(Expr::col(webhook_secret::Column::WebhookId).eq(id))
            .to_owned();
        let itself = Query::delete()
            .from_table(Entity)
            .and_where(Expr::col(Column::WorkspaceId).eq(workspace))
            .and_where(Expr::col(Column::Id).eq(id))
            .to_owned();
        for statement in [attempts, deliveries, secrets, itself] {
            self.db.execute(&statement).await.or_store_error()?;
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Saved::Done)
    }

    async fn queue_verification(
        &mut self,
        scope: &WorkspaceScope,
        webhook: &Webhook,
        delivery: DeliveryId,
        change: &Change,
    ) -> Result<Saved, StoreError> {
        let at = change.occurred_at;
        if !self.write_webhook(scope, webhook, webhook, at).await? {
            return Ok(Saved::VersionMismatch);
        }
        let waiting = Query::update()
            .table(webhook_delivery::Entity)
            .value(webhook_delivery::Column::State, "discarded")
            .value(
                webhook_delivery::Column::Attempt,
                Expr::col(webhook_delivery::Column::Attempt).add(1),
            )
            .value(webhook_delivery::Column::NextAttemptAt, None::<i64>)
            .value(webhook_delivery::Column::LeaseUntil, None::<i64>)
            .value(webhook_delivery::Column::FinishedAt, to_micros(at))
            .and_where(Expr::col(webhook_delivery::Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(webhook_delivery::Column::WebhookId).eq(webhook.id.as_uuid()))
            .and_where(Expr::col(webhook_delivery::Column::State).eq("pending"))
            .and_where(Expr::col(webhook_delivery::Column::Cycle).eq(Cycle::Verification.as_str()))
            .to_owned();
        self.db.execute(&waiting).await.or_store_error()?;
        // Whoever asks now wants to know now.
        let awake = update(scope, webhook.id)
            .value(Column::PausedUntil, None::<i64>)
            .to_owned();
        self.db.execute(&awake).await.or_store_error()?;
        let row = webhook_delivery::ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(delivery.as_uuid()),
            webhook_id: Set(webhook.id.as_uuid()),
            cycle: Set(Cycle::Verification.as_str().to_owned()),
            event_id: Set(None),
            message_id: Set(delivery.to_string()),
            event_type: Set(VERIFICATION.to_owned()),
            state: Set("pending".to_owned()),
            attempt: Set(0),
            made: Set(0),
            next_attempt_at: Set(Some(to_micros(at))),
            lease_until: Set(None),
            created_at: Set(to_micros(at)),
            finished_at: Set(None),
        };
        webhook_delivery::Entity::insert(row)
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Saved::Done)
    }

    async fn replay(
        &mut self,
        scope: &WorkspaceScope,
        delivery: &Delivery,
        change: &Change,
    ) -> Result<Replayed, StoreError> {
        use webhook_delivery::{Column, Entity};
        let again = Query::update()
            .table(Entity)
            .value(Column::State, "pending")
            .value(Column::Cycle, Cycle::Replay.as_str())
            .value(Column::Made, 0)
            .value(Column::NextAttemptAt, to_micros(change.occurred_at))
            .value(Column::FinishedAt, None::<i64>)
            .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(Column::Id).eq(delivery.id.as_uuid()))
            .and_where(Expr::col(Column::EventId).is_not_null())
            .and_where(Expr::col(Column::State).ne("pending"))
            .to_owned();
        if self.db.execute(&again).await.or_store_error()?.rows_affected() == 0 {
            return Ok(Replayed::NotRepeatable);
        }
        let of_this = Query::select()
            .column(Column::EventId)
            .from(Entity)
            .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(Column::Id).eq(delivery.id.as_uuid()))
            .to_owned();
        let kept = scoped::<outbox_event::Entity>(scope)
            .filter(outbox_event::Column::Id.in_subquery(of_this))
            .count(self.db)
            .await
            .or_store_error()?;
        if kept == 0 {
            return Ok(Replayed::EventGone);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Replayed::Queued)
    }
}
