//! What runs found out about connections, written down.

use kernel::{StoreError, Timestamp};
use provider_core::{
    ConnectionId, ConnectionType, ConsentState, CredentialId, CredentialStage, CredentialTrial, Observation,
    ProviderConnection, ReasonCode, Recorded, RequirementState,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tenancy::{Change, WorkspaceScope};
use uuid::Uuid;

use super::{
    axes::{self, Axes},
    lookup::{self, Keep},
    write::update,
};
use crate::{
    bounded::Tx,
    entities::{connection, credential, platform_target, requirement},
    error::OrStoreError as _,
    journal,
    scoped::installation_wide,
    session::Repo,
    time::to_micros,
};

impl Repo<'_, Tx> {
    pub(super) async fn observe(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        observation: &Observation,
        change: &Change,
    ) -> Result<Recorded, StoreError> {
        let Some(known) = lookup::locked(self.db, scope, id, Keep::FromWriters).await? else {
            return Ok(Recorded::Outdated);
        };
        if known.identity_version != observation.identity_version {
            return Ok(Recorded::Outdated);
        }
        let (at, run_id) = (observation.at, observation.run_id);
        let mut axes = Axes::of(&known);
        if let Some((value, reason)) = observation.consent {
            let granted = value == ConsentState::Granted;
            // Claimed when it was proven; here again, for the claim may have gone with a sibling.
            if granted && platform(&known) && !self.claim_target(scope, &known, at).await? {
                return Ok(Recorded::Outdated);
            }
            let value = since_granted(known.consent.value, value);
            axes.consent = axes.consent.observed(value, reason, at, run_id);
        }
        if let Some((value, reason)) = observation.verification {
            axes.verification = axes.verification.observed(value, reason, at, run_id);
            axes.next_at = observation.next_at;
        }
        let ids = self.context.ids.as_ref();
        if !axes::write(self.db, ids, scope, &known, &axes, at).await? {
            return Ok(Recorded::Outdated);
        }
        if observation
            .consent
            .is_some_and(|(value, _)| value == ConsentState::Required)
        {
            release_platform_target(self.db, scope, &known).await?;
            self.forget_hint(scope, id, observation.hint_at).await?;
        }
        for (key, state) in &observation.requirements {
            self.write_requirement(scope, id, key, *state, observation)
                .await?;
        }
        if let Some(opened) = observation.credential_opened {
            self.mark_current(scope, id, !opened).await?;
        }
        let mut change = change.clone();
        if axes.verification.value != known.verification.value {
            change = change.with("verification_was", known.verification.value.as_str());
        }
        journal::record(self.db, scope.workspace_id(), &change).await?;
        Ok(Recorded::Done)
    }

    /// Nobody agreed after all. An old hint must not let a later check profit from an agreement
    /// that was given to somebody else.
    async fn forget_hint(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        seen: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        use connection::Column as C;
        // A newer one was given while the run looked: its own check will judge it.
        let seen = seen.map_or(i64::MIN, to_micros);
        let forget = update(scope, id)
            .value(C::ConsentHintAt, None::<i64>)
            .value(C::ConsentHintClient, None::<String>)
            .and_where(Expr::col(C::ConsentHintAt).lte(seen))
            .to_owned();
        self.db.execute(&forget).await.or_store_error()?;
        Ok(())
    }

    /// Whether the current credential can be decrypted.
    async fn mark_current(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        undecryptable: bool,
    ) -> Result<(), StoreError> {
        let mark = Query::update()
            .table(credential::Entity)
            .value(credential::Column::Undecryptable, undecryptable)
            .and_where(Expr::col(credential::Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(credential::Column::ConnectionId).eq(id.as_uuid()))
            .and_where(Expr::col(credential::Column::Stage).eq(CredentialStage::Current.as_str()))
            .to_owned();
        self.db.execute(&mark).await.or_store_error()?;
        Ok(())
    }

    pub(super) async fn write_trial(
        &self,
        scope: &WorkspaceScope,
        id: CredentialId,
        trial: &CredentialTrial,
        change: &Change,
    ) -> Result<(), StoreError> {
        use credential::Column as C;
        let undecryptable = trial.reason == Some(ReasonCode::ProviderCredentialUndecryptable);
        let write = Query::update()
            .table(credential::Entity)
            .value(C::CheckedAt, to_micros(trial.at))
            .value(C::CheckedRunId, trial.run_id.as_uuid())
            .value(C::CheckReason, trial.reason.map(ReasonCode::as_str))
            .value(C::Undecryptable, undecryptable)
            .and_where(Expr::col(C::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(C::Id).eq(id.as_uuid()))
            .and_where(Expr::col(C::Stage).eq(CredentialStage::Next.as_str()))
            .to_owned();
        if self.db.execute(&write).await.or_store_error()?.rows_affected() == 1 {
            journal::record(self.db, scope.workspace_id(), change).await?;
        }
        Ok(())
    }

    async fn write_requirement(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        key: &str,
        state: RequirementState,
        observation: &Observation,
    ) -> Result<(), StoreError> {
        use requirement::Column as R;
        let row = requirement::ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            connection_id: Set(id.as_uuid()),
            requirement_key: Set(key.to_owned()),
            state: Set(state.as_str().to_owned()),
            checked_at: Set(to_micros(observation.at)),
            run_id: Set(observation.run_id.as_uuid()),
        };
        let known = OnConflict::columns([R::WorkspaceId, R::ConnectionId, R::RequirementKey])
            .update_columns([R::State, R::CheckedAt, R::RunId])
            .to_owned();
        let upsert = requirement::Entity::insert(row).on_conflict(known).into_query();
        self.db.execute(&upsert).await.or_store_error()?;
        Ok(())
    }

    pub(super) async fn claim_target(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        use platform_target::{ActiveModel, Column as P, Entity};
        let target = &connection.target_scope;
        let row = ActiveModel {
            provider: Set(target.provider().as_str().to_owned()),
            realm: Set(connection.realm.clone()),
            scope_kind: Set(target.scope_kind().as_str().to_owned()),
            scope_identifier: Set(target.scope_identifier().as_str().to_owned()),
            workspace_id: Set(scope.workspace_id().as_uuid()),
            proven_at: Set(to_micros(at)),
        };
        let taken = OnConflict::columns([P::Provider, P::Realm, P::ScopeKind, P::ScopeIdentifier])
            .do_nothing()
            .to_owned();
        let insert = Entity::insert(row).on_conflict(taken).into_query();
        if self.db.execute(&insert).await.or_store_error()?.rows_affected() == 1 {
            return Ok(true);
        }
        // Given up between insert and look: whoever asks again gets it.
        let holder = self.holder_of(connection).await?.ok_or(StoreError::Conflict)?;
        Ok(holder == scope.workspace_id().as_uuid())
    }

    pub(super) async fn target_is_open(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<bool, StoreError> {
        let holder = self.holder_of(connection).await?;
        Ok(holder.is_none_or(|holder| holder == scope.workspace_id().as_uuid()))
    }

    /// The workspace that proved the target first.
    async fn holder_of(&self, connection: &ProviderConnection) -> Result<Option<Uuid>, StoreError> {
        use platform_target::{Column as P, Entity};
        let target = &connection.target_scope;
        let row = installation_wide::<Entity>()
            .filter(P::Provider.eq(target.provider().as_str()))
            .filter(P::Realm.eq(connection.realm.as_str()))
            .filter(P::ScopeKind.eq(target.scope_kind().as_str()))
            .filter(P::ScopeIdentifier.eq(target.scope_identifier().as_str()))
            .one(self.db)
            .await
            .or_store_error()?;
        Ok(row.map(|row| row.workspace_id))
    }
}

fn platform(connection: &ProviderConnection) -> bool {
    connection.connection_type == ConnectionType::Platform
}

/// What was granted once and is missing now was taken back.
const fn since_granted(before: ConsentState, now: ConsentState) -> ConsentState {
    match (before, now) {
        (ConsentState::Granted | ConsentState::Revoked, ConsentState::Required) => ConsentState::Revoked,
        (_, now) => now,
    }
}

/// Gives the target of a platform connection up, unless another connection of the workspace still
/// stands on it.
pub(super) async fn release_platform_target(
    db: &Tx,
    scope: &WorkspaceScope,
    connection: &ProviderConnection,
) -> Result<(), StoreError> {
    use connection::Column as C;
    use platform_target::Column as P;
    if connection.connection_type != ConnectionType::Platform {
        return Ok(());
    }
    let target = &connection.target_scope;
    let others = Query::select()
        .expr(Expr::val(1))
        .from(connection::Entity)
        .and_where(Expr::col((connection::Entity, C::WorkspaceId)).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col((connection::Entity, C::Id)).ne(connection.id.as_uuid()))
        .and_where(Expr::col((connection::Entity, C::DeletedAt)).is_null())
        .and_where(Expr::col((connection::Entity, C::ConnectionType)).eq(ConnectionType::Platform.as_str()))
        .and_where(Expr::col((connection::Entity, C::Provider)).eq(target.provider().as_str()))
        .and_where(Expr::col((connection::Entity, C::Realm)).eq(connection.realm.as_str()))
        .and_where(Expr::col((connection::Entity, C::ScopeKind)).eq(target.scope_kind().as_str()))
        .and_where(Expr::col((connection::Entity, C::ScopeIdentifier)).eq(target.scope_identifier().as_str()))
        .and_where(Expr::col((connection::Entity, C::ConsentState)).eq(ConsentState::Granted.as_str()))
        .to_owned();
    let release = Query::delete()
        .from_table(platform_target::Entity)
        .and_where(Expr::col(P::Provider).eq(target.provider().as_str()))
        .and_where(Expr::col(P::Realm).eq(connection.realm.as_str()))
        .and_where(Expr::col(P::ScopeKind).eq(target.scope_kind().as_str()))
        .and_where(Expr::col(P::ScopeIdentifier).eq(target.scope_identifier().as_str()))
        .and_where(Expr::col(P::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::exists(others).not())
        .to_owned();
    db.execute(&release).await.or_store_error()?;
    Ok(())
}
