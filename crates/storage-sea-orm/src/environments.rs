//! Managed environments in the database.

use async_trait::async_trait;
use kernel::{Id, Page, PageRequest, Position, StoreError};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, EntityTrait as _, Order, QueryTrait as _, sea_query::OnConflict,
};
use tenancy::{
    Change, DisplayName, Environment, EnvironmentId, EnvironmentLookup, EnvironmentRepository,
    InsertedEnvironment, Slug, WorkspaceScope,
};

use crate::{
    bounded::Tx,
    entities::environment::{ActiveModel, Column, Entity, Model},
    error::OrStoreError as _,
    journal,
    scoped::{page, scoped, scoped_by_id},
    session::Repo,
    time::{from_micros, to_micros},
};

const TABLE: &str = "environments";

#[async_trait]
impl<C: ConnectionTrait> EnvironmentLookup for Repo<'_, C> {
    async fn find(
        &self,
        scope: &WorkspaceScope,
        id: EnvironmentId,
    ) -> Result<Option<Environment>, StoreError> {
        let row = scoped_by_id::<Entity>(scope, id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        row.as_ref().map(environment).transpose()
    }

    async fn list(
        &self,
        scope: &WorkspaceScope,
        request: PageRequest,
    ) -> Result<Page<Environment>, StoreError> {
        let rows = page(scoped::<Entity>(scope), request, Column::CreatedAt, Order::Asc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = rows.iter().map(environment).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |item| Position {
            at: item.created_at,
            id: item.id.as_uuid(),
        }))
    }
}

#[async_trait]
impl EnvironmentRepository for Repo<'_, Tx> {
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        environment: &Environment,
        change: &Change,
    ) -> Result<InsertedEnvironment, StoreError> {
        let row = ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(environment.id.as_uuid()),
            slug: Set(environment.slug.as_str().to_owned()),
            display_name: Set(environment.display_name.as_str().to_owned()),
            created_at: Set(to_micros(environment.created_at)),
        };
        let taken = OnConflict::columns([Column::WorkspaceId, Column::Slug])
            .do_nothing()
            .to_owned();
        let insert = Entity::insert(row).on_conflict(taken).into_query();
        if self.db.execute(&insert).await.or_store_error()?.rows_affected() == 0 {
            return Ok(InsertedEnvironment::SlugTaken);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(InsertedEnvironment::Inserted)
    }
}

fn environment(row: &Model) -> Result<Environment, StoreError> {
    let broken = |column| StoreError::Inconsistent { table: TABLE, column };
    Ok(Environment {
        workspace_id: Id::from_uuid(row.workspace_id),
        id: Id::from_uuid(row.id),
        display_name: DisplayName::new(&row.display_name).map_err(|_| broken("display_name"))?,
        slug: Slug::new(&row.slug).map_err(|_| broken("slug"))?,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
    })
}
