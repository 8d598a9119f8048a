//! Deliveries: that each is about an event that is there or was pruned, under that event's id; that its log
//! tells of every attempt that was written down; that nobody holds it for ever.
//!
//! Attempts are numbered by claims. A worker that died between claim and record left no line, so numbers in
//! the log may have gaps; the count of lines may not.

use kernel::StoreError;
use uuid::Uuid;

use super::{
    Invariant, Looker, Promise,
    marks::{self, Marks},
    walk::{get, made_at, next_part, rows},
};
use sea_orm::ConnectionTrait as _;

use crate::time::{micros, now_sql};

pub(super) const CHECKS: u64 = 5;

const LOOK: &str =
    "GET the webhook's deliveries; compare webhook_deliveries, webhook_attempts and outbox_events";

const NO_EVENT: Promise = Promise {
    invariant: Invariant::V8,
    check: "delivery_without_event",
    what: "a delivery is about an event that is not there and was not pruned in its time",
    look: LOOK,
};

const ANOTHER_ID: Promise = Promise {
    invariant: Invariant::V8,
    check: "delivery_under_another_id",
    what: "a delivery is sent under another message id than that of its event",
    look: "the receiver cannot tell it from another message: rows were changed around the program",
};

const LOG: Promise = Promise {
    invariant: Invariant::V8,
    check: "attempts_not_counted",
    what: "the attempts of a delivery, its counters and its end do not tell the same",
    look: LOOK,
};

const HELD: Promise = Promise {
    invariant: Invariant::V10,
    check: "delivery_held",
    what: "a delivery is over and still held, or is held for longer than anybody may",
    look: "set its lease_until to NULL; whoever waits takes it then",
};

const LEFT: Promise = Promise {
    invariant: Invariant::V10,
    check: "delivery_left",
    what: "whoever held a delivery has been silent for two leases and more, and nobody took it",
    look: "see that a process with a worker runs; `tenantatlas doctor` counts what is overdue",
};

pub(super) async fn look(looker: &mut Looker<'_>) -> Result<(), StoreError> {
    for (promise, condition) in held(looker) {
        let sql = format!(
            "SELECT t.workspace_id, t.id FROM webhook_deliveries t
            JOIN webhook_endpoints w ON w.workspace_id = t.workspace_id AND w.id = t.webhook_id
            WHERE t.lease_until IS NOT NULL AND ({condition})"
        );
        walk(looker, promise, &sql).await?;
    }
    walk(looker, LOG, UNEVEN).await?;
    messages(looker).await
}

/// Conditions on a delivery `t` of a webhook `w` that has a lease.
fn held(looker: &Looker<'_>) -> [(Promise, String); 2] {
    let now = now_sql(looker.database.readers().get_database_backend());
    let (lease, slack) = (
        micros(looker.options.delivery_lease),
        micros(looker.options.slack),
    );
    [
        (
            HELD,
            format!(
                "t.state <> 'pending' OR t.lease_until > {now} + {}",
                lease + slack
            ),
        ),
        (
            LEFT,
            format!(
                "t.state = 'pending' AND t.lease_until < {now} - {} AND coalesce(w.paused_until, 0) < {now} - {}",
                2 * lease + slack,
                2 * lease + slack
            ),
        ),
    ]
}

/// A cycle counts its lines from its beginning. A replay begins to count anew, and a later one too.
const UNEVEN: &str = "SELECT t.workspace_id, t.id FROM webhook_deliveries t WHERE (
        EXISTS (SELECT 1 FROM webhook_attempts a WHERE a.workspace_id = t.workspace_id AND a.delivery_id = t.id
            AND (a.attempt > t.attempt OR a.attempt < 1))
        OR t.made > t.attempt
        OR (SELECT count(*) FROM webhook_attempts a WHERE a.workspace_id = t.workspace_id
            AND a.delivery_id = t.id AND a.cycle = t.cycle) < t.made
        OR (t.cycle <> 'replay' AND (SELECT count(*) FROM webhook_attempts a WHERE a.workspace_id = t.workspace_id
            AND a.delivery_id = t.id) <> t.made)
        OR (t.state IN ('delivered', 'exhausted') AND NOT EXISTS (SELECT 1 FROM webhook_attempts a
            WHERE a.workspace_id = t.workspace_id AND a.delivery_id = t.id AND a.attempt = t.attempt
                AND (a.reason_code IS NULL) = (t.state = 'delivered')))
    )";

async fn walk(looker: &mut Looker<'_>, promise: Promise, sql: &str) -> Result<(), StoreError> {
    let mut after = (Uuid::nil(), Uuid::nil());
    while let Some((found, until)) = part(looker, sql, after).await? {
        for row in found {
            let delivery: Uuid = get(&row, "id")?;
            looker.violated(promise, Some(get(&row, "workspace_id")?), delivery.to_string());
        }
        after = until;
    }
    Ok(())
}

/// What a statement finds in the next part of the table, and where that part ends.
async fn part(
    looker: &Looker<'_>,
    sql: &str,
    after: (Uuid, Uuid),
) -> Result<Option<(Vec<sea_orm::QueryResult>, (Uuid, Uuid))>, StoreError> {
    let Some((from, until)) =
        next_part(looker.database, "webhook_deliveries", after, looker.options.batch).await?
    else {
        return Ok(None);
    };
    let sql = format!("{sql} AND (t.workspace_id, t.id) > ($1, $2) AND (t.workspace_id, t.id) <= ($3, $4)");
    let values = [from.0, from.1, until.0, until.1].map(Into::into).to_vec();
    Ok(Some((rows(looker.database, &sql, values).await?, until)))
}

/// Deliveries and the events that they are about.
async fn messages(looker: &mut Looker<'_>) -> Result<(), StoreError> {
    let sql =
        "SELECT t.workspace_id, t.id, t.event_id, t.message_id, t.cycle, t.state, e.id IS NOT NULL AS there
        FROM webhook_deliveries t
        LEFT JOIN outbox_events e ON e.workspace_id = t.workspace_id AND e.id = t.event_id WHERE TRUE";
    let mut known: Option<(Uuid, Marks)> = None;
    let mut after = (Uuid::nil(), Uuid::nil());
    while let Some((found, until)) = part(looker, sql, after).await? {
        for row in found {
            let (workspace, delivery): (Uuid, Uuid) = (get(&row, "workspace_id")?, get(&row, "id")?);
            let event: Option<Uuid> = get(&row, "event_id")?;
            if get::<String>(&row, "message_id")? != event.unwrap_or(delivery).to_string() {
                looker.violated(ANOTHER_ID, Some(workspace), delivery.to_string());
            }
            let there: bool = get(&row, "there")?;
            let Some(event) = event.filter(|_| !there) else {
                continue;
            };
            let marks = match known {
                Some((of, marks)) if of == workspace => marks,
                _ => marks::of(looker.database, workspace).await?,
            };
            known = Some((workspace, marks));
            // What is on its way keeps its event; a replay may come when the event is long gone.
            let cycle: String = get(&row, "cycle")?;
            let on_its_way = cycle == "event" && get::<String>(&row, "state")? == "pending";
            if on_its_way || made_at(event).is_some_and(|at| at > marks.events + micros(looker.options.slack))
            {
                looker.violated(NO_EVENT, Some(workspace), delivery.to_string());
            }
        }
        after = until;
    }
    Ok(())
}
