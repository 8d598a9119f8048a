//! Reads of connections.

use async_trait::async_trait;
use kernel::{Page, PageRequest, Position, StoreError};
use provider_core::{ConnectionId, ConnectionLookup, ProviderConnection, ProviderKey, RequirementRow};
use sea_orm::{ColumnTrait as _, ConnectionTrait, Order, QueryFilter as _, QueryOrder as _};
use tenancy::{EnvironmentId, WorkspaceScope};

use super::rows;
use crate::{
    entities::{
        connection::{Column, Entity, Model},
        credential, requirement,
    },
    error::OrStoreError as _,
    scoped::{installation_wide, page, scoped, scoped_by_id},
    session::Repo,
};

#[async_trait]
impl<C: ConnectionTrait> ConnectionLookup for Repo<'_, C> {
    async fn find(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
    ) -> Result<Option<ProviderConnection>, StoreError> {
        let row = scoped_by_id::<Entity>(scope, id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        Ok(with_credentials(self.db, scope, row.into_iter().collect())
            .await?
            .pop())
    }

    async fn list(
        &self,
        scope: &WorkspaceScope,
        environment: Option<EnvironmentId>,
        request: PageRequest,
    ) -> Result<Page<ProviderConnection>, StoreError> {
        let mut select = scoped::<Entity>(scope);
        if let Some(environment) = environment {
            select = select.filter(Column::EnvironmentId.eq(environment.as_uuid()));
        }
        let rows = page(select, request, Column::CreatedAt, Order::Asc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = with_credentials(self.db, scope, rows).await?;
        Ok(Page::from_lookahead(items, request.limit, |item| Position {
            at: item.created_at,
            id: item.id.as_uuid(),
        }))
    }

    async fn defaults(
        &self,
        scope: &WorkspaceScope,
        environment: EnvironmentId,
        provider: &ProviderKey,
    ) -> Result<Vec<ProviderConnection>, StoreError> {
        let rows = scoped::<Entity>(scope)
            .filter(Column::EnvironmentId.eq(environment.as_uuid()))
            .filter(Column::Provider.eq(provider.as_str()))
            .filter(Column::IsDefault.eq(true))
            .all(self.db)
            .await
            .or_store_error()?;
        with_credentials(self.db, scope, rows).await
    }

    async fn requirements(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
    ) -> Result<Vec<RequirementRow>, StoreError> {
        let rows = installation_wide::<requirement::Entity>()
            .filter(requirement::Column::WorkspaceId.eq(scope.workspace_id().as_uuid()))
            .filter(requirement::Column::ConnectionId.eq(id.as_uuid()))
            .order_by_asc(requirement::Column::RequirementKey)
            .all(self.db)
            .await
            .or_store_error()?;
        rows.into_iter().map(rows::requirement).collect()
    }
}

/// Joins what may be known of the credentials. The sealed bytes are read along with it and go
/// no further than this function.
async fn with_credentials<C: ConnectionTrait>(
    db: &C,
    scope: &WorkspaceScope,
    connections: Vec<Model>,
) -> Result<Vec<ProviderConnection>, StoreError> {
    if connections.is_empty() {
        return Ok(Vec::new());
    }
    let credentials = scoped::<credential::Entity>(scope)
        .filter(credential::Column::ConnectionId.is_in(connections.iter().map(|row| row.id)))
        .all(db)
        .await
        .or_store_error()?;
    connections
        .into_iter()
        .map(|row| {
            let credential = credentials
                .iter()
                .find(|credential| credential.connection_id == row.id);
            rows::connection(row, credential)
        })
        .collect()
}
