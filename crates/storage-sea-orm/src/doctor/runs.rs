//! Runs that are at work, or seem to be.

use kernel::StoreError;
use operations::OperationType;

use super::{DoctorOptions, Finding, MOST, Severity, seconds};
use sea_orm::ConnectionTrait as _;

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
    let now = now_sql(database.readers().get_database_backend());
    let sql = format!(
        "SELECT workspace_id, id, kind, operation_type, lease_owner, lease_until, started_at, waited, cancel_requested_at,
            created_at, {now} AS now
        FROM operation_runs WHERE completed_at IS NULL AND status = 'running'
        ORDER BY created_at, id LIMIT {MOST}"
    );
    for row in rows(database, &sql, Vec::new()).await? {
        let (workspace, id): (uuid::Uuid, uuid::Uuid) = (get(&row, "workspace_id")?, get(&row, "id")?);
        let (now, lease): (i64, Option<i64>) = (get(&row, "now")?, get(&row, "lease_until")?);
        if let Some(lease) = lease.filter(|lease| *lease < now) {
            let owner: Option<String> = get(&row, "lease_owner")?;
            findings.push(
                stale(options, now - lease, &owner.unwrap_or_default())
                    .about(workspace, id)
                    .since(lease),
            );
            continue;
        }
        let asked: Option<i64> = get(&row, "cancel_requested_at")?;
        if let Some(asked) = asked.filter(|asked| now - asked > micros(options.patience)) {
            findings.push(
                Finding::of(
                    "cancel_not_heard",
                    Severity::Attention,
                    format!("somebody asked for its end {} seconds ago, and its worker works on", seconds(now - asked)),
                    "the worker ends it between two pages. If it hangs, stop that worker: the sweep ends the run",
                )
                .about(workspace, id)
                .since(asked),
            );
            continue;
        }
        let operation: String = get(&row, "operation_type")?;
        let started = get::<Option<i64>>(&row, "started_at")?.unwrap_or(get(&row, "created_at")?);
        let worked = now - started - get::<i64>(&row, "waited")?;
        if let Some(finding) = held_long(&operation, worked) {
            findings.push(finding.about(workspace, id).since(started));
        }
    }
    Ok(())
}

fn stale(options: &DoctorOptions, over: i64, owner: &str) -> Finding {
    let late = over > micros(options.queue.lease + options.sweep_every);
    let (severity, then) = if late {
        (
            Severity::Attention,
            "a sweep should have taken it: no process of this installation sweeps",
        )
    } else {
        (Severity::Note, "the next sweep takes it")
    };
    Finding::of(
        "run_likely_stale",
        severity,
        format!(
            "worker {owner} has given no sign of life; its lease ended {} seconds ago; {then}",
            seconds(over)
        ),
        "see that at least one `serve` or `worker` process runs: each of them sweeps",
    )
}

/// A run that works for much longer than its kind usually does.
fn held_long(operation: &str, worked: i64) -> Option<Finding> {
    let definition = OperationType::parse(operation)?.definition();
    let usual = i64::from(definition.expected_duration_seconds) * 1_000_000;
    (worked > usual * 10).then(|| {
        Finding::of(
            "scope_held_long",
            Severity::Note,
            format!(
                "{operation} has worked for {} seconds, and usually takes {}; it is ended after {}",
                seconds(worked),
                definition.expected_duration_seconds,
                definition.run_timeout_seconds
            ),
            "read the run and the throttle ledger of its connection; cancel it if nobody waits for it",
        )
    })
}
