//! Runs that wait, each with the reason.

use std::collections::HashMap;

use kernel::StoreError;
use operations::{Lane, OperationType};
use sea_orm::{ConnectionTrait as _, QueryResult};
use uuid::Uuid;

use super::{DoctorOptions, Finding, MOST, Severity, seconds};
use crate::{
    database::Database,
    invariants::walk::{get, rows},
    time::{micros, now_sql},
};

pub(super) async fn look(
    database: &Database,
    options: &DoctorOptions,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let mut busy: HashMap<(Uuid, Option<Lane>), i64> = HashMap::new();
    let sql = "SELECT workspace_id, operation_type, count(*) AS runs FROM operation_runs
        WHERE status = 'running' AND kind = 'job' GROUP BY workspace_id, operation_type";
    for row in rows(database, sql, Vec::new()).await? {
        let place = (get(&row, "workspace_id")?, lane(&row)?);
        *busy.entry(place).or_default() += get::<i64>(&row, "runs")?;
    }
    let now = now_sql(database.readers().get_database_backend());
    let sql = format!(
        "SELECT workspace_id, id, operation_type, not_before, waiting_reason, waiting_since, created_at, {now} AS now
        FROM operation_runs WHERE completed_at IS NULL AND status = 'queued'
        ORDER BY created_at, id LIMIT {MOST}"
    );
    for row in rows(database, &sql, Vec::new()).await? {
        let workspace = get(&row, "workspace_id")?;
        let running = busy.get(&(workspace, lane(&row)?)).copied().unwrap_or_default();
        if let Some(finding) = why(options, &row, running, !busy.is_empty())? {
            findings.push(finding.about(workspace, get::<Uuid>(&row, "id")?));
        }
    }
    Ok(())
}

/// The lane of a row's type; none for a type that this version does not know.
fn lane(row: &QueryResult) -> Result<Option<Lane>, StoreError> {
    let operation: String = get(row, "operation_type")?;
    Ok(OperationType::parse(&operation).and_then(OperationType::lane))
}

/// What a lane's runs are called, and what to do if its workspace or all workers are full.
const fn words(lane: Lane) -> (&'static str, &'static str, &'static str) {
    match lane {
        Lane::Checks => (
            "checks",
            "nothing, or a larger worker.check_workspace_limit in all processes",
            "nothing, or more worker processes, or a larger worker.check_slots",
        ),
        Lane::Work => (
            "runs",
            "nothing, or a larger worker.workspace_limit in all processes",
            "nothing, or more worker processes, or a larger worker.concurrency",
        ),
    }
}

/// Why a run waits. `running` are those of its workspace in its lane. Nothing if it came just now.
fn why(
    options: &DoctorOptions,
    row: &QueryResult,
    running: i64,
    workers: bool,
) -> Result<Option<Finding>, StoreError> {
    let (now, created): (i64, i64) = (get(row, "now")?, get(row, "created_at")?);
    let operation: String = get(row, "operation_type")?;
    let Some(operation) = OperationType::parse(&operation) else {
        return Ok(Some(
            Finding::of(
                "queued_unknown_type",
                Severity::Attention,
                "a later version of the program queued it, and this one does not know its type".to_owned(),
                "start workers of that version",
            )
            .since(created),
        ));
    };
    // Nobody waits for a worker with a group.
    let Some(lane) = operation.lane() else {
        return Ok(None);
    };
    let (what, larger_limit, more_slots) = words(lane);
    let not_before: Option<i64> = get(row, "not_before")?;
    if let Some(at) = not_before.filter(|at| *at > now) {
        let reason: Option<String> = get(row, "waiting_reason")?;
        let since: Option<i64> = get(row, "waiting_since")?;
        let reason = reason.unwrap_or_else(|| "nothing in particular".to_owned());
        return Ok(Some(
            Finding::of(
                "queued_until_later",
                Severity::Note,
                format!(
                    "it waits for {reason} and may begin in {} seconds",
                    seconds(at - now)
                ),
                "nothing: it goes on by itself",
            )
            .since(since.unwrap_or(created)),
        ));
    }
    let ready = not_before.unwrap_or(created).max(created);
    let limit = options.queue.workspace_limit_in(lane);
    if running >= i64::from(limit) {
        return Ok(Some(
            Finding::of(
                "queued_workspace_full",
                Severity::Note,
                format!("{running} {what} of its workspace are running, and no more than {limit} may be"),
                larger_limit,
            )
            .since(ready),
        ));
    }
    let waits = now - ready;
    if waits <= micros(options.patience) {
        return Ok(None);
    }
    Ok(Some(if workers {
        Finding::of(
            "queued_workers_busy",
            Severity::Note,
            format!(
                "it could begin for {} seconds, and all workers have their hands full",
                seconds(waits)
            ),
            more_slots,
        )
        .since(ready)
    } else {
        Finding::of(
            "queued_no_worker",
            Severity::Attention,
            format!("it could begin for {} seconds, and nothing runs at all: no worker is there", seconds(waits)),
            "start `tenantatlas worker`, or `serve` without --no-worker; look into the logs of those that run",
        )
        .since(ready)
    }))
}
