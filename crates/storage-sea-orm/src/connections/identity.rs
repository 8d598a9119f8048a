//! The end of a connection's identity: deleted, or pointed somewhere else. What belonged to the
//! old one goes with it.

use kernel::{StoreError, Timestamp};
use provider_core::{
    ConnectionId, CredentialStage, Deleted, NewCredential, ProviderConnection, Retargeted,
    connection::first_consent,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, PaginatorTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _, Query},
};
use tenancy::{Change, WorkspaceScope};

use super::{
    axes::Axes,
    lookup::{live, lock_defaults},
    observe::release_platform_target,
    write::update,
};
use crate::{
    bounded::Tx,
    entities::{
        call_attempt, connection::Column, connection_history, item, requirement, snapshot, throttle_ledger,
    },
    error::OrStoreError as _,
    journal,
    session::Repo,
    time::to_micros,
};

impl Repo<'_, Tx> {
    pub(super) async fn delete_connection(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        at: Timestamp,
        change: &Change,
    ) -> Result<Deleted, StoreError> {
        lock_defaults(self.db, scope, connection.environment_id).await?;
        let Some(known) = self.held_from_starters(scope, connection).await? else {
            return Ok(Deleted::VersionMismatch);
        };
        if known.is_default && self.has_siblings(scope, &known).await? {
            return Ok(Deleted::OthersNeedADefault);
        }
        self.forget_credentials(scope, known.id, CredentialStage::ALL)
            .await?;
        self.forget_tags(scope, known.id).await?;
        self.forget_requirements(scope, known.id).await?;
        self.forget_items(scope, known.id).await?;
        self.forget_calls(scope, known.id).await?;
        self.forget_of::<connection_history::Entity>(
            scope,
            known.id,
            connection_history::Entity,
            (
                connection_history::Column::WorkspaceId,
                connection_history::Column::ConnectionId,
            ),
        )
        .await?;
        release_platform_target(self.db, scope, &known).await?;
        let end = update(scope, known.id)
            .value(Column::DeletedAt, to_micros(at))
            .value(Column::IsDefault, false)
            .value(Column::IsEnabled, false)
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(Column::IdentityVersion, Expr::col(Column::IdentityVersion).add(1))
            // Frees the target for another connection.
            .value(Column::ScopeIdentifier, known.id.to_string())
            .value(Column::ClientIdentifier, None::<String>)
            .value(Column::ConsentHintAt, None::<i64>)
            .value(Column::ConsentHintClient, None::<String>)
            .value(Column::VerificationNextAt, None::<i64>)
            .to_owned();
        self.db.execute(&end).await.or_store_error()?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Deleted::Done)
    }

    async fn has_siblings(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<bool, StoreError> {
        let others = live(scope)
            .filter(Column::EnvironmentId.eq(connection.environment_id.as_uuid()))
            .filter(Column::Provider.eq(connection.target_scope.provider().as_str()))
            .filter(Column::Id.ne(connection.id.as_uuid()))
            .count(self.db)
            .await
            .or_store_error()?;
        Ok(others > 0)
    }

    pub(super) async fn change_identity(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        changed: &ProviderConnection,
        credential: Option<NewCredential>,
        change: &Change,
    ) -> Result<Retargeted, StoreError> {
        // Two that come to one target meet here, and not in the unique index.
        lock_defaults(self.db, scope, connection.environment_id).await?;
        let Some(known) = self.held_from_starters(scope, connection).await? else {
            return Ok(Retargeted::VersionMismatch);
        };
        if let Some(other) = self
            .on_target(scope, changed)
            .await?
            .filter(|other| *other != known.id)
        {
            return Ok(Retargeted::DuplicateTarget(other));
        }
        let at = change.occurred_at;
        let elsewhere = known.target_scope.scope_key() != changed.target_scope.scope_key()
            || known.realm != changed.realm;
        if elsewhere {
            self.forget_items(scope, known.id).await?;
            self.forget_snapshots(scope, known.id).await?;
            self.forget_calls(scope, known.id).await?;
        }
        self.forget_credentials(scope, known.id, CredentialStage::ALL)
            .await?;
        self.forget_requirements(scope, known.id).await?;
        release_platform_target(self.db, scope, &known).await?;
        let axes = Axes {
            consent: first_consent(changed.connection_type, at),
            ..Axes::of(&known).unverified(at)
        };
        let target = &changed.target_scope;
        self.write_identity(scope, &known, &axes, at, |statement| {
            statement
                .value(Column::ConnectionType, changed.connection_type.as_str())
                .value(Column::Realm, changed.realm.clone())
                .value(Column::ScopeKind, target.scope_kind().as_str())
                .value(Column::ScopeIdentifier, target.scope_identifier().as_str())
                .value(Column::ScopeDisplayName, target.scope_display_name().as_str())
                .value(Column::ClientIdentifier, changed.client_identifier.clone())
                .value(Column::ConsentHintAt, None::<i64>)
                .value(Column::ConsentHintClient, None::<String>);
        })
        .await?;
        if let Some(credential) = credential {
            self.store_credential(scope, changed, credential, CredentialStage::Current)
                .await?;
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Retargeted::Done)
    }

    /// What a client was granted says nothing about another one.
    pub(super) async fn forget_requirements(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
    ) -> Result<(), StoreError> {
        use requirement::{Column as R, Entity};
        self.forget_of::<Entity>(scope, id, Entity, (R::WorkspaceId, R::ConnectionId))
            .await
    }

    async fn forget_items(&self, scope: &WorkspaceScope, id: ConnectionId) -> Result<(), StoreError> {
        use item::{Column as I, Entity};
        self.forget_of::<Entity>(scope, id, Entity, (I::WorkspaceId, I::ConnectionId))
            .await
    }

    async fn forget_snapshots(&self, scope: &WorkspaceScope, id: ConnectionId) -> Result<(), StoreError> {
        use snapshot::{Column as S, Entity};
        self.forget_of::<Entity>(scope, id, Entity, (S::WorkspaceId, S::ConnectionId))
            .await
    }

    /// The log goes, and limits of the old target close nothing any more. What was counted stays: it
    /// is about the installation's work, and counters must not fall.
    async fn forget_calls(&self, scope: &WorkspaceScope, id: ConnectionId) -> Result<(), StoreError> {
        use call_attempt::{Column as A, Entity};
        use throttle_ledger::Column as L;
        self.forget_of::<Entity>(scope, id, Entity, (A::WorkspaceId, A::ConnectionId))
            .await?;
        let open = Query::update()
            .table(throttle_ledger::Entity)
            .value(L::PausedUntil, None::<i64>)
            .and_where(Expr::col(L::WorkspaceId).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(L::ConnectionId).eq(id.as_uuid()))
            .to_owned();
        self.db.execute(&open).await.or_store_error()?;
        Ok(())
    }

    /// Deletes the rows of `table` that belong to the connection.
    async fn forget_of<E: sea_orm::EntityTrait>(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        table: E,
        (workspace, connection): (E::Column, E::Column),
    ) -> Result<(), StoreError> {
        let forget = Query::delete()
            .from_table(table)
            .and_where(Expr::col(workspace).eq(scope.workspace_id().as_uuid()))
            .and_where(Expr::col(connection).eq(id.as_uuid()))
            .to_owned();
        self.db.execute(&forget).await.or_store_error()?;
        Ok(())
    }
}
