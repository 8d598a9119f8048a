//! The end of an attempt: its line in the log, where the delivery stands now, and what the webhook
//! learns from it. One transaction, behind the fence.

use std::time::Duration;

use kernel::StoreError;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait as _, EntityTrait as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, LockType, Query},
};
use tenancy::{AuditAction, Change, ChangeTarget, WorkspaceScope};
use webhooks::{Attempt, ClaimedDelivery, Fence, Next, Webhook, WebhookState};

use super::{
    claim::system_scope,
    lookup::secrets_of,
    rows,
    write::{discard, set_differences, update},
};
use crate::{
    bounded::Tx,
    database::Context,
    entities::{
        webhook,
        webhook_attempt::{self, ActiveModel},
        webhook_delivery::{Column, Entity},
    },
    error::OrStoreError as _,
    journal,
    scoped::scoped_by_id,
    time::{micros, to_micros},
};

/// Writes down how the attempt went.
pub(super) async fn record(
    db: &Tx,
    context: &Context,
    claimed: &ClaimedDelivery,
    attempt: &Attempt,
    (next, told): (Next, Option<Duration>),
) -> Result<Fence, StoreError> {
    let scope = system_scope(claimed.workspace_id.as_uuid());
    // The webhook first: so does everybody who writes both.
    let Some(before) = held(db, &scope, claimed).await? else {
        return Ok(Fence::Lost);
    };
    if !advance(db, claimed, attempt, next).await? {
        return Ok(Fence::Lost);
    }
    let line = ActiveModel {
        workspace_id: Set(claimed.workspace_id.as_uuid()),
        delivery_id: Set(claimed.id.as_uuid()),
        attempt: Set(number(attempt.number)),
        cycle: Set(attempt.cycle.as_str().to_owned()),
        occurred_at: Set(to_micros(attempt.at)),
        took: Set(micros(attempt.took)),
        http_status: Set(attempt.status.map(i32::from)),
        reason_code: Set(attempt.failure.map(|code| code.as_str().to_owned())),
    };
    webhook_attempt::Entity::insert(line)
        .exec_without_returning(db)
        .await
        .or_store_error()?;
    let after = before.clone().learn(next, claimed.cycle, attempt.at);
    teach(db, context, &scope, (&before, &after), attempt, told).await?;
    Ok(Fence::Held)
}

async fn held(
    db: &Tx,
    scope: &WorkspaceScope,
    claimed: &ClaimedDelivery,
) -> Result<Option<Webhook>, StoreError> {
    let id = claimed.webhook.id.as_uuid();
    let row = scoped_by_id::<webhook::Entity>(scope, id)
        .lock(LockType::NoKeyUpdate)
        .one(db)
        .await
        .or_store_error()?;
    let Some(row) = row else { return Ok(None) };
    let secrets = secrets_of(db, scope, std::iter::once(id)).await?;
    rows::webhook(row, &secrets).map(Some)
}

/// Moves the delivery on, if this attempt still holds it.
async fn advance(
    db: &Tx,
    claimed: &ClaimedDelivery,
    attempt: &Attempt,
    next: Next,
) -> Result<bool, StoreError> {
    let ended_at = attempt.at + attempt.took;
    let (state, again) = match next {
        Next::Delivered => ("delivered", None),
        Next::Retry(wait) => ("pending", Some(ended_at + wait)),
        Next::Exhausted | Next::Gone => ("exhausted", None),
    };
    let finished = again.is_none().then_some(to_micros(ended_at));
    let statement = Query::update()
        .table(Entity)
        .value(Column::State, state)
        .value(Column::Made, number(claimed.made_before + 1))
        .value(Column::NextAttemptAt, again.map(to_micros))
        .value(Column::LeaseUntil, None::<i64>)
        .value(Column::FinishedAt, finished)
        .and_where(Expr::col(Column::WorkspaceId).eq(claimed.workspace_id.as_uuid()))
        .and_where(Expr::col(Column::Id).eq(claimed.id.as_uuid()))
        .and_where(Expr::col(Column::Attempt).eq(number(claimed.number)))
        .and_where(Expr::col(Column::State).eq("pending"))
        .to_owned();
    Ok(db.execute(&statement).await.or_store_error()?.rows_affected() == 1)
}

/// Writes what the webhook learned. A change of its state is journaled, and ends what waits if
/// nothing goes out any more.
async fn teach(
    db: &Tx,
    context: &Context,
    scope: &WorkspaceScope,
    (before, after): (&Webhook, &Webhook),
    attempt: &Attempt,
    told: Option<Duration>,
) -> Result<(), StoreError> {
    if before == after && told.is_none() {
        return Ok(());
    }
    let mut statement = update(scope, before.id);
    set_differences(&mut statement, before, after);
    if let Some(told) = told {
        let until = to_micros(attempt.at + attempt.took + told);
        statement.value(webhook::Column::PausedUntil, until);
    }
    let action = match (before.verified_at == after.verified_at, after.state()) {
        (false, _) => Some(AuditAction::WebhookVerified),
        (true, WebhookState::Disabled(_)) if before.disabled != after.disabled => {
            Some(AuditAction::WebhookDisabled)
        }
        (true, _) => None,
    };
    if action.is_some() {
        statement
            .value(webhook::Column::Version, before.version + 1)
            .value(webhook::Column::UpdatedAt, to_micros(attempt.at));
    }
    db.execute(&statement).await.or_store_error()?;
    let Some(action) = action else { return Ok(()) };
    if after.disabled.is_some() {
        discard(db, scope, before.id, attempt.at).await?;
    }
    let target = ChangeTarget {
        kind: "webhook",
        id: before.id.to_string(),
        label: before.url.host().to_owned(),
    };
    let mut change = Change::new(scope, action, target, attempt.at, context.ids.as_ref());
    if let Some(disabled) = after.disabled {
        change = change.with("reason", disabled.reason.as_str()).failed();
    }
    journal::record(db, scope.workspace_id(), &change).await
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
