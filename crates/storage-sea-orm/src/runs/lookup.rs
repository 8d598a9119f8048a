//! Reads of runs.

use async_trait::async_trait;
use kernel::{Page, PageRequest, Position, StoreError};
use operations::{OperationRun, RunFilter, RunLookup};
use provider_core::{ConnectionId, RunId};
use sea_orm::{ColumnTrait as _, ConnectionTrait, Order, QueryFilter as _};
use tenancy::WorkspaceScope;

use super::{
    filter::{active, condition, holding},
    rows,
};
use crate::{
    entities::run::{Column, Entity},
    error::OrStoreError as _,
    scoped::{page, scoped, scoped_by_id},
    session::Repo,
};

#[async_trait]
impl<C: ConnectionTrait> RunLookup for Repo<'_, C> {
    async fn find(&self, scope: &WorkspaceScope, id: RunId) -> Result<Option<OperationRun>, StoreError> {
        let row = scoped_by_id::<Entity>(scope, id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(rows::run).transpose()
    }

    async fn list(
        &self,
        scope: &WorkspaceScope,
        filter: RunFilter,
        request: PageRequest,
    ) -> Result<Page<OperationRun>, StoreError> {
        let select = scoped::<Entity>(scope).filter(condition(&filter));
        let rows = page(select, request, Column::CreatedAt, Order::Desc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = rows.into_iter().map(rows::run).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |run| Position {
            at: run.created_at,
            id: run.id.as_uuid(),
        }))
    }

    async fn active_on(
        &self,
        scope: &WorkspaceScope,
        scope_key: &str,
    ) -> Result<Option<OperationRun>, StoreError> {
        let row = scoped::<Entity>(scope)
            .filter(Column::ScopeKey.eq(scope_key))
            .filter(holding())
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(rows::run).transpose()
    }
    async fn active_of(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
    ) -> Result<Option<OperationRun>, StoreError> {
        let row = scoped::<Entity>(scope)
            .filter(Column::ConnectionId.eq(connection.as_uuid()))
            .filter(active())
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(rows::run).transpose()
    }
}
