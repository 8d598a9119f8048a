//! The work on connections that nobody asks for: previous credentials go when their time is over,
//! and ends of credentials are announced before they come. Each is decided by one statement, so
//! any number of processes may do it at the same time.

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::{Id, StoreError, Timestamp};
use provider_core::{ConnectionUpkeep, CredentialStage, UpkeepReport, UpkeepSettings};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tenancy::{AuditAction, Change, ChangeTarget, SystemTask, WorkspaceScope};

use super::lookup::label_of;
use crate::{
    bounded::Tx,
    database::Database,
    entities::{
        credential::{Column, Entity, Model},
        expiry_notice,
    },
    error::OrStoreError as _,
    journal,
    scoped::installation_wide,
    time::to_micros,
};

/// How many rows one upkeep looks at for each purpose. The next one goes on.
const BATCH: u64 = 200;

#[async_trait]
impl ConnectionUpkeep for Database {
    async fn upkeep(&self, settings: &UpkeepSettings) -> Result<UpkeepReport, StoreError> {
        let now = self.context().clock.now();
        Ok(UpkeepReport {
            removed: remove_previous(self, now).await?,
            announced: announce_ends(self, settings, now).await?,
        })
    }
}

async fn remove_previous(database: &Database, now: Timestamp) -> Result<u64, StoreError> {
    let over = installation_wide::<Entity>()
        .filter(Column::Stage.eq(CredentialStage::Previous.as_str()))
        .filter(Column::KeepUntil.lte(to_micros(now)))
        .order_by_asc(Column::KeepUntil)
        .limit(BATCH)
        .all(database.readers())
        .await
        .or_store_error()?;
    let mut removed = 0;
    for row in over {
        let transaction = database.transaction().await?;
        let delete = Query::delete()
            .from_table(Entity)
            .and_where(Expr::col(Column::WorkspaceId).eq(row.workspace_id))
            .and_where(Expr::col(Column::Id).eq(row.id))
            .and_where(Expr::col(Column::Stage).eq(CredentialStage::Previous.as_str()))
            .and_where(Expr::col(Column::KeepUntil).lte(to_micros(now)))
            .to_owned();
        if transaction
            .execute(&delete)
            .await
            .or_store_error()?
            .rows_affected()
            == 1
        {
            let action = AuditAction::CredentialPreviousRemoved;
            let change = entry(database, &transaction, &row, action, now).await?;
            journal::record(&transaction, Id::from_uuid(row.workspace_id), &change).await?;
            removed += 1;
        }
        transaction.commit().await.or_store_error()?;
    }
    Ok(removed)
}

async fn announce_ends(
    database: &Database,
    settings: &UpkeepSettings,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let Some(first) = settings.notice_days.iter().max() else {
        return Ok(0);
    };
    let horizon = now + TimeDelta::days(i64::from(*first));
    let mut announced = 0;
    let mut after = None;
    loop {
        let mut select = installation_wide::<Entity>()
            .filter(Column::Stage.ne(CredentialStage::Previous.as_str()))
            .filter(Column::ExpiresAt.lte(to_micros(horizon)))
            .filter(Column::ExpiresAt.gt(to_micros(now)))
            .order_by_asc(Column::Id)
            .limit(BATCH);
        if let Some(id) = after {
            select = select.filter(Column::Id.gt(id));
        }
        let rows = select.all(database.readers()).await.or_store_error()?;
        let Some(last) = rows.last() else {
            return Ok(announced);
        };
        after = Some(last.id);
        for row in rows {
            announced += u64::from(announce(database, settings, &row, now).await?);
        }
    }
}

/// Announces the nearest threshold that a credential has crossed, if nobody did. Farther ones that
/// were missed are crossed off with it: five days before the end nobody wants to hear of thirty.
async fn announce(
    database: &Database,
    settings: &UpkeepSettings,
    row: &Model,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(end) = row.expires_at else {
        return Ok(false);
    };
    let left = end - to_micros(now);
    let crossed = settings.notice_days.iter().filter(|days| {
        let days = TimeDelta::days(i64::from(**days)).num_microseconds();
        days.is_some_and(|threshold| left <= threshold)
    });
    let mut crossed: Vec<_> = crossed.copied().collect();
    crossed.sort_unstable();
    let Some(nearest) = crossed.first().copied() else {
        return Ok(false);
    };
    if noticed(database, row, end, nearest).await? {
        return Ok(false);
    }
    let transaction = database.transaction().await?;
    let mut fresh = false;
    for days in crossed {
        let inserted = notice(&transaction, row, end, days, now).await?;
        fresh |= inserted && days == nearest;
    }
    if fresh {
        let change = entry(database, &transaction, row, AuditAction::CredentialExpiring, now)
            .await?
            .with("days", nearest)
            .with("stage", row.stage.as_str());
        journal::record(&transaction, Id::from_uuid(row.workspace_id), &change).await?;
    }
    transaction.commit().await.or_store_error()?;
    Ok(fresh)
}

fn subject(row: &Model) -> String {
    format!("credential:{}", row.id)
}

/// The short cut for what was announced already; the insert decides.
async fn noticed(database: &Database, row: &Model, end: i64, days: u16) -> Result<bool, StoreError> {
    use expiry_notice::{Column as N, Entity as Notices};
    let known = installation_wide::<Notices>()
        .filter(N::WorkspaceId.eq(row.workspace_id))
        .filter(N::Subject.eq(subject(row)))
        .filter(N::ExpiresAt.eq(end))
        .filter(N::ThresholdDays.eq(i64::from(days)))
        .one(database.readers())
        .await
        .or_store_error()?;
    Ok(known.is_some())
}

async fn notice(
    transaction: &Tx,
    row: &Model,
    end: i64,
    days: u16,
    now: Timestamp,
) -> Result<bool, StoreError> {
    use expiry_notice::{ActiveModel, Column as N, Entity as Notices};
    let notice = ActiveModel {
        workspace_id: Set(row.workspace_id),
        subject: Set(subject(row)),
        expires_at: Set(end),
        threshold_days: Set(i64::from(days)),
        noticed_at: Set(to_micros(now)),
    };
    let known = OnConflict::columns([N::WorkspaceId, N::Subject, N::ExpiresAt, N::ThresholdDays])
        .do_nothing()
        .to_owned();
    let insert = Notices::insert(notice).on_conflict(known).into_query();
    Ok(transaction
        .execute(&insert)
        .await
        .or_store_error()?
        .rows_affected()
        == 1)
}

async fn entry(
    database: &Database,
    transaction: &Tx,
    row: &Model,
    action: AuditAction,
    now: Timestamp,
) -> Result<Change, StoreError> {
    let target = ChangeTarget {
        kind: "connection",
        id: row.connection_id.to_string(),
        label: label_of(transaction, row.workspace_id, row.connection_id).await?,
    };
    let ids = database.context().ids.as_ref();
    Ok(Change::new(&system_scope(row), action, target, now, ids)
        .with("credential_version", row.version)
        .with("kind", row.kind.as_str()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "upkeep acts for the system, in the workspace of the row that it works on"
)]
fn system_scope(row: &Model) -> WorkspaceScope {
    WorkspaceScope::for_system(Id::from_uuid(row.workspace_id), SystemTask::Upkeep)
}
