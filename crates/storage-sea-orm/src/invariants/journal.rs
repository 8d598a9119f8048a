//! Audit events against events of the stream: each change wrote one of both. They share no id, but
//! what was done to what in which microsecond.

use std::collections::HashMap;

use kernel::StoreError;
use uuid::Uuid;

use super::{
    Invariant, Looker, Promise,
    marks::{self, Marks},
    walk::{get, rows},
};

pub(super) const CHECKS: u64 = 2;

const LOOK: &str =
    "compare audit_events and outbox_events with this target and time: a change wrote one of both";

const NO_EVENT: Promise = Promise {
    invariant: Invariant::V7,
    check: "audit_without_event",
    what: "an audit event has no event of the stream beside it",
    look: LOOK,
};

const NO_AUDIT: Promise = Promise {
    invariant: Invariant::V7,
    check: "event_without_audit",
    what: "an event of the stream has no audit event beside it",
    look: LOOK,
};

/// What was done, to a thing of which kind, to which, and when.
type Key = (String, String, String, i64);

#[derive(Clone, Copy)]
enum Side {
    Audit,
    Events,
}

impl Side {
    const fn sql(self) -> &'static str {
        match self {
            Self::Audit => {
                "SELECT id, action AS kind, target_kind AS thing, target_id AS subject, occurred_at AS at FROM audit_events"
            }
            Self::Events => {
                "SELECT id, kind, subject_kind AS thing, subject_id AS subject, created_at AS at FROM outbox_events"
            }
        }
    }

    const fn weight(self) -> i64 {
        match self {
            Self::Audit => 1,
            Self::Events => -1,
        }
    }
}

pub(super) async fn look(looker: &mut Looker<'_>, workspace: Uuid) -> Result<(), StoreError> {
    // Both in the order of their ids, side by side: pairs meet soon, and what waits for the other is little.
    let mut open: HashMap<Key, i64> = HashMap::new();
    let (mut audit, mut events) = (Some(Uuid::nil()), Some(Uuid::nil()));
    while audit.is_some() || events.is_some() {
        audit = count(looker, workspace, (Side::Audit, audit), &mut open).await?;
        events = count(looker, workspace, (Side::Events, events), &mut open).await?;
    }
    let marks = marks::of(looker.database, workspace).await?;
    for key in open.into_keys() {
        confirm(looker, workspace, &key, marks).await?;
    }
    Ok(())
}

/// Counts the next batch of one side. Gives where it ended; nothing when it is over.
async fn count(
    looker: &Looker<'_>,
    workspace: Uuid,
    (side, after): (Side, Option<Uuid>),
    open: &mut HashMap<Key, i64>,
) -> Result<Option<Uuid>, StoreError> {
    let Some(after) = after else {
        return Ok(None);
    };
    let sql = format!(
        "{} WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT {}",
        side.sql(),
        looker.options.batch
    );
    let batch = rows(looker.database, &sql, vec![workspace.into(), after.into()]).await?;
    let mut last = None;
    for row in &batch {
        let key = (
            get(row, "kind")?,
            get(row, "thing")?,
            get(row, "subject")?,
            get(row, "at")?,
        );
        last = Some(get(row, "id")?);
        let count = open.entry(key.clone()).or_default();
        *count += side.weight();
        if *count == 0 {
            open.remove(&key);
        }
    }
    Ok(last)
}

/// Counts both sides in one statement, and reports what is still not even.
async fn confirm(
    looker: &mut Looker<'_>,
    workspace: Uuid,
    key: &Key,
    marks: Marks,
) -> Result<(), StoreError> {
    let (kind, thing, subject, at) = key;
    if !looker.has_room(NO_EVENT) && !looker.has_room(NO_AUDIT) {
        return Ok(());
    }
    let sql = "SELECT
        (SELECT count(*) FROM audit_events WHERE workspace_id = $1 AND occurred_at = $5
            AND action = $2 AND target_kind = $3 AND target_id = $4) AS audit,
        (SELECT count(*) FROM outbox_events WHERE workspace_id = $1 AND created_at = $5
            AND kind = $2 AND subject_kind = $3 AND subject_id = $4) AS events";
    let values = vec![
        workspace.into(),
        kind.as_str().into(),
        thing.as_str().into(),
        subject.as_str().into(),
        (*at).into(),
    ];
    for row in rows(looker.database, sql, values).await? {
        let (audit, events): (i64, i64) = (get(&row, "audit")?, get(&row, "events")?);
        if audit > events && *at > marks.events {
            looker.violated(NO_EVENT, Some(workspace), subject.clone());
        } else if events > audit && *at > marks.audit {
            looker.violated(NO_AUDIT, Some(workspace), subject.clone());
        }
    }
    Ok(())
}
