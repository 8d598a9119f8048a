//! Reads of connections. A deleted connection is found by none of them.

use async_trait::async_trait;
use kernel::{Page, PageRequest, Position, StoreError, Timestamp};
use provider_core::{
    CalendarEntry, ConnectionFilter, ConnectionId, ConnectionLookup, HistoryEntry, ProviderConnection,
    ProviderKey, RequirementRow,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, Order, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Expr, ExprTrait as _, LockType},
};
use tenancy::{EnvironmentId, WorkspaceScope};
use uuid::Uuid;

use super::{filter, rows};
use crate::{
    entities::{
        connection::{Column, Entity, Model},
        connection_history, connection_tag, credential, environment, requirement,
    },
    error::OrStoreError as _,
    scoped::{installation_wide, page, scoped, scoped_by_id},
    session::Repo,
    time::to_micros,
};

/// Stands for an end that nobody knows: the last microsecond of the year 9999, the latest time
/// that can be written (RFC 3339). Sorts behind every real one.
const NO_END: i64 = 253_402_300_799_999_999;

/// The connections of the scope that were not deleted.
pub(crate) fn live(scope: &WorkspaceScope) -> Select<Entity> {
    scoped::<Entity>(scope).filter(Column::DeletedAt.is_null())
}

/// The connection of the scope with this id, if it was not deleted.
pub(crate) fn live_by_id(scope: &WorkspaceScope, id: Uuid) -> Select<Entity> {
    scoped_by_id::<Entity>(scope, id).filter(Column::DeletedAt.is_null())
}

/// The name of the connection that a row belongs to, for the journal of the system's own work.
pub(crate) async fn label_of<C: ConnectionTrait>(
    db: &C,
    workspace_id: Uuid,
    connection_id: Uuid,
) -> Result<String, StoreError> {
    let row = installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace_id))
        .filter(Column::Id.eq(connection_id))
        .one(db)
        .await
        .or_store_error()?;
    Ok(row.map(|row| row.display_name).unwrap_or_default())
}

/// From whom a connection is kept until the transaction ends.
#[derive(Clone, Copy)]
pub(crate) enum Keep {
    /// From other writers. Whoever starts a run on it is not held up.
    FromWriters,
    /// From those who start a run on it, too: its identity changes.
    FromStarters,
}

/// The connection of the scope with this id, kept from others until the transaction ends. SQLite
/// has one writer and needs no lock of a row.
pub(crate) async fn locked<C: ConnectionTrait>(
    db: &C,
    scope: &WorkspaceScope,
    id: ConnectionId,
    keep: Keep,
) -> Result<Option<ProviderConnection>, StoreError> {
    // A new run refers to the connection by a foreign key, which takes `FOR KEY SHARE`.
    let lock = match keep {
        Keep::FromWriters => LockType::NoKeyUpdate,
        Keep::FromStarters => LockType::Update,
    };
    let row = live_by_id(scope, id.as_uuid())
        .lock(lock)
        .one(db)
        .await
        .or_store_error()?;
    Ok(complete(db, scope, row.into_iter().collect()).await?.pop())
}

/// Keeps others from changing which connection of an environment is the default until the
/// transaction ends. PostgreSQL would show each of two switches the default of before.
pub(crate) async fn lock_defaults<C: ConnectionTrait>(
    db: &C,
    scope: &WorkspaceScope,
    environment: EnvironmentId,
) -> Result<(), StoreError> {
    scoped_by_id::<environment::Entity>(scope, environment.as_uuid())
        .lock(LockType::NoKeyUpdate)
        .one(db)
        .await
        .or_store_error()?;
    Ok(())
}

