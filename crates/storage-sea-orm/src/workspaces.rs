//! Workspaces in the database.

use async_trait::async_trait;
use kernel::{Id, Page, PageRequest, Position, StoreError};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, Order, QueryFilter as _, QueryTrait as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tenancy::{
    Change, DisplayName, InsertedWorkspace, Membership, PrincipalKey, Slug, Workspace, WorkspaceLookup,
    WorkspaceRepository, WorkspaceScope,
};

use crate::{
    bounded::Tx,
    entities::{
        member, principal,
        workspace::{ActiveModel, Column, Entity, Model},
    },
    error::OrStoreError as _,
    journal, members,
    scoped::{installation_wide, keyset},
    session::Repo,
    time::{from_micros, to_micros},
};

const TABLE: &str = "workspaces";

#[async_trait]
impl<C: ConnectionTrait> WorkspaceLookup for Repo<'_, C> {
    async fn get(&self, scope: &WorkspaceScope) -> Result<Workspace, StoreError> {
        let row = installation_wide::<Entity>()
            .filter(Column::Id.eq(scope.workspace_id().as_uuid()))
            .one(self.db)
            .await
            .or_store_error()?;
        // A scope is the proof that the workspace was there a moment ago, and none is deleted.
        workspace(&row.ok_or(StoreError::Inconsistent {
            table: TABLE,
            column: "id",
        })?)
    }

    async fn of_principal(
        &self,
        key: &PrincipalKey,
        request: PageRequest,
    ) -> Result<Page<Workspace>, StoreError> {
        let memberships = Query::select()
            .column(member::Column::WorkspaceId)
            .from(member::Entity)
            .and_where(
                Expr::col(member::Column::PrincipalId).in_subquery(
                    Query::select()
                        .column(principal::Column::Id)
                        .from(principal::Entity)
                        .and_where(Expr::col(principal::Column::Issuer).eq(key.issuer.as_str()))
                        .and_where(Expr::col(principal::Column::Subject).eq(key.subject.as_str()))
                        .to_owned(),
                ),
            )
            .to_owned();
        let select = installation_wide::<Entity>().filter(Column::Id.in_subquery(memberships));
        let rows = keyset(select, request, Column::CreatedAt, Column::Id, Order::Asc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = rows.iter().map(workspace).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |item| Position {
            at: item.created_at,
            id: item.id.as_uuid(),
        }))
    }
}

#[async_trait]
impl WorkspaceRepository for Repo<'_, Tx> {
    async fn insert(
        &mut self,
        workspace: &Workspace,
        owner: &Membership,
        change: &Change,
    ) -> Result<InsertedWorkspace, StoreError> {
        let row = ActiveModel {
            id: Set(workspace.id.as_uuid()),
            slug: Set(workspace.slug.as_str().to_owned()),
            display_name: Set(workspace.display_name.as_str().to_owned()),
            created_at: Set(to_micros(workspace.created_at)),
        };
        let insert = Entity::insert(row)
            .on_conflict(OnConflict::column(Column::Slug).do_nothing().to_owned())
            .into_query();
        if self.db.execute(&insert).await.or_store_error()?.rows_affected() == 0 {
            return Ok(InsertedWorkspace::SlugTaken);
        }
        let (membership, _) = members::insert(self.db, workspace.id, owner.member()).await?;
        // The principal may have been known under another id than the caller made for it.
        let mut change = change.clone();
        change.actor = membership.actor();
        journal::record(self.db, workspace.id, &change).await?;
        Ok(InsertedWorkspace::Inserted(membership))
    }
}

fn workspace(row: &Model) -> Result<Workspace, StoreError> {
    let broken = |column| StoreError::Inconsistent { table: TABLE, column };
    Ok(Workspace {
        id: Id::from_uuid(row.id),
        display_name: DisplayName::new(&row.display_name).map_err(|_| broken("display_name"))?,
        slug: Slug::new(&row.slug).map_err(|_| broken("slug"))?,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
    })
}
