//! Turns of schedules: each was taken once and started one run at the most, each run of a schedule was started
//! by a turn, and what is paused has its cause in the audit log.

use std::collections::{HashMap, HashSet};

use kernel::StoreError;
use tenancy::AuditAction;
use uuid::Uuid;

use super::{
    Invariant, Looker, Promise, marks,
    walk::{get, made_at, rows},
};
use crate::time::micros;

pub(super) const CHECKS: u64 = 4;

const LOOK: &str = "SELECT * FROM audit_events with target_id = the schedule, in the order of occurred_at";

const TWICE: Promise = Promise {
    invariant: Invariant::V3,
    check: "turn_taken_twice",
    what: "a turn of a schedule was taken more than once",
    look: LOOK,
};

const NO_TURN: Promise = Promise {
    invariant: Invariant::V3,
    check: "run_without_turn",
    what: "a run of a schedule was started by none of its turns, or by more than one",
    look: "compare the run's schedule_id with the audit events of the schedule: each turn names its run",
};

const NO_CAUSE: Promise = Promise {
    invariant: Invariant::V7,
    check: "pause_without_cause",
    what: "a schedule is paused, and the audit log does not tell the same cause",
    look: LOOK,
};

const ANOTHER_RUN: Promise = Promise {
    invariant: Invariant::V13,
    check: "turn_of_another_run",
    what: "the last turn of a schedule names a run that is not there or is not the schedule's",
    look: "compare last_run_id of schedules with operation_runs",
};

/// What the audit log says of the schedules of a workspace.
#[derive(Default)]
struct Told {
    turns: HashSet<(String, String)>,
    /// How many turns name a run.
    runs: HashMap<String, u32>,
}

pub(super) async fn look(looker: &mut Looker<'_>, workspace: Uuid) -> Result<(), StoreError> {
    // First the log, then the rows that it is held against: what is younger is confirmed.
    let told = told(looker, workspace).await?;
    runs(looker, workspace, &told).await?;
    schedules(looker, workspace).await
}

async fn told(looker: &mut Looker<'_>, workspace: Uuid) -> Result<Told, StoreError> {
    let sql = format!(
        "SELECT occurred_at, id, target_id, metadata ->> 'tick' AS tick, metadata ->> 'run_id' AS run FROM audit_events
        WHERE workspace_id = $1 AND (occurred_at, id) > ($2, $3) AND target_kind = 'schedule'
        ORDER BY occurred_at, id LIMIT {}",
        looker.options.batch
    );
    let (mut told, mut after) = (Told::default(), (i64::MIN, Uuid::nil()));
    loop {
        let values = vec![workspace.into(), after.0.into(), after.1.into()];
        let batch = rows(looker.database, &sql, values).await?;
        let Some(last) = batch.last() else {
            return Ok(told);
        };
        after = (get(last, "occurred_at")?, get(last, "id")?);
        for row in &batch {
            let Some(tick) = get::<Option<String>>(row, "tick")? else {
                continue;
            };
            let schedule: String = get(row, "target_id")?;
            if let Some(run) = get::<Option<String>>(row, "run")? {
                *told.runs.entry(run).or_default() += 1;
            }
            if !told.turns.insert((schedule.clone(), tick)) {
                looker.violated(TWICE, Some(workspace), schedule);
            }
        }
    }
}

/// Every run that a schedule started is named by one turn.
async fn runs(looker: &mut Looker<'_>, workspace: Uuid, told: &Told) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT id, schedule_id, created_at FROM operation_runs
        WHERE workspace_id = $1 AND schedule_id IS NOT NULL AND trigger_kind = 'schedule'
            AND (schedule_id, created_at, id) > ($2, $3, $4)
        ORDER BY schedule_id, created_at, id LIMIT {}",
        looker.options.batch
    );
    let audit = marks::of(looker.database, workspace).await?.audit;
    let mut after = (Uuid::nil(), i64::MIN, Uuid::nil());
    loop {
        let values = vec![workspace.into(), after.0.into(), after.1.into(), after.2.into()];
        let batch = rows(looker.database, &sql, values).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = (
            get(last, "schedule_id")?,
            get(last, "created_at")?,
            get(last, "id")?,
        );
        for row in &batch {
            let (run, schedule): (Uuid, Uuid) = (get(row, "id")?, get(row, "schedule_id")?);
            if get::<i64>(row, "created_at")? <= audit || told.runs.get(&run.to_string()) == Some(&1) {
                continue;
            }
            if turns_of(looker, workspace, schedule, run).await? != 1 {
                looker.violated(NO_TURN, Some(workspace), run.to_string());
            }
        }
    }
}

