//! Runs against what the audit log says of them, and against the other runs on their scopes.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
};

use kernel::StoreError;
use sea_orm::QueryResult;
use uuid::Uuid;

use super::{
    Invariant, Looker, Promise, marks,
    tally::{Fault, Present, Tally, actions},
    walk::{get, rows},
};
use crate::time::micros;

pub(super) const CHECKS: u64 = 8;

/// How many runs of one scope are remembered to compare later ones with.
const REMEMBERED: usize = 16;

const TIMELINE: &str = "SELECT * FROM audit_events with target_id = the run, in the order of occurred_at";

const OVERLAP: Promise = Promise {
    invariant: Invariant::V2,
    check: "scope_held_at_the_same_time",
    what: "a run held a scope while another run held it",
    look: "SELECT id, scope_key, created_at, started_at, completed_at FROM operation_runs with its scope_key",
};

impl Fault {
    const fn promise(self) -> Promise {
        let (invariant, check, what) = match self {
            Self::NoEnd => (
                Invariant::V4,
                "no_end",
                "a run is over and no audit event ended it",
            ),
            Self::ManyEnds => (Invariant::V4, "many_ends", "a run was ended more than once"),
            Self::EndWhileActive => (
                Invariant::V4,
                "end_while_active",
                "a run is active although it was ended",
            ),
            Self::AttemptsWithGaps => (
                Invariant::V6,
                "attempts_with_gaps",
                "the attempts of a run are not 1, 2, 3 and so on",
            ),
            Self::LastAttemptElsewhere => (
                Invariant::V5,
                "last_attempt_elsewhere",
                "the last attempt that began, the attempt of the run and the one that ended it are not the same",
            ),
            Self::CanceledAtWork => (
                Invariant::V4,
                "canceled_at_work",
                "a run was canceled as waiting while a worker had it",
            ),
            Self::NotAcceptedOnce => (
                Invariant::V7,
                "not_accepted_once",
                "a run was not accepted exactly once",
            ),
        };
        Promise {
            invariant,
            check,
            what,
            look: TIMELINE,
        }
    }
}

/// What of a run is compared.
struct Looked {
    id: Uuid,
    created_at: i64,
    present: Present,
    scope: Option<String>,
    held: Option<(i64, i64)>,
}

pub(super) async fn look(looker: &mut Looker<'_>, workspace: Uuid) -> Result<(), StoreError> {
    let marks = marks::of(looker.database, workspace).await?;
    let tallies = tallies(looker, workspace).await?;
    let hasher = RandomState::new();
    let mut holders: HashMap<u64, VecDeque<(Uuid, i64, i64)>> = HashMap::new();
    let mut after = (i64::MIN, Uuid::nil());
    loop {
        let batch = runs(looker, workspace, after).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = (last.created_at, last.id);
        for run in batch {
            // Its first events may have been pruned.
            if run.created_at > marks.audit {
                let tally = tallies.get(&run.id).copied().unwrap_or_default();
                if tally.judge(run.present).is_some() {
                    confirm(looker, workspace, run.id).await?;
                }
            }
            let (Some(scope), Some((from, until))) = (&run.scope, run.held) else {
                continue;
            };
            let earlier = holders.entry(hasher.hash_one(scope)).or_default();
            let meets = |other: &&(Uuid, i64, i64)| from < other.2 && other.1 < until;
            if let Some(other) = earlier.iter().find(meets).copied() {
                confirm_overlap(looker, workspace, (run.id, other.0)).await?;
            }
            if earlier.len() == REMEMBERED {
                earlier.pop_front();
            }
            earlier.push_back((run.id, from, until));
        }
    }
}

/// What the audit log says of all runs of the workspace.
async fn tallies(looker: &Looker<'_>, workspace: Uuid) -> Result<HashMap<Uuid, Tally>, StoreError> {
    let sql = format!(
        "SELECT occurred_at, id, action, target_id, CAST(metadata ->> 'attempt' AS bigint) AS attempt FROM audit_events
        WHERE workspace_id = $1 AND (occurred_at, id) > ($2, $3)
            AND target_kind = 'operation_run' AND action IN ({})
        ORDER BY occurred_at, id LIMIT {}",
        actions(),
        looker.options.batch
    );
    let mut tallies: HashMap<Uuid, Tally> = HashMap::new();
    let mut after = (i64::MIN, Uuid::nil());
    loop {
        let values = vec![workspace.into(), after.0.into(), after.1.into()];
        let batch = rows(looker.database, &sql, values).await?;
        for row in &batch {
            after = (get(row, "occurred_at")?, get(row, "id")?);
            if let Ok(run) = get::<String>(row, "target_id")?.parse() {
                tallies.entry(run).or_default().count(row)?;
            }
        }
        if batch.is_empty() {
            return Ok(tallies);
        }
    }
}

