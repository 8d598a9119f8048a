//! The claim of deliveries: one statement that takes what is due, and then what is needed to send
//! it. The lease lives on the database's clock, the schedule on the program's.

use std::collections::HashMap;

use kernel::{Id, StoreError, Timestamp};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, FromQueryResult as _, QueryFilter as _, Statement,
    sea_query::{Expr, ExprTrait as _, Query},
};
use tenancy::{SystemTask, WorkspaceScope};
use uuid::Uuid;
use webhooks::{ClaimLimits, ClaimedDelivery, Content, Cycle, Webhook, WebhookState};

use super::{lookup::secrets_of, rows, take::text};
use crate::{
    bounded::Tx,
    entities::{
        outbox_event, webhook,
        webhook_delivery::{Column, Entity, Model},
    },
    error::OrStoreError as _,
    events,
    scoped::{scoped, scoped_by_id},
    time::{from_micros, micros, to_micros},
};

/// Takes what is due. Each webhook's oldest come first, and of each only so many at a time.
pub(super) async fn claim(
    db: &Tx,
    now: Timestamp,
    limits: ClaimLimits,
) -> Result<Vec<ClaimedDelivery>, StoreError> {
    let mut known = HashMap::new();
    let mut claimed = Vec::new();
    for row in take(db, now, limits).await? {
        let scope = system_scope(row.workspace_id);
        let key = (row.workspace_id, row.webhook_id);
        if let std::collections::hash_map::Entry::Vacant(entry) = known.entry(key) {
            entry.insert(find(db, &scope, row.webhook_id).await?);
        }
        let webhook = known.get(&key).cloned().flatten();
        match delivery(db, &scope, &row, webhook).await {
            Ok(Some(delivery)) => claimed.push(delivery),
            Ok(None) => discard(db, &row, now).await?,
            // It keeps its place and its lease: a later version may know what it says.
            Err(StoreError::Inconsistent { table, column }) => {
                tracing::error!(delivery_id = %row.id, table, column, "a delivery cannot be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(claimed)
}

async fn take(db: &Tx, now: Timestamp, limits: ClaimLimits) -> Result<Vec<Model>, StoreError> {
    let backend = db.get_database_backend();
    let values = [
        to_micros(now).into(),
        i64::from(limits.per_webhook).into(),
        i64::from(limits.total).into(),
        micros(limits.lease).into(),
    ];
    let found = db
        .query_all_raw(Statement::from_sql_and_values(backend, text(backend), values))
        .await
        .or_store_error()?;
    let mut models = found
        .iter()
        .map(|row| Model::from_query_result(row, ""))
        .collect::<Result<Vec<_>, _>>()
        .or_store_error()?;
    models.sort_by_key(|row| (row.next_attempt_at, row.id));
    Ok(models)
}

/// The webhook, unless it cannot be read: one broken row must not keep the others from being sent.
async fn find(db: &Tx, scope: &WorkspaceScope, id: Uuid) -> Result<Option<Webhook>, StoreError> {
    let row = scoped_by_id::<webhook::Entity>(scope, id)
        .one(db)
        .await
        .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let secrets = secrets_of(db, scope, std::iter::once(id)).await?;
    Ok(rows::webhook(row, &secrets)
        .inspect_err(|error| tracing::error!(webhook_id = %id, %error, "a webhook cannot be read"))
        .ok())
}

/// What is needed to send it; nothing if it is not to be sent any more.
async fn delivery(
    db: &Tx,
    scope: &WorkspaceScope,
    row: &Model,
    webhook: Option<Webhook>,
) -> Result<Option<ClaimedDelivery>, StoreError> {
    let (cycle, Some(webhook)) = (rows::cycle(row)?, webhook) else {
        return Ok(None);
    };
    let content = match cycle {
        Cycle::Verification => Content::Verification,
        Cycle::Event | Cycle::Replay => {
            if webhook.state() != WebhookState::Enabled {
                return Ok(None);
            }
            let event = scoped::<outbox_event::Entity>(scope)
                .filter(outbox_event::Column::Id.eq(row.event_id))
                .one(db)
                .await
                .or_store_error()?;
            let Some(event) = event else { return Ok(None) };
            Content::Event(Box::new(events::rows::event(event)?))
        }
    };
    Ok(Some(ClaimedDelivery {
        workspace_id: scope.workspace_id(),
        id: Id::from_uuid(row.id),
        number: rows::count(row.attempt, "attempt")?,
        made_before: rows::count(row.made, "made")?,
        cycle,
        message_id: row.message_id.clone(),
        created_at: from_micros(row.created_at, "webhook_deliveries", "created_at")?,
        webhook,
        content,
    }))
}

async fn discard(db: &Tx, row: &Model, now: Timestamp) -> Result<(), StoreError> {
    let one = Query::update()
        .table(Entity)
        .value(Column::State, "discarded")
        .value(Column::NextAttemptAt, None::<i64>)
        .value(Column::LeaseUntil, None::<i64>)
        .value(Column::FinishedAt, to_micros(now))
        .and_where(Expr::col(Column::WorkspaceId).eq(row.workspace_id))
        .and_where(Expr::col(Column::Id).eq(row.id))
        .to_owned();
    db.execute(&one).await.or_store_error()?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "deliveries are taken for the system, each in its own workspace"
)]
pub(super) fn system_scope(workspace: Uuid) -> WorkspaceScope {
    WorkspaceScope::for_system(Id::from_uuid(workspace), SystemTask::Webhooks)
}
