//! Reads of streams. What has no number yet is not part of a stream.

use async_trait::async_trait;
use kernel::StoreError;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement,
};
use tenancy::{EventFilter, EventLookup, StreamEvent, StreamPage, WorkspaceScope};

use super::{rows, select};
use crate::{
    entities::outbox_event::{Column, Entity},
    error::OrStoreError as _,
    scoped::scoped,
    session::Repo,
};

#[async_trait]
impl<C: ConnectionTrait> EventLookup for Repo<'_, C> {
    async fn after(&self, scope: &WorkspaceScope, after: u64, limit: u32) -> Result<StreamPage, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = scoped::<Entity>(scope)
            .filter(Column::Sequence.gt(after))
            .order_by_asc(Column::Sequence)
            .limit(u64::from(limit))
            .all(self.db)
            .await
            .or_store_error()?;
        let events = rows.into_iter().map(rows::event).collect::<Result<Vec<_>, _>>()?;
        let (last_sequence, first_kept) = self.ends(scope).await?;
        Ok(StreamPage {
            events,
            last_sequence,
            first_kept,
        })
    }

    async fn select(
        &self,
        scope: &WorkspaceScope,
        filter: &EventFilter,
        after: u64,
        limit: u32,
    ) -> Result<StreamPage, StoreError> {
        select::run(self.db, scope, filter, after, limit).await
    }

    async fn about(
        &self,
        scope: &WorkspaceScope,
        (kind, id): (&str, &str),
        limit: u32,
    ) -> Result<Vec<StreamEvent>, StoreError> {
        let rows = scoped::<Entity>(scope)
            .filter(Column::SubjectKind.eq(kind))
            .filter(Column::SubjectId.eq(id))
            .filter(Column::Sequence.is_not_null())
            .order_by_asc(Column::Sequence)
            .limit(u64::from(limit))
            .all(self.db)
            .await
            .or_store_error()?;
        rows.into_iter().map(rows::event).collect()
    }
}

impl<C: ConnectionTrait> Repo<'_, C> {
    /// The last number and the first that is kept. Read after the events: what came in between is only
    /// one page away.
    async fn ends(&self, scope: &WorkspaceScope) -> Result<(u64, u64), StoreError> {
        let ends = Statement::from_sql_and_values(
            self.db.get_database_backend(),
            "SELECT last_sequence, first_kept FROM event_streams WHERE workspace_id = $1",
            [scope.workspace_id().as_uuid().into()],
        );
        let Some(row) = self.db.query_one_raw(ends).await.or_store_error()? else {
            return Ok((0, 1));
        };
        let number = |column| {
            row.try_get::<i64>("", column)
                .map(|number| u64::try_from(number).unwrap_or_default())
        };
        Ok((
            number("last_sequence").or_store_error()?,
            number("first_kept").or_store_error()?,
        ))
    }
}
