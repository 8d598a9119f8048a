//! The database itself: its clock, its sessions, its file.

use kernel::StoreError;
use sea_orm::{ConnectionTrait as _, DbBackend};

use super::{Finding, Severity, seconds};
use crate::{
    database::Database,
    invariants::walk::{get, rows},
    time::{now_sql, to_micros},
};

/// By how much the clocks of host and database may differ, in microseconds. Leases are on the database's clock
/// alone; what callers see is of both.
const CLOCKS: i64 = 5_000_000;

pub(super) async fn look(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let backend = database.readers().get_database_backend();
    clock(database, backend, findings).await?;
    match backend {
        DbBackend::Postgres => sessions(database, findings).await,
        _ => file(database, findings).await,
    }
}

async fn clock(
    database: &Database,
    backend: DbBackend,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let sql = format!("SELECT {} AS now", now_sql(backend));
    for row in rows(database, &sql, Vec::new()).await? {
        let ahead = to_micros(database.context().clock.now()) - get::<i64>(&row, "now")?;
        if ahead.abs() > CLOCKS {
            findings.push(Finding::of(
                "clocks_differ",
                Severity::Attention,
                format!(
                    "the clock of this host is {} seconds {} that of the database",
                    seconds(ahead.abs()),
                    if ahead > 0 { "ahead of" } else { "behind" }
                ),
                "let NTP set the clocks of all hosts",
            ));
        }
    }
    Ok(())
}

/// A session that does nothing within a transaction keeps old rows from being cleaned up, and perhaps locks.
async fn sessions(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let sql =
        "SELECT pid::bigint AS pid, extract(epoch from clock_timestamp() - state_change)::bigint AS idle
        FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'
            AND clock_timestamp() - state_change > interval '10 seconds' ORDER BY state_change LIMIT 100";
    for row in rows(database, sql, Vec::new()).await? {
        let (pid, idle): (i64, i64) = (get(&row, "pid")?, get(&row, "idle")?);
        let mut finding = Finding::of(
            "session_idle_in_transaction",
            Severity::Attention,
            format!(
                "a session of PostgreSQL has held a transaction open for {idle} seconds without doing anything"
            ),
            "find its client by the pid in pg_stat_activity; pg_terminate_backend(pid) ends it. This program's own sessions end after 30 seconds",
        );
        finding.subject = Some(pid.to_string());
        findings.push(finding);
    }
    Ok(())
}

/// The mode of its journal needs no look: to open the file is to set it, or to fail.
async fn file(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let damaged = rows(database, "PRAGMA quick_check(1)", Vec::new()).await?;
    let sound = damaged
        .iter()
        .all(|row| row.try_get_by_index::<String>(0).is_ok_and(|word| word == "ok"));
    if !sound {
        findings.push(Finding::of(
            "file_damaged",
            Severity::Attention,
            "SQLite finds damage in its file".to_owned(),
            "stop all processes, keep a copy of the file, and restore a backup",
        ));
    }
    Ok(())
}
