//! What must be true of a database that nobody writes to at the moment, whatever happened
//! before. Each rule is one query for what breaks it, in SQL that both engines understand.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::raw::Raw;
use crate::Engine;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule: its number in `docs/faults.md`, and a few words.
    pub rule: &'static str,
    /// Where.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

/// One active run for each scope.
pub const V2: &str = "V2 two active runs on a scope";
/// One end for each run.
pub const V4: &str = "V4 not exactly one end";
/// A run that waits or works has not ended before.
pub const V4_ACTIVE: &str = "V4 active after its end";
/// The end names the last attempt.
pub const V5: &str = "V5 ended by another attempt than the last";
/// Attempts begin 1, 2, 3.
pub const V6: &str = "V6 attempts with a gap";
/// A run that somebody canceled as waiting was waiting.
pub const CANCEL: &str = "V4 canceled as waiting while a worker had it";
/// Each run was accepted once.
pub const V7: &str = "V7 not accepted exactly once";
/// The outbox tells what the journal tells.
pub const V8: &str = "V8 journal and outbox differ";
/// The stream of events has no gap and no number twice.
pub const V8_STREAM: &str = "V8 the stream of a workspace has gaps";
/// Nothing is active.
pub const V10: &str = "V10 still active";
/// No session of the database stays inside a transaction.
pub const OPEN: &str = "a session stays inside a transaction";
/// Each workspace has an owner.
pub const V13: &str = "V13 a workspace without an owner";
/// One default connection.
pub const V13_DEFAULTS: &str = "V13 two default connections";

/// Looks for everything that is broken, active runs excepted.
pub async fn check(raw: &Raw) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (rule, sql) in rules(raw) {
        for row in raw.rows(&sql).await {
            let detail = row.try_get_by_index(0).expect("text");
            violations.push(Violation { rule, detail });
        }
    }
    violations
}

/// Looks for runs that are still active, when none may be.
pub async fn active(raw: &Raw) -> Vec<Violation> {
    let run = raw.id_text("r.id");
    let sql = format!("SELECT {run} || ' ' || r.status FROM operation_runs r WHERE r.status <> 'completed'");
    let rows = raw.rows(&sql).await;
    let detail = |row: &sea_orm::QueryResult| row.try_get_by_index(0).expect("text");
    rows.iter()
        .map(|row| Violation {
            rule: V10,
            detail: detail(row),
        })
        .collect()
}

/// Sessions that stay inside a transaction although nobody works: looks until there are none, for
/// ten seconds at most.
pub async fn left_open(raw: &Raw) -> Vec<Violation> {
    if raw.engine() == Engine::Sqlite {
        return Vec::new();
    }
    let sql = "SELECT query FROM pg_stat_activity WHERE datname = current_database()
        AND state LIKE 'idle in transaction%'";
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    loop {
        looks.tick().await;
        let rows = raw.rows(sql).await;
        if rows.is_empty() || begin.elapsed() > Duration::from_secs(10) {
            let detail = |row: &sea_orm::QueryResult| row.try_get_by_index(0).expect("text");
            return rows
                .iter()
                .map(|row| Violation {
                    rule: OPEN,
                    detail: detail(row),
                })
                .collect();
        }
    }
}

/// The ends of runs as the journal tells them. A run that was blocked at the gate ended there.
const ENDS: &str = "('operation.completed', 'operation.canceled', 'operation.force_canceled',
    'operation.released', 'operation.blocked')";

