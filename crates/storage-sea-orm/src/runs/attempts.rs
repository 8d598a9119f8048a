//! The fenced writes of an attempt: each says which attempt it is, and zero rows mean that it no
//! longer holds the run.

use std::time::Duration;

use async_trait::async_trait;
use kernel::StoreError;
use operations::{Completion, Fence, HandBack, RunAttempts, RunLease};
use provider_core::{ReasonCode, ResumePoint};
use sea_orm::{
    ConnectionTrait as _,
    sea_query::{Expr, ExprTrait as _, Query, UpdateStatement},
};
use tenancy::{Change, WorkspaceScope};

use super::{end::end_run, points};
use crate::{
    bounded::Tx,
    entities::run::{Column, Entity},
    error::OrStoreError as _,
    journal,
    session::Repo,
    time::{micros, now_sql},
};

/// An update that arrives only if `lease` still holds the run.
pub(crate) fn fenced(lease: &RunLease) -> UpdateStatement {
    Query::update()
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(lease.workspace_id.as_uuid()))
        .and_where(Expr::col(Column::Id).eq(lease.run_id.as_uuid()))
        .and_where(Expr::col(Column::Attempt).eq(lease.attempt))
        .and_where(Expr::col(Column::Status).eq("running"))
        .to_owned()
}

/// Takes the lease off a run.
pub(crate) fn release(statement: &mut UpdateStatement) {
    statement
        .value(Column::LeaseOwner, None::<String>)
        .value(Column::LeaseUntil, None::<i64>);
}

impl Repo<'_, Tx> {
    /// Runs a fenced update, and writes the journal if it arrived.
    async fn write_fenced(
        &self,
        statement: &UpdateStatement,
        scope: &WorkspaceScope,
        change: &Change,
    ) -> Result<Fence, StoreError> {
        if self.db.execute(statement).await.or_store_error()?.rows_affected() == 0 {
            return Ok(Fence::Lost);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Fence::Held)
    }
}

#[async_trait]
impl RunAttempts for Repo<'_, Tx> {
    async fn confirm(&mut self, lease: &RunLease) -> Result<Fence, StoreError> {
        let now = now_sql(self.db.get_database_backend());
        let mut statement = fenced(lease);
        statement.value(Column::HeartbeatAt, Expr::cust(now));
        let held = self
            .db
            .execute(&statement)
            .await
            .or_store_error()?
            .rows_affected()
            == 1;
        Ok(if held { Fence::Held } else { Fence::Lost })
    }

    async fn save_point(&mut self, lease: &RunLease, point: &ResumePoint) -> Result<Fence, StoreError> {
        let fence = self.confirm(lease).await?;
        if fence == Fence::Held {
            points::keep(self.db, self.context, lease, point).await?;
        }
        Ok(fence)
    }

    async fn finish(
        &mut self,
        scope: &WorkspaceScope,
        lease: &RunLease,
        completion: &Completion,
        change: &Change,
    ) -> Result<Fence, StoreError> {
        let told = (scope.workspace_id(), change);
        let ended = end_run((self.db, self.context), fenced(lease), completion, told).await?;
        Ok(if ended { Fence::Held } else { Fence::Lost })
    }

    async fn hand_back(
        &mut self,
        scope: &WorkspaceScope,
        lease: &RunLease,
        (delay, reason): (Duration, Option<ReasonCode>),
        change: &Change,
    ) -> Result<HandBack, StoreError> {
        let now = || Expr::cust(now_sql(self.db.get_database_backend()));
        let mut statement = fenced(lease);
        statement
            .value(Column::Status, "queued")
            .value(Column::NotBefore, now().add(micros(delay)))
            .value(Column::WaitingSince, now())
            .value(Column::WaitingReason, reason.map(ReasonCode::as_str))
            .and_where(Expr::col(Column::CancelRequestedAt).is_null());
        release(&mut statement);
        if self.write_fenced(&statement, scope, change).await? == Fence::Held {
            return Ok(HandBack::Done);
        }
        Ok(match self.confirm(lease).await? {
            Fence::Held => HandBack::CancelRequested,
            Fence::Lost => HandBack::Lost,
        })
    }
}
