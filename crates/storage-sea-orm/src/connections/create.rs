//! New connections: the target index decides about duplicates, the default index about the
//! default.

use kernel::{Id, StoreError};
use provider_core::{
    ConnectionId, CredentialStage, InsertedConnection, NewCredential, ProviderConnection, Tags,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tenancy::{Change, WorkspaceScope};

use super::{
    lookup::{live, lock_defaults},
    write::update,
};
use crate::{
    bounded::Tx,
    entities::{
        connection::{ActiveModel, Column, Entity},
        connection_tag,
    },
    error::{OrStoreError as _, is_unique_violation, store_error},
    journal,
    session::Repo,
    time::to_micros,
};

impl Repo<'_, Tx> {
    pub(super) async fn insert_connection(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        credential: Option<NewCredential>,
        change: &Change,
    ) -> Result<InsertedConnection, StoreError> {
        lock_defaults(self.db, scope, connection.environment_id).await?;
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
            let holder = self.on_target(scope, connection).await?;
            return holder
                .map(InsertedConnection::DuplicateTarget)
                .ok_or(StoreError::Conflict);
        }
        if let Some(credential) = credential {
            self.store_credential(scope, connection, credential, CredentialStage::Current)
                .await?;
        }
        self.write_tags(scope, connection.id, &connection.tags).await?;
        let is_default = self.claim_default(scope, connection).await?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(InsertedConnection::Inserted { is_default })
    }

    /// The connection of the same environment to the same target.
    pub(super) async fn on_target(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
    ) -> Result<Option<ConnectionId>, StoreError> {
        let target = &connection.target_scope;
        let row = live(scope)
            .filter(Column::EnvironmentId.eq(connection.environment_id.as_uuid()))
            .filter(Column::Provider.eq(target.provider().as_str()))
            .filter(Column::ScopeKind.eq(target.scope_kind().as_str()))
            .filter(Column::ScopeIdentifier.eq(target.scope_identifier().as_str()))
            .one(self.db)
            .await
            .or_store_error()?;
        Ok(row.map(|row| Id::from_uuid(row.id)))
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
        let savepoint = self.db.savepoint().await.or_store_error()?;
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

    /// Puts `tags` in place of all tags that there are.
    pub(super) async fn write_tags(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        tags: &Tags,
    ) -> Result<(), StoreError> {
        self.forget_tags(scope, id).await?;
        let rows = tags
            .as_map()
            .iter()
            .map(|(key, value)| connection_tag::ActiveModel {
                workspace_id: Set(scope.workspace_id().as_uuid()),
                connection_id: Set(id.as_uuid()),
                tag_key: Set(key.clone()),
                tag_value: Set(value.clone()),
            });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            connection_tag::Entity::insert_many(rows)
                .exec_without_returning(self.db)
                .await
                .or_store_error()?;
        }
        Ok(())
    }
}

/// A new row. It is nobody's default until the index agreed.
fn row(scope: &WorkspaceScope, connection: &ProviderConnection) -> ActiveModel {
    let target = &connection.target_scope;
    let (consent, verification) = (&connection.consent, &connection.verification);
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
        consent_state: Set(consent.value.as_str().to_owned()),
        consent_reason: Set(consent.reason.map(|reason| reason.as_str().to_owned())),
        consent_since: Set(to_micros(consent.since)),
        consent_checked_at: Set(None),
        consent_run_id: Set(None),
        verification_state: Set(verification.value.as_str().to_owned()),
        verification_reason: Set(verification.reason.map(|reason| reason.as_str().to_owned())),
        verification_since: Set(to_micros(verification.since)),
        verification_checked_at: Set(None),
        verification_run_id: Set(None),
        created_at: Set(to_micros(connection.created_at)),
        identity_version: Set(connection.identity_version),
        credential_version: Set(0),
        consent_hint_at: Set(None),
        consent_hint_client: Set(None),
        verification_next_at: Set(None),
        deleted_at: Set(None),
    }
}