fn rules(raw: &Raw) -> Vec<(&'static str, String)> {
    let run = raw.id_text("r.id");
    // Runs beside what the journal says of them: one row for each run.
    let told = format!(
        "WITH told AS (
            SELECT a.target_id AS run,
                sum(CASE WHEN a.action = 'operation.accepted' THEN 1 ELSE 0 END) AS accepted,
                sum(CASE WHEN a.action = 'operation.started' THEN 1 ELSE 0 END) AS started,
                sum(CASE WHEN a.action = 'operation.requeued' THEN 1 ELSE 0 END) AS requeued,
                sum(CASE WHEN a.action = 'operation.canceled' THEN 1 ELSE 0 END) AS canceled,
                sum(CASE WHEN a.action = 'operation.blocked' THEN 1 ELSE 0 END) AS blocked,
                sum(CASE WHEN a.action IN {ENDS} THEN 1 ELSE 0 END) AS ends,
                max(CASE WHEN a.action IN {ENDS} THEN CAST(a.metadata ->> 'attempt' AS integer) END) AS ended_by,
                count(DISTINCT CASE WHEN a.action = 'operation.started' THEN CAST(a.metadata ->> 'attempt' AS integer) END) AS attempts,
                min(CASE WHEN a.action = 'operation.started' THEN CAST(a.metadata ->> 'attempt' AS integer) END) AS first,
                max(CASE WHEN a.action = 'operation.started' THEN CAST(a.metadata ->> 'attempt' AS integer) END) AS last
            FROM audit_events a WHERE a.target_kind = 'operation_run' GROUP BY a.target_id
        ), runs AS (
            SELECT {run} AS run, r.status, r.attempt FROM operation_runs r
        ), both_of AS (
            SELECT r.run, r.status, r.attempt, coalesce(t.accepted, 0) AS accepted, coalesce(t.started, 0) AS started,
                coalesce(t.requeued, 0) AS requeued, coalesce(t.canceled, 0) AS canceled,
                coalesce(t.blocked, 0) AS blocked, coalesce(t.ends, 0) AS ends, t.ended_by,
                coalesce(t.attempts, 0) AS attempts, t.first, t.last
            FROM runs r LEFT JOIN told t ON t.run = r.run
        )"
    );
    let of_runs =
        |what: &str, broken: &str| format!("{told} SELECT run || ' ' || {what} FROM both_of WHERE {broken}");
    let stream = raw.id_text("o.workspace_id");
    let owner = raw.id_text("w.id");
    let environment = raw.id_text("c.environment_id");
    vec![
        (
            V2,
            "SELECT r.scope_key FROM operation_runs r WHERE r.status IN ('queued', 'running')
            GROUP BY r.workspace_id, r.scope_key HAVING count(*) > 1"
                .to_owned(),
        ),
        (V4, of_runs("CAST(ends AS text)", "status = 'completed' AND ends <> 1")),
        (V4_ACTIVE, of_runs("status", "status <> 'completed' AND ends > 0")),
        (V5, of_runs("CAST(ended_by AS text)", "ends > 0 AND ended_by IS NOT NULL AND ended_by <> attempt")),
        (
            V6,
            of_runs(
                "CAST(started AS text)",
                "started <> attempt OR attempts <> attempt OR (attempt > 0 AND (first <> 1 OR last <> attempt))",
            ),
        ),
        (CANCEL, of_runs("status", "canceled > 0 AND started <> requeued")),
        (V7, of_runs("CAST(accepted AS text)", "accepted + blocked <> 1")),
        (
            V8,
            "SELECT coalesce(a.target_id, o.subject_id) || ' ' || coalesce(a.action, o.kind) FROM
            (SELECT target_id, action, count(*) AS events FROM audit_events WHERE target_kind = 'operation_run'
                GROUP BY target_id, action) a
            FULL JOIN (SELECT subject_id, kind, count(*) AS events FROM outbox_events
                WHERE subject_kind = 'operation_run' GROUP BY subject_id, kind) o
            ON o.subject_id = a.target_id AND o.kind = a.action
            WHERE coalesce(a.events, 0) <> coalesce(o.events, 0)"
                .to_owned(),
        ),
        (
            V8_STREAM,
            format!(
                "SELECT {stream} FROM outbox_events o WHERE o.sequence IS NOT NULL GROUP BY o.workspace_id
                HAVING max(o.sequence) - min(o.sequence) + 1 <> count(*)
                    OR count(DISTINCT o.sequence) <> count(*)"
            ),
        ),
        (
            V13,
            format!(
                "SELECT {owner} FROM workspaces w WHERE NOT EXISTS
                (SELECT 1 FROM members m WHERE m.workspace_id = w.id AND m.role = 'owner')"
            ),
        ),
        (
            V13_DEFAULTS,
            format!(
                "SELECT {environment} FROM provider_connections c WHERE c.is_default
                GROUP BY c.workspace_id, c.environment_id, c.provider HAVING count(*) > 1"
            ),
        ),
    ]
}