#[async_trait]
impl<C: ConnectionTrait> ConnectionLookup for Repo<'_, C> {
    async fn find(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
    ) -> Result<Option<ProviderConnection>, StoreError> {
        let row = live_by_id(scope, id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        Ok(complete(self.db, scope, row.into_iter().collect()).await?.pop())
    }

    async fn list(
        &self,
        scope: &WorkspaceScope,
        filter: &ConnectionFilter,
        request: PageRequest,
    ) -> Result<Page<ProviderConnection>, StoreError> {
        let select = live(scope).filter(filter::condition(filter));
        let rows = page(select, request, Column::CreatedAt, Order::Asc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = complete(self.db, scope, rows).await?;
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
        let rows = live(scope)
            .filter(Column::EnvironmentId.eq(environment.as_uuid()))
            .filter(Column::Provider.eq(provider.as_str()))
            .filter(Column::IsDefault.eq(true))
            .all(self.db)
            .await
            .or_store_error()?;
        complete(self.db, scope, rows).await
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

    async fn history(
        &self,
        scope: &WorkspaceScope,
        id: ConnectionId,
        request: PageRequest,
    ) -> Result<Page<HistoryEntry>, StoreError> {
        use connection_history::{Column, Entity};
        let select = scoped::<Entity>(scope).filter(Column::ConnectionId.eq(id.as_uuid()));
        let rows = page(select, request, Column::OccurredAt, Order::Desc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = rows
            .into_iter()
            .map(rows::history_entry)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |item| Position {
            at: item.occurred_at,
            id: item.id.as_uuid(),
        }))
    }

    async fn calendar(
        &self,
        scope: &WorkspaceScope,
        request: PageRequest,
    ) -> Result<Page<CalendarEntry>, StoreError> {
        use credential::{Column as C, Entity as Credentials};
        let end = || Expr::col(C::ExpiresAt).if_null(NO_END);
        // A previous one whose time is over is only waiting for upkeep to remove it.
        let now = to_micros(self.context.clock.now());
        let kept = Expr::col(C::KeepUntil)
            .is_null()
            .or(Expr::col(C::KeepUntil).gt(now));
        let mut select = scoped::<Credentials>(scope).filter(kept);
        if let Some(Position { at, id }) = request.after {
            let at = to_micros(at);
            let beyond = end().gt(at).or(end().eq(at).and(Expr::col(C::Id).gt(id)));
            select = select.filter(beyond);
        }
        let credentials = select
            .order_by(end(), Order::Asc)
            .order_by(C::Id, Order::Asc)
            .limit(request.limit.with_lookahead())
            .all(self.db)
            .await
            .or_store_error()?;
        let ids: Vec<_> = credentials.iter().map(|row| row.connection_id).collect();
        let connections = live(scope)
            .filter(Column::Id.is_in(ids))
            .all(self.db)
            .await
            .or_store_error()?;
        let entries = credentials.iter().filter_map(|credential| {
            let connection = connections
                .iter()
                .find(|row| row.id == credential.connection_id)?;
            Some(rows::calendar_entry(connection, credential))
        });
        let items = entries.collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |entry| Position {
            at: entry.credential.expires_at.unwrap_or_else(no_end),
            id: entry.credential.id.as_uuid(),
        }))
    }
}

fn no_end() -> Timestamp {
    Timestamp::from_timestamp_micros(NO_END).unwrap_or(Timestamp::MAX_UTC)
}

/// Joins what may be known of the credentials, and the tags. The sealed bytes are read along with
/// it and go no further than this function.
pub(crate) async fn complete<C: ConnectionTrait>(
    db: &C,
    scope: &WorkspaceScope,
    connections: Vec<Model>,
) -> Result<Vec<ProviderConnection>, StoreError> {
    if connections.is_empty() {
        return Ok(Vec::new());
    }
    let ids = || connections.iter().map(|row| row.id);
    let credentials = scoped::<credential::Entity>(scope)
        .filter(credential::Column::ConnectionId.is_in(ids()))
        .all(db)
        .await
        .or_store_error()?;
    let tags = installation_wide::<connection_tag::Entity>()
        .filter(connection_tag::Column::WorkspaceId.eq(scope.workspace_id().as_uuid()))
        .filter(connection_tag::Column::ConnectionId.is_in(ids()))
        .all(db)
        .await
        .or_store_error()?;
    connections
        .into_iter()
        .map(|row| rows::connection(row, &credentials, &tags))
        .collect()
}
