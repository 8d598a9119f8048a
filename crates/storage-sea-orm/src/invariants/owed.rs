//! Events against what is owed to webhooks: each webhook that wanted an event when it got its number has one
//! delivery of it. That it is no more than one is the unique constraint's business.
//!
//! What a webhook wanted in the past is known only as long as nobody changed it, so events that are older than
//! the last change prove nothing.

use kernel::StoreError;
use uuid::Uuid;
use webhooks::EventFilter;

use super::{
    Invariant, Looker, Promise, marks,
    walk::{get, rows},
};
use crate::{time::micros, webhooks::rows::filter};

pub(super) const CHECKS: u64 = 1;

const NO_DELIVERY: Promise = Promise {
    invariant: Invariant::V8,
    check: "event_without_delivery",
    what: "an event has its number, and a webhook that wants it has no delivery of it",
    look: "compare outbox_events and webhook_deliveries: deliveries are written with the number of the event",
};

struct Wants {
    webhook: Uuid,
    filter: EventFilter,
    /// Since when it is as it is.
    since: i64,
}

pub(super) async fn look(looker: &mut Looker<'_>, workspace: Uuid) -> Result<(), StoreError> {
    let sql = "SELECT id, event_types, updated_at FROM webhook_endpoints
        WHERE workspace_id = $1 AND verified_at IS NOT NULL AND disabled_at IS NULL ORDER BY id";
    let mut webhooks = Vec::new();
    for row in rows(looker.database, sql, vec![workspace.into()]).await? {
        webhooks.push(Wants {
            webhook: get(&row, "id")?,
            filter: filter(get(&row, "event_types")?)?,
            since: get(&row, "updated_at")?,
        });
    }
    for wants in webhooks {
        of_one(looker, workspace, &wants).await?;
    }
    Ok(())
}

async fn of_one(looker: &mut Looker<'_>, workspace: Uuid, wants: &Wants) -> Result<(), StoreError> {
    let width = i64::from(looker.options.batch.max(1));
    let sql = "SELECT s.first_kept, s.last_sequence FROM event_streams s WHERE s.workspace_id = $1";
    let found = rows(looker.database, sql, vec![workspace.into()]).await?;
    let Some(row) = found.first() else {
        return Ok(());
    };
    let (mut from, last): (i64, i64) = (get(row, "first_kept")?, get(row, "last_sequence")?);
    // One statement sees event, delivery and webhook in one moment.
    let sql = "SELECT e.id, e.kind, e.created_at FROM outbox_events e
        JOIN webhook_endpoints w ON w.workspace_id = e.workspace_id AND w.id = $4 AND w.updated_at = $5
        WHERE e.workspace_id = $1 AND e.sequence BETWEEN $2 AND $3 AND NOT EXISTS (
            SELECT 1 FROM webhook_deliveries d WHERE d.workspace_id = e.workspace_id
                AND d.webhook_id = w.id AND d.event_id = e.id)
        ORDER BY e.sequence";
    while from <= last {
        let values = vec![
            workspace.into(),
            from.into(),
            (from + width - 1).into(),
            wants.webhook.into(),
            wants.since.into(),
        ];
        let found = rows(looker.database, sql, values).await?;
        if !found.is_empty() {
            let pruned = marks::of(looker.database, workspace).await?.deliveries;
            let proves = pruned.max(wants.since.saturating_add(micros(looker.options.slack)));
            for row in found {
                let kind: String = get(&row, "kind")?;
                if get::<i64>(&row, "created_at")? > proves && wants.filter.wants(&kind) {
                    let event: Uuid = get(&row, "id")?;
                    looker.violated(NO_DELIVERY, Some(workspace), event.to_string());
                }
            }
        }
        from += width;
    }
    Ok(())
}
