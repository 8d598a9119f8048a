//! Items and snapshots in the database.

use async_trait::async_trait;
use inventory::{
    ComplianceSnapshot, ControlResult, InventoryLookup, InventoryRepository, ItemFilter, ItemKind,
    ObservedItem, SnapshotId, StoredItem, UpsertCounts,
};
use kernel::{Id, Page, PageRequest, Position, StoreError, Timestamp};
use provider_core::{ConnectionId, RunId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, Order, PaginatorTrait as _, QueryFilter as _,
    QueryTrait as _,
    sea_query::{Alias, Expr, ExprTrait as _, OnConflict},
};
use serde_json::{Map, Value};
use tenancy::WorkspaceScope;

use crate::{
    bounded::Tx,
    entities::{item, snapshot},
    error::OrStoreError as _,
    scoped::{page, scoped, scoped_by_id},
    session::Repo,
    time::{from_micros, to_micros},
};

/// Rows of one statement: far below the number of parameters that either engine takes.
const BATCH: usize = 200;

#[async_trait]
impl<C: ConnectionTrait> InventoryLookup for Repo<'_, C> {
    async fn items(
        &self,
        scope: &WorkspaceScope,
        filter: ItemFilter,
        request: PageRequest,
    ) -> Result<Page<StoredItem>, StoreError> {
        let mut select = scoped::<item::Entity>(scope);
        if let Some(connection) = filter.connection_id {
            select = select.filter(item::Column::ConnectionId.eq(connection.as_uuid()));
        }
        if let Some(kind) = filter.kind {
            select = select.filter(item::Column::Kind.eq(kind.as_str()));
        }
        let rows = page(select, request, item::Column::FirstSeenAt, Order::Asc)
            .all(self.db)
            .await
            .or_store_error()?;
        let keyed = rows
            .into_iter()
            .map(|row| Ok((row.id, stored_item(row)?)))
            .collect::<Result<Vec<_>, _>>()?;
        let keyed = Page::from_lookahead(keyed, request.limit, |(id, item)| Position {
            at: item.first_seen_at,
            id: *id,
        });
        Ok(keyed.map(|(_, item)| item))
    }

    async fn counts_of_run(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
    ) -> Result<UpsertCounts, StoreError> {
        use item::Column as C;
        let of_run = || {
            scoped::<item::Entity>(scope)
                .filter(C::ConnectionId.eq(connection.as_uuid()))
                .filter(C::LastSeenRunId.eq(run.as_uuid()))
        };
        let created = of_run().filter(C::FirstSeenRunId.eq(run.as_uuid()));
        let updated = of_run()
            .filter(C::FirstSeenRunId.ne(run.as_uuid()))
            .filter(C::ChangedRunId.eq(run.as_uuid()));
        let total = of_run().count(self.db).await.or_store_error()?;
        let created = created.count(self.db).await.or_store_error()?;
        let updated = updated.count(self.db).await.or_store_error()?;
        Ok(UpsertCounts {
            created,
            updated,
            unchanged: total.saturating_sub(created + updated),
        })
    }

    async fn snapshots(
        &self,
        scope: &WorkspaceScope,
        connection: Option<ConnectionId>,
        request: PageRequest,
    ) -> Result<Page<ComplianceSnapshot>, StoreError> {
        let mut select = scoped::<snapshot::Entity>(scope);
        if let Some(connection) = connection {
            select = select.filter(snapshot::Column::ConnectionId.eq(connection.as_uuid()));
        }
        let rows = page(select, request, snapshot::Column::TakenAt, Order::Desc)
            .all(self.db)
            .await
            .or_store_error()?;
        let items = rows
            .into_iter()
            .map(stored_snapshot)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(items, request.limit, |item| Position {
            at: item.taken_at,
            id: item.id.as_uuid(),
        }))
    }

    async fn snapshot(
        &self,
        scope: &WorkspaceScope,
        id: SnapshotId,
    ) -> Result<Option<ComplianceSnapshot>, StoreError> {
        let row = scoped_by_id::<snapshot::Entity>(scope, id.as_uuid())
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(stored_snapshot).transpose()
    }
}

