//! The one function that writes the axes of a connection. It also writes their history, so that
//! no change of an axis goes without an entry, recovery included.

use kernel::{Id, IdSource, StoreError, Timestamp};
use provider_core::{
    Axis, ConsentState, HistoryEntryId, ProviderConnection, ReasonCode, RunId, VerificationState,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait as _, EntityTrait as _,
    sea_query::{Expr, ExprTrait as _},
};
use tenancy::WorkspaceScope;

use super::write::update;
use crate::{
    bounded::Tx,
    entities::{connection::Column, connection_history},
    error::OrStoreError as _,
    time::to_micros,
};

/// The axes as they are to be.
pub(crate) struct Axes {
    pub(crate) consent: Axis<ConsentState>,
    pub(crate) verification: Axis<VerificationState>,
    pub(crate) next_at: Option<Timestamp>,
}

impl Axes {
    /// The axes as they are.
    pub(crate) const fn of(connection: &ProviderConnection) -> Self {
        Self {
            consent: connection.consent,
            verification: connection.verification,
            next_at: connection.verification_next_at,
        }
    }

    /// Nothing is known any more of what a run verified.
    #[must_use]
    pub(crate) fn unverified(mut self, at: Timestamp) -> Self {
        self.verification = self.verification.set(VerificationState::Unknown, None, at);
        self.next_at = None;
        self
    }
}

/// Writes `axes` over those of `known`, if the connection still has the identity version that
/// `known` has. `false` when it has not.
pub(crate) async fn write(
    db: &Tx,
    ids: &dyn IdSource,
    scope: &WorkspaceScope,
    known: &ProviderConnection,
    axes: &Axes,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let Axes {
        consent,
        verification,
        next_at,
    } = axes;
    let statement = update(scope, known.id)
        .value(Column::ConsentState, consent.value.as_str())
        .value(Column::ConsentReason, consent.reason.map(ReasonCode::as_str))
        .value(Column::ConsentSince, to_micros(consent.since))
        .value(Column::ConsentCheckedAt, consent.checked_at.map(to_micros))
        .value(Column::ConsentRunId, consent.run_id.map(|id| id.as_uuid()))
        .value(Column::VerificationState, verification.value.as_str())
        .value(
            Column::VerificationReason,
            verification.reason.map(ReasonCode::as_str),
        )
        .value(Column::VerificationSince, to_micros(verification.since))
        .value(
            Column::VerificationCheckedAt,
            verification.checked_at.map(to_micros),
        )
        .value(
            Column::VerificationRunId,
            verification.run_id.map(|id| id.as_uuid()),
        )
        .value(Column::VerificationNextAt, next_at.map(to_micros))
        .and_where(Expr::col(Column::IdentityVersion).eq(known.identity_version))
        .to_owned();
    if db.execute(&statement).await.or_store_error()?.rows_affected() == 0 {
        return Ok(false);
    }
    let entry = |axis, from, to, reason, run_id| Entry {
        axis,
        from,
        to,
        reason,
        run_id,
    };
    let mut entries = Vec::new();
    if changed(&known.consent, consent) {
        let (from, to) = (known.consent.value.as_str(), consent.value.as_str());
        entries.push(entry("consent", from, to, consent.reason, consent.run_id));
    }
    if changed(&known.verification, verification) {
        let (from, to) = (known.verification.value.as_str(), verification.value.as_str());
        entries.push(entry(
            "verification",
            from,
            to,
            verification.reason,
            verification.run_id,
        ));
    }
    for entry in entries {
        entry.insert(db, ids, scope, known, at).await?;
    }
    Ok(true)
}

fn changed<T: Copy + PartialEq>(from: &Axis<T>, to: &Axis<T>) -> bool {
    from.value != to.value || from.reason != to.reason
}

struct Entry {
    axis: &'static str,
    from: &'static str,
    to: &'static str,
    reason: Option<ReasonCode>,
    run_id: Option<RunId>,
}

impl Entry {
    async fn insert(
        self,
        db: &Tx,
        ids: &dyn IdSource,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let id: HistoryEntryId = Id::next(ids);
        let row = connection_history::ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(id.as_uuid()),
            connection_id: Set(connection.id.as_uuid()),
            axis: Set(self.axis.to_owned()),
            from_state: Set(self.from.to_owned()),
            to_state: Set(self.to.to_owned()),
            reason_code: Set(self.reason.map(|reason| reason.as_str().to_owned())),
            run_id: Set(self.run_id.map(|id| id.as_uuid())),
            occurred_at: Set(to_micros(at)),
        };
        connection_history::Entity::insert(row)
            .exec_without_returning(db)
            .await
            .or_store_error()?;
        Ok(())
    }
}
