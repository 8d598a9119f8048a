//! Writes of connections. What concerns credentials and observations stands in files of its own.

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use provider_core::{
    ConnectionId, ConnectionLookup as _, ConnectionPatch, ConnectionRepository, CredentialId,
    CredentialTrial, Deleted, InsertedConnection, NewCredential, Observation, ProviderConnection, Recorded,
    Retargeted, StoredCredential, Written,
};
use sea_orm::{
    ConnectionTrait as _,
    sea_query::{Expr, ExprTrait as _, Query, UpdateStatement},
};
use tenancy::{Change, WorkspaceScope};

use super::lookup::{self, Keep};
use crate::{
    bounded::Tx,
    entities::{
        connection::{Column, Entity},
        connection_tag,
    },
    error::OrStoreError as _,
    journal,
    session::Repo,
};

#[async_trait]
impl ConnectionRepository for Repo<'_, Tx> {
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: Option<NewCredential>,
        change: &Change,
    ) -> Result<InsertedConnection, StoreError> {
        self.insert_connection(scope, connection, credential, change)
            .await
    }

    async fn update(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        patch: &ConnectionPatch,
        change: &Change,
    ) -> Result<Written, StoreError> {
        let ConnectionPatch {
            display_name,
            scope_display_name,
            tags,
        } = patch;
        let written = self
            .bump(scope, connection, |statement| {
                if let Some(name) = display_name {
                    statement.value(Column::DisplayName, name.as_str());
                }
                if let Some(name) = scope_display_name {
                    statement.value(Column::ScopeDisplayName, name.as_str());
                }
            })
            .await?;
        if !written {
            return Ok(Written::VersionMismatch);
        }
        if let Some(tags) = tags {
            self.write_tags(scope, connection.id, tags).await?;
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }

    async fn set_enabled(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        enabled: bool,
        change: &Change,
    ) -> Result<Written, StoreError> {
        let written = self
            .bump(scope, connection, |statement| {
                statement.value(Column::IsEnabled, enabled);
            })
            .await?;
        if !written {
            return Ok(Written::VersionMismatch);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }

    async fn make_default(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        change: &Change,
    ) -> Result<Written, StoreError> {
        lookup::lock_defaults(self.db, scope, connection.environment_id).await?;
        if self.held(scope, connection).await?.is_none() {
            return Ok(Written::VersionMismatch);
        }
        // Only now is it certain which one gives way: others may have switched since the caller
        // looked.
        let provider = connection.target_scope.provider();
        let defaults = self.defaults(scope, connection.environment_id, provider).await?;
        let change = match defaults.iter().find(|other| other.id != connection.id) {
            Some(other) => change
                .clone()
                .with("previous_connection_id", other.id.to_string()),
            None => change.clone(),
        };
        // First nobody, then this one: the unique index sees no moment with two, and nobody else
        // sees the moment with none. Every other default of the pair goes, so a corruption with
        // two of them is mended too.
        let nobody = Query::update()
            .table(Entity)
            .value(Column::IsDefault, false)
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(Column::EnvironmentId).eq(connection.environment_id.as_uuid()))
            .and_where(Expr::col(Column::Provider).eq(connection.target_scope.provider().as_str()))
            .and_where(Expr::col(Column::IsDefault).eq(true))
            .to_owned();
        self.db.execute(&nobody).await.or_store_error()?;
        let this = update(scope, connection.id)
            .value(Column::IsDefault, true)
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .to_owned();
        self.db.execute(&this).await.or_store_error()?;
        journal::record(self.db, scope.workspace_id(), &change).await?;
        Ok(Written::Done)
    }

    async fn delete(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
        change: &Change,
    ) -> Result<Deleted, StoreError> {
        self.delete_connection(scope, connection, at, change).await
    }

    async fn retarget(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        changed: &ProviderConnection,
        credential: Option<NewCredential>,
        change: &Change,
    ) -> Result<Retargeted, StoreError> {
        self.change_identity(scope, connection, changed, credential, change)
            .await
    }

    async fn put_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        change: &Change,
    ) -> Result<StoredCredential, StoreError> {
        self.replace_credential(scope, connection, credential, change)
            .await
    }

    async fn stage_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: NewCredential,
        change: &Change,
    ) -> Result<StoredCredential, StoreError> {
        self.store_next(scope, connection, credential, change).await
    }

    async fn promote_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        keep_until: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError> {
        self.promote(scope, connection, keep_until, change).await
    }

    async fn roll_back_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        keep_until: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError> {
        self.roll_back(scope, connection, keep_until, change).await
    }

    async fn discard_next_credential(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        change: &Change,
    ) -> Result<Written, StoreError> {
        self.discard_next(scope, connection, change).await
    }

    async fn remove_credentials(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError> {
        self.remove_all(scope, connection, at, change).await
    }

    async fn record_observation(
        &mut self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        observation: &Observation,
        change: &Change,
    ) -> Result<Recorded, StoreError> {
        self.observe(scope, id, observation, change).await
    }

    async fn claim_platform_target(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.claim_target(scope, connection, at).await
    }

    async fn platform_target_is_open(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<bool, StoreError> {
        self.target_is_open(scope, connection).await
    }

    async fn record_trial(
        &mut self,
        scope: &WorkspaceScope,
        credential: CredentialId,
        trial: &CredentialTrial,
        change: &Change,
    ) -> Result<(), StoreError> {
        self.write_trial(scope, credential, trial, change).await
    }
}

impl Repo<'_, Tx> {
    /// Counts the version of a connection on, if it is still the one that the caller read, and
    /// writes `more` with it.
    pub(super) async fn bump(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        more: impl FnOnce(&mut UpdateStatement),
    ) -> Result<bool, StoreError> {
        let mut statement = update(scope, connection.id);
        statement
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .and_where(Expr::col(Column::Version).eq(connection.version));
        more(&mut statement);
        let result = self.db.execute(&statement).await.or_store_error()?;
        Ok(result.rows_affected() == 1)
    }

    /// The present row of a connection that the caller read earlier, kept from other writers;
    /// nothing if it is not the same any more.
    pub(super) async fn held(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<Option<ProviderConnection>, StoreError> {
        self.held_for(scope, connection, Keep::FromWriters).await
    }

    /// The same, kept from those who start runs too: after this no run can begin on what the
    /// connection was.
    pub(super) async fn held_from_starters(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<Option<ProviderConnection>, StoreError> {
        self.held_for(scope, connection, Keep::FromStarters).await
    }

    async fn held_for(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        keep: Keep,
    ) -> Result<Option<ProviderConnection>, StoreError> {
        let present = lookup::locked(self.db, scope, connection.id, keep).await?;
        Ok(present.filter(|present| present.version == connection.version))
    }

    pub(super) async fn forget_tags(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
    ) -> Result<(), StoreError> {
        use connection_tag::Column as T;
        let forget = Query::delete()
            .from_table(connection_tag::Entity)
            .and_where(Expr::col(T::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(T::ConnectionId).eq(id.as_uuid()))
            .to_owned();
        self.db.execute(&forget).await.or_store_error()?;
        Ok(())
    }
}

/// An update of one connection of the scope that was not deleted.
pub(super) fn update(scope: &WorkspaceScope, id: ConnectionId) -> UpdateStatement {
    Query::update()
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::Id).eq(id.as_uuid()))
        .and_where(Expr::col(Column::DeletedAt).is_null())
        .to_owned()
}