/// How many turns of a schedule name a run.
async fn turns_of(
    looker: &Looker<'_>,
    workspace: Uuid,
    schedule: Uuid,
    run: Uuid,
) -> Result<i64, StoreError> {
    let sql =
        "SELECT count(*) AS turns FROM audit_events WHERE workspace_id = $1 AND target_kind = 'schedule'
        AND target_id = $2 AND metadata ->> 'tick' IS NOT NULL AND metadata ->> 'run_id' = $3";
    let values = vec![
        workspace.into(),
        schedule.to_string().into(),
        run.to_string().into(),
    ];
    let found = rows(looker.database, sql, values).await?;
    found.first().map_or(Ok(0), |row| get(row, "turns"))
}

/// What the rows of schedules say against the log and the runs.
async fn schedules(looker: &mut Looker<'_>, workspace: Uuid) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT s.id, s.state, s.last_run_id, s.last_turn_at, s.updated_at,
            r.id IS NOT NULL AS there, coalesce(r.schedule_id = s.id, FALSE) AS own
        FROM schedules s LEFT JOIN operation_runs r ON r.workspace_id = s.workspace_id AND r.id = s.last_run_id
        WHERE s.workspace_id = $1 AND s.id > $2 ORDER BY s.id LIMIT {}",
        looker.options.batch
    );
    let mut after = Uuid::nil();
    loop {
        let batch = rows(looker.database, &sql, vec![workspace.into(), after.into()]).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = get(last, "id")?;
        let marks = marks::of(looker.database, workspace).await?;
        for row in &batch {
            let schedule: Uuid = get(row, "id")?;
            if let Some(run) = get::<Option<Uuid>>(row, "last_run_id")? {
                let slack = micros(looker.options.slack);
                let pruned = made_at(run).is_none_or(|at| at <= marks.runs.saturating_add(slack));
                if !(get(row, "own")? || (pruned && !get::<bool>(row, "there")?)) {
                    looker.violated(ANOTHER_RUN, Some(workspace), schedule.to_string());
                }
            }
            if get::<String>(row, "state")? == "paused" && !explained(looker, workspace, schedule).await? {
                // The pause may be older than what is left of the log.
                let at: i64 = get::<Option<i64>>(row, "last_turn_at")?
                    .unwrap_or_default()
                    .max(get(row, "updated_at")?);
                if at > marks.audit {
                    looker.violated(NO_CAUSE, Some(workspace), schedule.to_string());
                }
            }
        }
    }
}

/// Whether a schedule is not paused, or the log tells of that pause, with its reason, and of no resumption since.
async fn explained(looker: &Looker<'_>, workspace: Uuid, schedule: Uuid) -> Result<bool, StoreError> {
    let about = "e.workspace_id = $1 AND e.target_kind = 'schedule' AND e.target_id = $3";
    let sql = format!(
        "SELECT s.state, (SELECT max(e.occurred_at) FROM audit_events e WHERE {about} AND e.action = $4
                AND coalesce(e.metadata ->> 'reason_code', '') = coalesce(s.paused_reason, '')) AS paused,
            (SELECT max(e.occurred_at) FROM audit_events e WHERE {about} AND e.action = $5) AS resumed
        FROM schedules s WHERE s.workspace_id = $1 AND s.id = $2"
    );
    let values = vec![
        workspace.into(),
        schedule.into(),
        schedule.to_string().into(),
        AuditAction::SchedulePaused.as_str().into(),
        AuditAction::ScheduleResumed.as_str().into(),
    ];
    let found = rows(looker.database, &sql, values).await?;
    let Some(row) = found.first() else {
        return Ok(true);
    };
    let paused: Option<i64> = get(row, "paused")?;
    let resumed: Option<i64> = get(row, "resumed")?;
    // Clocks of processes differ.
    let slack = micros(looker.options.slack);
    let told = paused.is_some_and(|at| resumed.is_none_or(|later| at + slack >= later));
    Ok(told || get::<String>(row, "state")? != "paused")
}