#[async_trait]
impl InventoryRepository for Repo<'_, Tx> {
    async fn upsert(
        &mut self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
        at: Timestamp,
        items: &[ObservedItem],
    ) -> Result<(), StoreError> {
        for batch in items.chunks(BATCH) {
            let batch = self.without_repeats(batch);
            let rows = batch
                .iter()
                .map(|observed| self.row(scope, connection, run, at, observed));
            let upsert = item::Entity::insert_many(rows)
                .on_conflict(seen_again())
                .into_query();
            self.db.execute(&upsert).await.or_store_error()?;
        }
        Ok(())
    }

    async fn insert_snapshot(
        &mut self,
        scope: &WorkspaceScope,
        snapshot: &ComplianceSnapshot,
    ) -> Result<(), StoreError> {
        let controls = serde_json::to_value(&snapshot.controls).expect("strings and numbers serialize");
        let row = snapshot::ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(snapshot.id.as_uuid()),
            connection_id: Set(snapshot.connection_id.as_uuid()),
            run_id: Set(snapshot.run_id.as_uuid()),
            taken_at: Set(to_micros(snapshot.taken_at)),
            controls: Set(controls),
        };
        snapshot::Entity::insert(row)
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        Ok(())
    }
}

impl Repo<'_, Tx> {
    /// A provider may send a thing twice in one page; PostgreSQL refuses an upsert that meets
    /// its own row. The last one counts.
    #[expect(clippy::unused_self, reason = "stands beside the other steps of an upsert")]
    fn without_repeats<'i>(&self, batch: &'i [ObservedItem]) -> Vec<&'i ObservedItem> {
        let later = |index: usize, one: &ObservedItem| {
            batch[index + 1..]
                .iter()
                .any(|other| other.kind == one.kind && other.external_id == one.external_id)
        };
        batch
            .iter()
            .enumerate()
            .filter(|(index, one)| !later(*index, one))
            .map(|(_, one)| one)
            .collect()
    }

    fn row(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
        at: Timestamp,
        observed: &ObservedItem,
    ) -> item::ActiveModel {
        item::ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(self.context.ids.next_uuid()),
            connection_id: Set(connection.as_uuid()),
            kind: Set(observed.kind.as_str().to_owned()),
            external_id: Set(observed.external_id.clone()),
            display_name: Set(observed.display_name.clone()),
            attributes: Set(Value::Object(observed.attributes.clone())),
            content_hash: Set(observed.content_hash()),
            version: Set(1),
            first_seen_at: Set(to_micros(at)),
            last_seen_at: Set(to_micros(at)),
            last_seen_run_id: Set(run.as_uuid()),
            first_seen_run_id: Set(run.as_uuid()),
            changed_run_id: Set(run.as_uuid()),
        }
    }
}

/// What is seen again keeps its id and the day it was first seen; its version grows with its content.
fn seen_again() -> OnConflict {
    use item::Column as C;
    let excluded = |column: C| Expr::col((Alias::new("excluded"), column));
    let same = || Expr::col((item::Entity, C::ContentHash)).eq(excluded(C::ContentHash));
    let version = Expr::case(same(), Expr::col((item::Entity, C::Version)))
        .finally(Expr::col((item::Entity, C::Version)).add(1));
    let changed =
        Expr::case(same(), Expr::col((item::Entity, C::ChangedRunId))).finally(excluded(C::ChangedRunId));
    OnConflict::columns([C::WorkspaceId, C::ConnectionId, C::Kind, C::ExternalId])
        .value(C::Version, version)
        .value(C::ChangedRunId, changed)
        .update_columns([
            C::DisplayName,
            C::Attributes,
            C::ContentHash,
            C::LastSeenAt,
            C::LastSeenRunId,
        ])
        .to_owned()
}

fn stored_item(row: item::Model) -> Result<StoredItem, StoreError> {
    const TABLE: &str = "inventory_items";
    let kind = ItemKind::parse(&row.kind).ok_or(StoreError::Inconsistent {
        table: TABLE,
        column: "kind",
    })?;
    Ok(StoredItem {
        connection_id: Id::from_uuid(row.connection_id),
        item: ObservedItem {
            kind,
            external_id: row.external_id,
            display_name: row.display_name,
            attributes: match row.attributes {
                Value::Object(map) => map,
                _ => Map::new(),
            },
        },
        version: row.version,
        first_seen_at: from_micros(row.first_seen_at, TABLE, "first_seen_at")?,
        last_seen_at: from_micros(row.last_seen_at, TABLE, "last_seen_at")?,
        last_seen_run_id: Id::from_uuid(row.last_seen_run_id),
    })
}

fn stored_snapshot(row: snapshot::Model) -> Result<ComplianceSnapshot, StoreError> {
    const TABLE: &str = "compliance_snapshots";
    let controls: Vec<ControlResult> =
        serde_json::from_value(row.controls).map_err(|_| StoreError::Inconsistent {
            table: TABLE,
            column: "controls",
        })?;
    Ok(ComplianceSnapshot {
        id: Id::from_uuid(row.id),
        connection_id: Id::from_uuid(row.connection_id),
        run_id: Id::from_uuid(row.run_id),
        taken_at: from_micros(row.taken_at, TABLE, "taken_at")?,
        controls,
    })
}
