//! The inbox of one reader. Every query names him.

use async_trait::async_trait;
use kernel::{Id, Page, PageRequest, Position, StoreError, Timestamp};
use operations::{
    Notification, NotificationId, NotificationLookup, NotificationRepository, OperationType, RunOutcome,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, Order, PaginatorTrait as _, QueryFilter as _,
    Select, UpdateMany, sea_query::Expr,
};
use tenancy::{PrincipalId, WorkspaceScope};

use crate::{
    bounded::Tx,
    entities::notification::{Column, Entity, Model},
    error::OrStoreError as _,
    scoped::{page, scoped},
    session::Repo,
    time::{from_micros, from_optional, to_micros},
};

const TABLE: &str = "notifications";

fn of(scope: &WorkspaceScope, reader: PrincipalId) -> Select<Entity> {
    scoped::<Entity>(scope).filter(Column::PrincipalId.eq(reader.as_uuid()))
}

fn change(scope: &WorkspaceScope, reader: PrincipalId) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::WorkspaceId.eq(scope.workspace_id().as_uuid()))
        .filter(Column::PrincipalId.eq(reader.as_uuid()))
}

#[async_trait]
impl<C: ConnectionTrait> NotificationLookup for Repo<'_, C> {
    async fn list(
        &self,
        scope: &WorkspaceScope,
        reader: PrincipalId,
        unread: bool,
        request: PageRequest,
    ) -> Result<Page<Notification>, StoreError> {
        let mut select = of(scope, reader);
        if unread {
            select = select.filter(Column::ReadAt.is_null());
        }
        let rows = page(select, request, Column::CreatedAt, Order::Desc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = rows.iter().map(notification).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |item| Position {
            at: item.created_at,
            id: item.id.as_uuid(),
        }))
    }

    async fn unread(&self, scope: &WorkspaceScope, reader: PrincipalId) -> Result<u64, StoreError> {
        of(scope, reader)
            .filter(Column::ReadAt.is_null())
            .count(self.db)
            .await
            .or_store_error()
    }

    async fn find(
        &self,
        scope: &WorkspaceScope,
        reader: PrincipalId,
        id: NotificationId,
    ) -> Result<Option<Notification>, StoreError> {
        let row = of(scope, reader)
            .filter(Column::Id.eq(id.as_uuid()))
            .one(self.db)
            .await
            .or_store_error()?;
        row.as_ref().map(notification).transpose()
    }
}

#[async_trait]
impl NotificationRepository for Repo<'_, Tx> {
    async fn mark(
        &mut self,
        scope: &WorkspaceScope,
        reader: PrincipalId,
        id: NotificationId,
        read_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut mark = change(scope, reader)
            .col_expr(Column::ReadAt, Expr::value(read_at.map(to_micros)))
            .filter(Column::Id.eq(id.as_uuid()));
        if read_at.is_some() {
            mark = mark.filter(Column::ReadAt.is_null());
        }
        mark.exec(self.db).await.or_store_error()?;
        Ok(())
    }

    async fn mark_up_to(
        &mut self,
        scope: &WorkspaceScope,
        reader: PrincipalId,
        sequence: u64,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let marked = change(scope, reader)
            .col_expr(Column::ReadAt, Expr::value(to_micros(at)))
            .filter(Column::ReadAt.is_null())
            .filter(Column::Sequence.lte(i64::try_from(sequence).unwrap_or(i64::MAX)))
            .exec(self.db)
            .await
            .or_store_error()?;
        Ok(marked.rows_affected)
    }
}

fn notification(row: &Model) -> Result<Notification, StoreError> {
    let broken = |column| StoreError::Inconsistent { table: TABLE, column };
    Ok(Notification {
        id: Id::from_uuid(row.id),
        run_id: Id::from_uuid(row.run_id),
        operation_type: OperationType::parse(&row.operation_type).ok_or(broken("operation_type"))?,
        outcome: RunOutcome::parse(&row.outcome).ok_or(broken("outcome"))?,
        environment_id: row.environment_id.map(Id::from_uuid),
        sequence: u64::try_from(row.sequence).map_err(|_| broken("sequence"))?,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
        read_at: from_optional(row.read_at, TABLE, "read_at")?,
    })
}
