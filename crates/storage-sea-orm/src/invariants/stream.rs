//! The numbers of a stream: from the first that is kept to the last that was given, without a gap.

use kernel::StoreError;
use uuid::Uuid;

use super::{
    Invariant, Looker, Promise,
    walk::{get, rows},
};

pub(super) const CHECKS: u64 = 2;

const GAP: Promise = Promise {
    invariant: Invariant::V7,
    check: "stream_with_gaps",
    what: "numbers are missing in the event stream of a workspace",
    look: "event_streams says which numbers there should be; readers of the feed have missed an event",
};

const OUTSIDE: Promise = Promise {
    invariant: Invariant::V7,
    check: "number_outside_of_stream",
    what: "an event has a number that its stream does not know",
    look: "event_streams says which numbers there should be: rows were changed around the program",
};

pub(super) async fn look(looker: &mut Looker<'_>, workspace: Uuid) -> Result<(), StoreError> {
    let outside = "SELECT e.id FROM outbox_events e WHERE e.workspace_id = $1 AND e.id IN (
            SELECT id FROM outbox_events f WHERE f.workspace_id = $1 AND f.sequence <
                (SELECT s.first_kept FROM event_streams s WHERE s.workspace_id = $1)
            UNION ALL SELECT id FROM outbox_events l WHERE l.workspace_id = $1 AND l.sequence >
                coalesce((SELECT s.last_sequence FROM event_streams s WHERE s.workspace_id = $1), 0)) LIMIT 100";
    for row in rows(looker.database, outside, vec![workspace.into()]).await? {
        let id: Uuid = get(&row, "id")?;
        looker.violated(OUTSIDE, Some(workspace), id.to_string());
    }
    let width = i64::from(looker.options.batch.max(1));
    let mut from = 1;
    loop {
        let Some(part) = part(looker, workspace, (from, from + width - 1)).await? else {
            return Ok(());
        };
        if !part.whole {
            looker.violated(GAP, Some(workspace), workspace.to_string());
            return Ok(());
        }
        if part.last < from + width {
            return Ok(());
        }
        // Nothing is kept before the first.
        from = (from + width).max(part.first);
    }
}

struct Part {
    first: i64,
    last: i64,
    whole: bool,
}

/// A part of the stream, in one statement: it may be pruned and grow at the same time.
async fn part(
    looker: &Looker<'_>,
    workspace: Uuid,
    (from, until): (i64, i64),
) -> Result<Option<Part>, StoreError> {
    let sql = "SELECT s.first_kept, s.last_sequence, (SELECT count(*) FROM outbox_events e
            WHERE e.workspace_id = s.workspace_id AND e.sequence BETWEEN $2 AND $3
                AND e.sequence >= s.first_kept AND e.sequence <= s.last_sequence) AS there
        FROM event_streams s WHERE s.workspace_id = $1";
    let found = rows(
        looker.database,
        sql,
        vec![workspace.into(), from.into(), until.into()],
    )
    .await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let (first, last): (i64, i64) = (get(row, "first_kept")?, get(row, "last_sequence")?);
    let expected = (until.min(last) - from.max(first) + 1).max(0);
    Ok(Some(Part {
        first,
        last,
        whole: get::<i64>(row, "there")? == expected,
    }))
}
