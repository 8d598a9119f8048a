//! Writes of connections, credentials and observations.

use async_trait::async_trait;
use kernel::{Id, StoreError};
use provider_core::{
    ConnectionId, ConnectionRepository, InsertedConnection, NewCredential, Observation, ProviderConnection,
    ReasonCode, RequirementState, repository::StoredCredential,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryTrait as _, TransactionTrait as _, Value,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query, UpdateStatement},
};
use tenancy::{Change, WorkspaceScope};
use uuid::Uuid;

use super::rows;
use crate::{
    cipher::{
        binding::Binding,
        envelope,
        workspace_keys::{self, KeyError},
    },
    entities::{
        connection::{ActiveModel, Column, Entity},
        credential, requirement,
    },
    error::{OrStoreError as _, is_unique_violation, store_error},
    journal,
    scoped::{scoped, scoped_by_id},
    session::Repo,
    time::to_micros,
};

#[async_trait]
impl ConnectionRepository for Repo<'_, DatabaseTransaction> {
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: Option<NewCredential>,
        change: &Change,
    ) -> Result<InsertedConnection, StoreError> {
        let taken = OnConflict::columns([
            Column::WorkspaceId,
            Column::EnvironmentId,
            Column::Provider,
            Column::ScopeKind,
            Column::ScopeIdentifier,
        ])
        .do_nothing()
        .to_owned();
        let insert = Entity::insert(row(scope, connection))
            .on_conflict(taken)
            .into_query();
        if self.db.execute(&insert).await.or_store_error()?.rows_affected() == 0 {
            return self.existing(scope, connection).await;
        }
        if let Some(credential) = credential {
            self.seal_and_store(scope, connection, credential, 1).await?;
        }
        let is_default = self.claim_default(scope, connection).await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(InsertedConnection::Inserted { is_default })
    }

    async fn put_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        change: &Change,
    ) -> Result<StoredCredential, StoreError> {
        let at = to_micros(credential.created_at);
        let same_client = Expr::col(Column::ClientIdentifier).eq(connection.client_identifier.clone());
        let same = scoped_by_id::<Entity>(scope, connection.id.as_uuid())
            .filter(same_client)
            .one(self.db)
            .await
            .or_store_error()?;
        let mut bump = update(scope, connection.id);
        bump.value(Column::Version, Expr::col(Column::Version).add(1))
            .value(Column::ClientIdentifier, connection.client_identifier.clone())
            .value(
                Column::ConsentState,
                of_same_client(connection, Column::ConsentState, "unknown"),
            )
            .value(
                Column::ConsentReason,
                of_same_client(connection, Column::ConsentReason, None::<String>),
            )
            .value(
                Column::ConsentSince,
                of_same_client(connection, Column::ConsentSince, at),
            )
            .value(
                Column::ConsentCheckedAt,
                of_same_client(connection, Column::ConsentCheckedAt, None::<i64>),
            )
            .value(
                Column::ConsentRunId,
                of_same_client(connection, Column::ConsentRunId, None::<Uuid>),
            )
            .value(Column::VerificationState, "unknown")
            .value(Column::VerificationReason, None::<String>)
            .value(Column::VerificationSince, at)
            .and_where(Expr::col(Column::Version).eq(connection.version));
        if self.db.execute(&bump).await.or_store_error()?.rows_affected() == 0 {
            return Ok(StoredCredential::VersionMismatch);
        }
        if same.is_none() {
            self.forget_requirements(scope, connection.id).await?;
        }
        let old = scoped::<credential::Entity>(scope)
            .filter(credential::Column::ConnectionId.eq(connection.id.as_uuid()))
            .one(self.db)
            .await
            .or_store_error()?;
        let version = old.as_ref().map_or(1, |old| old.version + 1);
        if let Some(old) = old {
            credential::Entity::delete_by_id((old.workspace_id, old.id))
                .exec(self.db)
                .await
                .or_store_error()?;
        }
        self.seal_and_store(scope, connection, credential, version)
            .await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(StoredCredential::Stored { version })
    }

    async fn record_observation(
        &mut self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        observation: &Observation,
        change: &Change,
    ) -> Result<(), StoreError> {
        if !self.write_axes(scope, id, observation).await? {
            return Ok(());
        }
        for (key, state) in &observation.requirements {
            self.write_requirement(scope, id, key, *state, observation)
                .await?;
        }
        if let Some(opened) = observation.credential_opened {
            let mark = Query::update()
                .table(credential::Entity)
                .value(credential::Column::Undecryptable, !opened)
                .and_where(Expr::col(credential::Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
                .and_where(Expr::col(credential::Column::ConnectionId).eq(id.as_uuid()))
                .to_owned();
            self.db.execute(&mark).await.or_store_error()?;
        }
        journal::record(self.db, scope.workspace_id(), change).await
    }
}

impl Repo<'_, DatabaseTransaction> {
    async fn existing(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<InsertedConnection, StoreError> {
        let target = &connection.target_scope;
        let row = scoped::<Entity>(scope)
            .filter(Column::EnvironmentId.eq(connection.environment_id.as_uuid()))
            .filter(Column::Provider.eq(target.provider().as_str()))
            .filter(Column::ScopeKind.eq(target.scope_kind().as_str()))
            .filter(Column::ScopeIdentifier.eq(target.scope_identifier().as_str()))
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(|row| InsertedConnection::DuplicateTarget(Id::from_uuid(row.id)))
            .ok_or(StoreError::Conflict)
    }

    /// Makes the connection the default if there is none. Two that try at the same time meet in
    /// the unique index; the refusal of the second one is undone by its savepoint.
    async fn claim_default(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<bool, StoreError> {
        let others = Query::select()
            .expr(Expr::val(1))
            .from(Entity)
            .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(Column::EnvironmentId).eq(connection.environment_id.as_uuid()))
            .and_where(Expr::col(Column::Provider).eq(connection.target_scope.provider().as_str()))
            .and_where(Expr::col(Column::IsDefault).eq(true))
            .to_owned();
        let mut claim = update(scope, connection.id);
        claim
            .value(Column::IsDefault, true)
            .and_where(Expr::exists(others).not());
        let savepoint = self.db.begin().await.or_store_error()?;
        match savepoint.execute(&claim).await {
            Ok(result) => {
                savepoint.commit().await.or_store_error()?;
                Ok(result.rows_affected() == 1)
            }
            Err(error) if is_unique_violation(&error) => {
                savepoint.rollback().await.or_store_error()?;
                Ok(false)
            }
            Err(error) => Err(store_error(&error)),
        }
    }

    async fn seal_and_store(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        new: NewCredential,
        version: i64,
    ) -> Result<(), StoreError> {
        let destination = connection.destination();
        let binding = Binding {
            workspace_id: scope.workspace_id(),
            environment_id: connection.environment_id,
            connection_id: connection.id,
            credential_id: new.id,
            version,
            kind: new.kind,
            destination: &destination,
        };
        let (ring, clock) = (&self.context.ring, self.context.clock.as_ref());
        let (name, key) = workspace_keys::newest(self.db, ring, clock, scope.workspace_id())
            .await?
            .map_err(|error| match error {
                KeyError::Missing => StoreError::Unavailable(Box::new(error)),
                KeyError::Undecryptable => StoreError::Inconsistent {
                    table: "workspace_keys",
                    column: "wrapped_key",
                },
            })?;
        let row = credential::ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(new.id.as_uuid()),
            connection_id: Set(connection.id.as_uuid()),
            version: Set(version),
            kind: Set(new.kind.as_str().to_owned()),
            sealed: Set(envelope::seal(
                &key,
                &name,
                &binding,
                new.secret.expose().as_bytes(),
            )),
            expires_at: Set(new.expires_at.map(to_micros)),
            undecryptable: Set(false),
            created_at: Set(to_micros(new.created_at)),
            stage: Set("current".to_owned()),
            kid: Set(Some(name.kid.clone())),
            data_key_version: Set(Some(i64::from(name.version))),
            fingerprint: Set(None),
            keep_until: Set(None),
            checked_at: Set(None),
            checked_run_id: Set(None),
            check_reason: Set(None),
        };
        credential::Entity::insert(row)
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        Ok(())
    }

    /// What a client was granted says nothing about another one.
    async fn forget_requirements(&self, scope: &WorkspaceScope, id: ConnectionId) -> Result<(), StoreError> {
        let forget = Query::delete()
            .from_table(requirement::Entity)
            .and_where(Expr::col(requirement::Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(requirement::Column::ConnectionId).eq(id.as_uuid()))
            .to_owned();
        self.db.execute(&forget).await.or_store_error()?;
        Ok(())
    }

    /// Writes the axes that a run observed. `false` when the connection is no longer the one that
    /// the run looked at: its credential or client was replaced meanwhile.
    async fn write_axes(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        observation: &Observation,
    ) -> Result<bool, StoreError> {
        let row = scoped_by_id::<Entity>(scope, id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        let known = rows::connection(row.ok_or(StoreError::Conflict)?, None)?;
        let (at, run_id) = (observation.at, observation.run_id);
        let mut statement = update(scope, id);
        statement
            .value(Column::Version, Expr::col(Column::Version))
            .and_where(Expr::col(Column::Version).eq(observation.connection_version));
        if let Some((value, reason)) = observation.consent {
            let axis = known.consent.observed(value, reason, at, run_id);
            statement
                .value(Column::ConsentState, axis.value.as_str())
                .value(Column::ConsentReason, axis.reason.map(ReasonCode::as_str))
                .value(Column::ConsentSince, to_micros(axis.since))
                .value(Column::ConsentCheckedAt, axis.checked_at.map(to_micros))
                .value(Column::ConsentRunId, run_id.as_uuid());
        }
        if let Some((value, reason)) = observation.verification {
            let axis = known.verification.observed(value, reason, at, run_id);
            statement
                .value(Column::VerificationState, axis.value.as_str())
                .value(Column::VerificationReason, axis.reason.map(ReasonCode::as_str))
                .value(Column::VerificationSince, to_micros(axis.since))
                .value(Column::VerificationCheckedAt, axis.checked_at.map(to_micros))
                .value(Column::VerificationRunId, run_id.as_uuid());
        }
        Ok(self
            .db
            .execute(&statement)
            .await
            .or_store_error()?
            .rows_affected()
            == 1)
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
}

/// Consent was given to a client: of another one nothing is known yet. The column as it is for
/// the same client, `unknown` for another.
fn of_same_client(connection: &ProviderConnection, column: Column, unknown: impl Into<Value>) -> Expr {
    let same = Expr::col(Column::ClientIdentifier).eq(connection.client_identifier.clone());
    Expr::case(same, Expr::col(column))
        .finally(Expr::val(unknown))
        .into()
}

/// An update of one connection of the scope.
fn update(scope: &WorkspaceScope, id: ConnectionId) -> UpdateStatement {
    Query::update()
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::Id).eq(id.as_uuid()))
        .to_owned()
}

/// A new row. It is nobody's default until the index agreed.
fn row(scope: &WorkspaceScope, connection: &ProviderConnection) -> ActiveModel {
    let target = &connection.target_scope;
    ActiveModel {
        workspace_id: Set(scope.workspace_id().as_uuid()),
        id: Set(connection.id.as_uuid()),
        environment_id: Set(connection.environment_id.as_uuid()),
        version: Set(connection.version),
        display_name: Set(connection.display_name.as_str().to_owned()),
        connection_type: Set(connection.connection_type.as_str().to_owned()),
        provider: Set(target.provider().as_str().to_owned()),
        scope_kind: Set(target.scope_kind().as_str().to_owned()),
        scope_identifier: Set(target.scope_identifier().as_str().to_owned()),
        scope_display_name: Set(target.scope_display_name().as_str().to_owned()),
        realm: Set(connection.realm.clone()),
        client_identifier: Set(connection.client_identifier.clone()),
        is_default: Set(false),
        is_enabled: Set(connection.is_enabled),
        consent_state: Set(connection.consent.value.as_str().to_owned()),
        consent_reason: Set(connection.consent.reason.map(|reason| reason.as_str().to_owned())),
        consent_since: Set(to_micros(connection.consent.since)),
        consent_checked_at: Set(None),
        consent_run_id: Set(None),
        verification_state: Set(connection.verification.value.as_str().to_owned()),
        verification_reason: Set(connection
            .verification
            .reason
            .map(|reason| reason.as_str().to_owned())),
        verification_since: Set(to_micros(connection.verification.since)),
        verification_checked_at: Set(None),
        verification_run_id: Set(None),
        created_at: Set(to_micros(connection.created_at)),
        identity_version: Set(1),
        credential_version: Set(0),
        consent_hint_at: Set(None),
        consent_hint_client: Set(None),
        verification_next_at: Set(None),
        deleted_at: Set(None),
    }
}
