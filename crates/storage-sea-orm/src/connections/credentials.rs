//! Credentials of connections: stored, staged, promoted, put back, forgotten. Nothing here opens
//! one.

use kernel::{StoreError, Timestamp};
use provider_core::{
    ConnectionId, CredentialKind, CredentialStage, NewCredential, ProviderConnection, StoredCredential,
    VerificationState, Written,
};
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait as _, EntityTrait as _,
    sea_query::{Expr, ExprTrait as _, Query, UpdateStatement},
};
use tenancy::{Change, WorkspaceScope};

use super::{
    axes::{self, Axes},
    lookup,
    write::update,
};
use crate::{
    bounded::Tx,
    cipher::{
        binding::Binding,
        envelope, fingerprint,
        workspace_keys::{self, KeyError},
    },
    entities::{connection::Column, credential, credential::Column as C},
    error::OrStoreError as _,
    journal,
    session::Repo,
    time::to_micros,
};

impl Repo<'_, Tx> {
    /// Puts `credential` into `stage`, in place of whatever is there, and tells its version.
    pub(super) async fn store_credential(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        stage: CredentialStage,
    ) -> Result<i64, StoreError> {
        self.forget_credentials(scope, connection.id, &[stage]).await?;
        let count = update(scope, connection.id)
            .value(
                Column::CredentialVersion,
                Expr::col(Column::CredentialVersion).add(1),
            )
            .to_owned();
        self.db.execute(&count).await.or_store_error()?;
        let row = lookup::live_by_id(scope, connection.id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        let version = row.ok_or(StoreError::Conflict)?.credential_version;
        self.seal_and_store(scope, connection, credential, stage, version)
            .await?;
        Ok(version)
    }

    pub(super) async fn replace_credential(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        change: &Change,
    ) -> Result<StoredCredential, StoreError> {
        let at = credential.created_at;
        let Some(known) = self.held(scope, connection).await? else {
            return Ok(StoredCredential::VersionMismatch);
        };
        let same_client = known.client_identifier == connection.client_identifier;
        let mut axes = Axes::of(&known).unverified(at);
        if !same_client {
            // Consent was given to a client: of another one nothing is known yet.
            axes.consent = axes.consent.set(provider_core::ConsentState::Unknown, None, at);
            self.forget_requirements(scope, connection.id).await?;
        }
        self.write_identity(scope, &known, &axes, at, |statement| {
            statement.value(Column::ClientIdentifier, connection.client_identifier.clone());
        })
        .await?;
        self.forget_credentials(scope, connection.id, CredentialStage::ALL)
            .await?;
        let version = self
            .store_credential(scope, connection, credential, CredentialStage::Current)
            .await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(StoredCredential::Stored { version })
    }

    pub(super) async fn store_next(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        change: &Change,
    ) -> Result<StoredCredential, StoreError> {
        if !self.bump(scope, connection, |_| {}).await? {
            return Ok(StoredCredential::VersionMismatch);
        }
        let version = self
            .store_credential(scope, connection, credential, CredentialStage::Next)
            .await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(StoredCredential::Stored { version })
    }

    pub(super) async fn promote(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        keep_until: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError> {
        let Some(known) = self.held(scope, connection).await? else {
            return Ok(Written::VersionMismatch);
        };
        self.switch_identity(scope, &known, change.occurred_at).await?;
        self.forget_credentials(scope, known.id, &[CredentialStage::Previous])
            .await?;
        self.move_stage(
            scope,
            known.id,
            CredentialStage::Current,
            CredentialStage::Previous,
        )
        .await?;
        self.keep_previous_until(scope, known.id, keep_until).await?;
        self.move_stage(scope, known.id, CredentialStage::Next, CredentialStage::Current)
            .await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }

    pub(super) async fn roll_back(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        keep_until: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError> {
        let Some(known) = self.held(scope, connection).await? else {
            return Ok(Written::VersionMismatch);
        };
        self.switch_identity(scope, &known, change.occurred_at).await?;
        // Each stage holds one: the next one's place is the empty hand of this exchange.
        self.forget_credentials(scope, known.id, &[CredentialStage::Next])
            .await?;
        self.move_stage(scope, known.id, CredentialStage::Current, CredentialStage::Next)
            .await?;
        self.move_stage(
            scope,
            known.id,
            CredentialStage::Previous,
            CredentialStage::Current,
        )
        .await?;
        self.move_stage(scope, known.id, CredentialStage::Next, CredentialStage::Previous)
            .await?;
        self.keep_previous_until(scope, known.id, keep_until).await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }

    pub(super) async fn discard_next(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        change: &Change,
    ) -> Result<Written, StoreError> {
        if !self.bump(scope, connection, |_| {}).await? {
            return Ok(Written::VersionMismatch);
        }
        self.forget_credentials(scope, connection.id, &[CredentialStage::Next])
            .await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }

    pub(super) async fn remove_all(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError> {
        let Some(known) = self.held(scope, connection).await? else {
            return Ok(Written::VersionMismatch);
        };
        let axes = Axes::of(&known).unverified(at);
        self.write_identity(scope, &known, &axes, at, |_| {}).await?;
        self.forget_credentials(scope, known.id, CredentialStage::ALL)
            .await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }

    /// Runs sign in with another credential from now on. What was verified stays, if it was good:
    /// a promoted credential was tried before, a previous one worked once.
    async fn switch_identity(
        &self,
        scope: &WorkspaceScope,
        known: &ProviderConnection,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let axes = match known.verification.value {
            VerificationState::Healthy | VerificationState::Degraded => Axes::of(known),
            VerificationState::Unknown
            | VerificationState::Pending
            | VerificationState::Blocked
            | VerificationState::Error => Axes::of(known).unverified(at),
        };
        self.write_identity(scope, known, &axes, at, |_| {}).await
    }

    /// Writes the axes of a connection that this transaction holds, and counts both versions on.
    pub(super) async fn write_identity(
        &self,
        scope: &WorkspaceScope,
        known: &ProviderConnection,
        axes: &Axes,
        at: Timestamp,
        more: impl FnOnce(&mut UpdateStatement),
    ) -> Result<(), StoreError> {
        let ids = self.context.ids.as_ref();
        if !axes::write(self.db, ids, scope, known, axes, at).await? {
            return Err(StoreError::Conflict);
        }
        let mut statement = update(scope, known.id);
        statement
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(Column::IdentityVersion, Expr::col(Column::IdentityVersion).add(1));
        more(&mut statement);
        self.db.execute(&statement).await.or_store_error()?;
        Ok(())
    }

    pub(super) async fn forget_credentials(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        stages: &[CredentialStage],
    ) -> Result<(), StoreError> {
        let forget = Query::delete()
            .from_table(credential::Entity)
            .and_where(Expr::col(C::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(C::ConnectionId).eq(id.as_uuid()))
            .and_where(Expr::col(C::Stage).is_in(stages.iter().map(|stage| stage.as_str())))
            .to_owned();
        self.db.execute(&forget).await.or_store_error()?;
        Ok(())
    }

    async fn move_stage(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        from: CredentialStage,
        to: CredentialStage,
    ) -> Result<(), StoreError> {
        let mut statement = in_stage(scope, id, from);
        statement
            .value(C::Stage, to.as_str())
            .value(C::KeepUntil, None::<i64>);
        self.db.execute(&statement).await.or_store_error()?;
        Ok(())
    }

    async fn keep_previous_until(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        keep_until: Timestamp,
    ) -> Result<(), StoreError> {
        let mut statement = in_stage(scope, id, CredentialStage::Previous);
        statement.value(C::KeepUntil, to_micros(keep_until));
        self.db.execute(&statement).await.or_store_error()?;
        Ok(())
    }

    async fn seal_and_store(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        new: NewCredential,
        stage: CredentialStage,
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
        let secret = new.secret.expose().as_bytes();
        let fingerprint = new.fingerprint.or_else(|| match new.kind {
            CredentialKind::ClientSecret => Some(fingerprint::of(&key, secret)),
            CredentialKind::Certificate | CredentialKind::FederatedToken => None,
        });
        let row = credential::ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(new.id.as_uuid()),
            connection_id: Set(connection.id.as_uuid()),
            version: Set(version),
            sealed: Set(envelope::seal(&key, &name, &binding, secret)),
            expires_at: Set(new.expires_at.map(to_micros)),
            undecryptable: Set(false),
            created_at: Set(to_micros(new.created_at)),
            stage: Set(stage.as_str().to_owned()),
            kind: Set(new.kind.as_str().to_owned()),
            kid: Set(Some(name.kid.clone())),
            data_key_version: Set(Some(i64::from(name.version))),
            fingerprint: Set(fingerprint),
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
}

fn in_stage(scope: &WorkspaceScope, id: ConnectionId, stage: CredentialStage) -> UpdateStatement {
    Query::update()
        .table(credential::Entity)
        .and_where(Expr::col(C::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(C::ConnectionId).eq(id.as_uuid()))
        .and_where(Expr::col(C::Stage).eq(stage.as_str()))
        .to_owned()
}