const COLUMNS: &str = "id, created_at, kind, status, outcome, scope_key, started_at, completed_at, CAST(attempt AS bigint) AS attempt";

async fn runs(looker: &Looker<'_>, workspace: Uuid, after: (i64, Uuid)) -> Result<Vec<Looked>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM operation_runs WHERE workspace_id = $1 AND (created_at, id) > ($2, $3)
        ORDER BY created_at, id LIMIT {}",
        looker.options.batch
    );
    let values = vec![workspace.into(), after.0.into(), after.1.into()];
    let batch = rows(looker.database, &sql, values).await?;
    batch.iter().map(|row| looked(looker, row)).collect()
}

fn looked(looker: &Looker<'_>, row: &QueryResult) -> Result<Looked, StoreError> {
    let created_at = get(row, "created_at")?;
    let started: Option<i64> = get(row, "started_at")?;
    let completed: Option<i64> = get(row, "completed_at")?;
    // A start that was refused held nothing. What never began held its scope since it was stored, which is
    // a little after it was made; what began held it at that moment, on the database's own clock.
    let blocked = get::<String>(row, "outcome")? == "blocked";
    let from = match started {
        Some(started) => Some(started),
        None if blocked => None,
        None => Some(created_at + micros(looker.options.slack)),
    };
    Ok(Looked {
        id: get(row, "id")?,
        created_at,
        present: Present {
            active: get::<String>(row, "status")? != "completed",
            attempt: get(row, "attempt")?,
            group: get::<String>(row, "kind")? == "group",
        },
        scope: get(row, "scope_key")?,
        held: from.map(|from| (from, completed.unwrap_or(i64::MAX))),
    })
}

/// Looks at one run and its events in one statement, and reports what is wrong in that moment.
async fn confirm(looker: &mut Looker<'_>, workspace: Uuid, run: Uuid) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT r.status, r.kind, CAST(r.attempt AS bigint) AS run_attempt, e.action,
            CAST(e.metadata ->> 'attempt' AS bigint) AS attempt
        FROM operation_runs r LEFT JOIN audit_events e ON e.workspace_id = r.workspace_id
            AND e.target_kind = 'operation_run' AND e.target_id = $3 AND e.action IN ({})
        WHERE r.workspace_id = $1 AND r.id = $2",
        actions()
    );
    let values = vec![workspace.into(), run.into(), run.to_string().into()];
    let found = rows(looker.database, &sql, values).await?;
    let Some(first) = found.first() else {
        return Ok(());
    };
    let present = Present {
        active: get::<String>(first, "status")? != "completed",
        attempt: get(first, "run_attempt")?,
        group: get::<String>(first, "kind")? == "group",
    };
    let mut tally = Tally::default();
    for row in &found {
        tally.count(row)?;
    }
    if let Some(fault) = tally.judge(present) {
        looker.violated(fault.promise(), Some(workspace), run.to_string());
    }
    Ok(())
}

/// Looks at two runs in one statement, and reports the later one if both held the scope.
async fn confirm_overlap(
    looker: &mut Looker<'_>,
    workspace: Uuid,
    (run, other): (Uuid, Uuid),
) -> Result<(), StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM operation_runs WHERE workspace_id = $1 AND id IN ($2, $3)");
    let found = rows(
        looker.database,
        &sql,
        vec![workspace.into(), run.into(), other.into()],
    )
    .await?;
    let both = found
        .iter()
        .map(|row| looked(looker, row))
        .collect::<Result<Vec<_>, _>>()?;
    let [Some(one), Some(two)] = [both.first(), both.get(1)].map(|run| run.and_then(|run| run.held)) else {
        return Ok(());
    };
    if one.0 < two.1 && two.0 < one.1 {
        looker.violated(OVERLAP, Some(workspace), run.to_string());
    }
    Ok(())
}
