//! From events to deliveries: in the transaction that numbers an event, each enabled webhook of
//! the workspace that wants it gets one delivery. So it is one by construction.

use kernel::StoreError;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::LockType,
};
use tenancy::{StreamEvent, WorkspaceId};
use webhooks::Cycle;

use super::rows;
use crate::{
    bounded::Tx,
    database::Context,
    entities::{
        webhook::{Column, Entity},
        webhook_delivery::{ActiveModel, Entity as Deliveries},
    },
    error::OrStoreError as _,
    scoped::installation_wide,
    time::to_micros,
};

/// How many rows one statement inserts: both engines take a limited number of values.
const CHUNK: usize = 200;

/// Queues `events`, which were just numbered, for the webhooks of `workspace`.
pub(crate) async fn fan_out(
    db: &Tx,
    context: &Context,
    workspace: WorkspaceId,
    events: &[StreamEvent],
) -> Result<(), StoreError> {
    // Held against deletion, and against nothing else.
    let enabled = installation_wide::<Entity>()
        .filter(Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(Column::VerifiedAt.is_not_null())
        .filter(Column::DisabledAt.is_null())
        .lock(LockType::KeyShare)
        .all(db)
        .await
        .or_store_error()?;
    let now = to_micros(context.clock.now());
    let mut deliveries = Vec::new();
    for webhook in enabled {
        let filter = rows::filter(webhook.event_types)?;
        let wanted = events.iter().filter(|event| filter.wants(&event.kind));
        deliveries.extend(wanted.map(|event| ActiveModel {
            workspace_id: Set(workspace.as_uuid()),
            id: Set(context.ids.next_uuid()),
            webhook_id: Set(webhook.id),
            cycle: Set(Cycle::Event.as_str().to_owned()),
            event_id: Set(Some(event.id.as_uuid())),
            message_id: Set(event.id.to_string()),
            event_type: Set(event.kind.clone()),
            state: Set("pending".to_owned()),
            attempt: Set(0),
            made: Set(0),
            next_attempt_at: Set(Some(now)),
            lease_until: Set(None),
            created_at: Set(now),
            finished_at: Set(None),
        }));
    }
    for chunk in deliveries.chunks(CHUNK) {
        Deliveries::insert_many(chunk.to_vec())
            .exec_without_returning(db)
            .await
            .or_store_error()?;
    }
    Ok(())
}
