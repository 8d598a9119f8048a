//! Principals and members in the database.

use async_trait::async_trait;
use kernel::{Id, Page, PageRequest, Position, StoreError};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, Order, QueryFilter as _,
    QueryTrait as _, sea_query::OnConflict,
};
use tenancy::{
    AddedMember, Change, Member, MemberLookup, MemberRepository, Membership, Principal, PrincipalId,
    PrincipalKey, Role, WorkspaceId, WorkspaceScope,
};

use crate::{
    bounded::Tx,
    entities::{
        member::{ActiveModel, Column, Entity, Model},
        principal,
    },
    error::OrStoreError as _,
    journal,
    scoped::{installation_wide, page, scoped},
    session::Repo,
    time::{from_micros, to_micros},
};

const TABLE: &str = "members";

#[async_trait]
impl<C: ConnectionTrait> MemberLookup for Repo<'_, C> {
    async fn membership(
        &self,
        key: &PrincipalKey,
        workspace_id: WorkspaceId,
    ) -> Result<Option<Membership>, StoreError> {
        let Some(principal) = find_principal(self.db, key).await? else {
            return Ok(None);
        };
        let row = installation_wide::<Entity>()
            .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
            .filter(Column::PrincipalId.eq(principal.id))
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(|row| Ok(from_row(workspace_id, member(&row, principal)?)))
            .transpose()
    }

    async fn membership_of(
        &self,
        scope: &WorkspaceScope,
        principal: PrincipalId,
    ) -> Result<Option<Membership>, StoreError> {
        let row = scoped::<Entity>(scope)
            .filter(Column::PrincipalId.eq(principal.as_uuid()))
            .one(self.db)
            .await
            .or_store_error()?;
        let Some(row) = row else {
            return Ok(None);
        };
        let principal = installation_wide::<principal::Entity>()
            .filter(principal::Column::Id.eq(row.principal_id))
            .one(self.db)
            .await
            .or_store_error()?
            .ok_or(StoreError::Inconsistent {
                table: TABLE,
                column: "principal_id",
            })?;
        Ok(Some(from_row(scope.workspace_id(), member(&row, principal)?)))
    }

    async fn list(&self, scope: &WorkspaceScope, request: PageRequest) -> Result<Page<Member>, StoreError> {
        let rows = page(scoped::<Entity>(scope), request, Column::CreatedAt, Order::Asc)
            .all(self.db)
            .await
            .or_store_error()?;
        let ids: Vec<_> = rows.iter().map(|row| row.principal_id).collect();
        let principals = installation_wide::<principal::Entity>()
            .filter(principal::Column::Id.is_in(ids))
            .all(self.db)
            .await
            .or_store_error()?;
        let mut members = Vec::with_capacity(rows.len());
        for row in rows {
            let principal = principals
                .iter()
                .find(|principal| principal.id == row.principal_id);
            let principal = principal.ok_or(StoreError::Inconsistent {
                table: TABLE,
                column: "principal_id",
            })?;
            members.push(member(&row, principal.clone())?);
        }
        Ok(Page::from_lookahead(members, request.limit, |member| Position {
            at: member.created_at,
            id: member.id.as_uuid(),
        }))
    }

    async fn role_of(
        &self,
        scope: &WorkspaceScope,
        principal: PrincipalId,
    ) -> Result<Option<Role>, StoreError> {
        let row = scoped::<Entity>(scope)
            .filter(Column::PrincipalId.eq(principal.as_uuid()))
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(|row| role(&row)).transpose()
    }
}

#[async_trait]
impl MemberRepository for Repo<'_, Tx> {
    async fn add(
        &mut self,
        scope: &WorkspaceScope,
        member: &Member,
        change: &Change,
    ) -> Result<AddedMember, StoreError> {
        let (membership, inserted) = insert(self.db, scope.workspace_id(), member).await?;
        if !inserted {
            return Ok(AddedMember::AlreadyMember);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(AddedMember::Added(membership.member().id))
    }
}

/// Stores the principal on first sight, and the member. Tells whether the member is new.
pub(crate) async fn insert(
    db: &Tx,
    workspace_id: WorkspaceId,
    new: &Member,
) -> Result<(Membership, bool), StoreError> {
    let principal = principal_on_first_sight(db, new).await?;
    let row = ActiveModel {
        workspace_id: Set(workspace_id.as_uuid()),
        id: Set(new.id.as_uuid()),
        principal_id: Set(principal.id),
        label: Set(new.principal.label.clone()),
        role: Set(new.role.as_str().to_owned()),
        created_at: Set(to_micros(new.created_at)),
    };
    let known = OnConflict::columns([Column::WorkspaceId, Column::PrincipalId])
        .do_nothing()
        .to_owned();
    let insert = Entity::insert(row).on_conflict(known).into_query();
    let inserted = db.execute(&insert).await.or_store_error()?.rows_affected() == 1;
    let stored = Member {
        id: new.id,
        principal: domain_principal(principal, new.principal.label.clone()),
        role: new.role,
        created_at: new.created_at,
    };
    Ok((from_row(workspace_id, stored), inserted))
}

async fn principal_on_first_sight(db: &Tx, new: &Member) -> Result<principal::Model, StoreError> {
    let row = principal::ActiveModel {
        id: Set(new.principal.id.as_uuid()),
        issuer: Set(new.principal.key.issuer.clone()),
        subject: Set(new.principal.key.subject.clone()),
        created_at: Set(to_micros(new.created_at)),
    };
    let known = OnConflict::columns([principal::Column::Issuer, principal::Column::Subject])
        .do_nothing()
        .to_owned();
    let insert = principal::Entity::insert(row).on_conflict(known).into_query();
    db.execute(&insert).await.or_store_error()?;
    find_principal(db, &new.principal.key)
        .await?
        .ok_or(StoreError::Conflict)
}

async fn find_principal<C: ConnectionTrait>(
    db: &C,
    key: &PrincipalKey,
) -> Result<Option<principal::Model>, StoreError> {
    installation_wide::<principal::Entity>()
        .filter(principal::Column::Issuer.eq(key.issuer.as_str()))
        .filter(principal::Column::Subject.eq(key.subject.as_str()))
        .one(db)
        .await
        .or_store_error()
}

#[expect(clippy::disallowed_methods, reason = "the store that read the row")]
fn from_row(workspace_id: WorkspaceId, member: Member) -> Membership {
    Membership::from_row(workspace_id, member)
}

/// The name is the workspace's own: nobody else hears how it calls somebody.
fn domain_principal(row: principal::Model, label: String) -> Principal {
    Principal {
        id: Id::from_uuid(row.id),
        key: PrincipalKey {
            issuer: row.issuer,
            subject: row.subject,
        },
        label,
    }
}

fn role(row: &Model) -> Result<Role, StoreError> {
    Role::parse(&row.role).ok_or(StoreError::Inconsistent {
        table: TABLE,
        column: "role",
    })
}

fn member(row: &Model, principal: principal::Model) -> Result<Member, StoreError> {
    Ok(Member {
        id: Id::from_uuid(row.id),
        role: role(row)?,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
        principal: domain_principal(principal, row.label.clone()),
    })
}
