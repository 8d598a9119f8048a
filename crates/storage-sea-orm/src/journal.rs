//! Writes the journal beside each change, and reads the audit log.

use async_trait::async_trait;
use kernel::{Id, Page, PageRequest, Position, StoreError, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _, Order, QueryFilter as _, QueryTrait as _,
    sea_query::{CommonTableExpression, WithClause},
};
use serde_json::{Map, Value, json};
use tenancy::{AuditEvent, Change, Journal, WorkspaceId, WorkspaceScope};

use crate::{
    bounded::Tx,
    entities::{
        audit_event::{ActiveModel as AuditRow, Column, Entity, Model},
        outbox_event,
    },
    error::OrStoreError as _,
    scoped::{page, scoped},
    session::Repo,
    time::{from_micros, to_micros},
};

/// Writes the audit event and the outbox event of `change`, in the transaction of the change.
pub(crate) async fn record(db: &Tx, workspace_id: WorkspaceId, change: &Change) -> Result<(), StoreError> {
    write(db, [(workspace_id, change)].into_iter()).await
}

/// The same for many changes: what holds SQLite's one writer should not go to it for each.
pub(crate) async fn record_all(db: &Tx, changes: &[(WorkspaceId, Change)]) -> Result<(), StoreError> {
    // 14 values each, far below the 32,766 that SQLite takes.
    for some in changes.chunks(500) {
        write(db, some.iter().map(|(workspace, change)| (*workspace, change))).await?;
    }
    Ok(())
}

/// One round trip on PostgreSQL; SQLite, which is not far away, takes no change inside another one.
async fn write<'a>(
    db: &Tx,
    changes: impl Iterator<Item = (WorkspaceId, &'a Change)> + Clone,
) -> Result<(), StoreError> {
    let audit = Entity::insert_many(changes.clone().map(audit_row)).into_query();
    let outbox = outbox_event::Entity::insert_many(changes.map(outbox_row)).into_query();
    if db.get_database_backend() == DbBackend::Postgres {
        let first = CommonTableExpression::new()
            .query(audit)
            .table_name("written")
            .to_owned();
        let both = outbox.with(WithClause::new().cte(first).to_owned());
        db.execute(&both).await.or_store_error()?;
    } else {
        db.execute(&audit).await.or_store_error()?;
        db.execute(&outbox).await.or_store_error()?;
    }
    Ok(())
}

fn audit_row((workspace_id, change): (WorkspaceId, &Change)) -> AuditRow {
    AuditRow {
        workspace_id: Set(workspace_id.as_uuid()),
        id: Set(change.audit_event_id.as_uuid()),
        occurred_at: Set(to_micros(change.occurred_at)),
        actor_kind: Set(change.actor.kind().to_owned()),
        actor_id: Set(change.actor.principal_id().map(|id| id.as_uuid())),
        actor_label: Set(change.actor.label().to_owned()),
        action: Set(change.action.as_str().to_owned()),
        target_kind: Set(change.target.kind.to_owned()),
        target_id: Set(change.target.id.clone()),
        target_label: Set(change.target.label.clone()),
        outcome: Set(change.outcome.as_str().to_owned()),
        request_id: Set(change.origin.request_id.clone()),
        source_ip: Set(change.origin.source_ip.clone()),
        metadata: Set(Value::Object(change.metadata.clone())),
    }
}

fn outbox_row((workspace_id, change): (WorkspaceId, &Change)) -> outbox_event::ActiveModel {
    outbox_event::ActiveModel {
        workspace_id: Set(workspace_id.as_uuid()),
        id: Set(change.outbox_event_id.as_uuid()),
        kind: Set(change.action.as_str().to_owned()),
        subject_kind: Set(change.target.kind.to_owned()),
        subject_id: Set(change.target.id.clone()),
        payload: Set(json!({ "outcome": change.outcome.as_str(), "metadata": change.metadata })),
        created_at: Set(to_micros(change.occurred_at)),
        sequence: Set(None),
    }
}

#[async_trait]
impl<C: ConnectionTrait> Journal for Repo<'_, C> {
    async fn list(
        &self,
        scope: &WorkspaceScope,
        request: PageRequest,
    ) -> Result<Page<AuditEvent>, StoreError> {
        let rows = page(scoped::<Entity>(scope), request, Column::OccurredAt, Order::Desc)
            .all(self.db)
            .await
            .or_store_error()?;
        let events = rows.into_iter().map(event).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_lookahead(events, request.limit, |event| Position {
            at: event.occurred_at,
            id: event.id.as_uuid(),
        }))
    }

    async fn about(
        &self,
        scope: &WorkspaceScope,
        (kind, id): (&str, &str),
        times: &[Timestamp],
    ) -> Result<Vec<AuditEvent>, StoreError> {
        // By time first: that is what the table is ordered by.
        let rows = scoped::<Entity>(scope)
            .filter(Column::OccurredAt.is_in(times.iter().copied().map(to_micros)))
            .filter(Column::TargetKind.eq(kind))
            .filter(Column::TargetId.eq(id))
            .all(self.db)
            .await
            .or_store_error()?;
        rows.into_iter().map(event).collect()
    }
}

fn event(row: Model) -> Result<AuditEvent, StoreError> {
    Ok(AuditEvent {
        id: Id::from_uuid(row.id),
        workspace_id: Id::from_uuid(row.workspace_id),
        occurred_at: from_micros(row.occurred_at, "audit_events", "occurred_at")?,
        actor_kind: row.actor_kind,
        actor_id: row.actor_id.map(Id::from_uuid),
        actor_label: row.actor_label,
        action: row.action,
        target_kind: row.target_kind,
        target_id: row.target_id,
        target_label: row.target_label,
        outcome: row.outcome,
        request_id: row.request_id,
        source_ip: row.source_ip,
        metadata: match row.metadata {
            Value::Object(map) => map,
            _ => Map::new(),
        },
    })
}
