//! Whether two runs of a scope were ever active at the same time, by the order in which their
//! beginnings and ends were committed. The times in the rows cannot tell: a start makes its run before
//! it waits at the gate.
//!
//! The journal's rows are never changed, so on PostgreSQL their transactions' commit times
//! (`track_commit_timestamp`) are those of the beginning and of the end; on SQLite, with its one
//! writer, the order of their row numbers is.

use super::{
    invariants::{V2, Violation},
    raw::Raw,
};
use crate::Engine;

/// The entries of the journal that end a run, as SQL writes a list.
pub(super) const ENDS: &str =
    "'operation.completed', 'operation.canceled', 'operation.force_canceled', 'operation.released'";

/// The overlaps.
pub async fn check(raw: &Raw) -> Vec<Violation> {
    let at = match raw.engine() {
        Engine::Postgres => "extract(epoch FROM pg_xact_commit_timestamp(a.xmin))",
        Engine::Sqlite => "a.rowid",
    };
    let run = raw.id_text("r.id");
    let sql = format!(
        "WITH told AS (
            SELECT a.target_id, min(CASE WHEN a.action = 'operation.accepted' THEN {at} END) AS begins,
                max(CASE WHEN a.action IN ({ENDS}) THEN {at} END) AS ends
            FROM audit_events a WHERE a.target_kind = 'operation_run' GROUP BY a.target_id
        ), spans AS (
            SELECT t.target_id, t.begins, max(coalesce(t.ends, 1e300)) OVER (
                PARTITION BY r.workspace_id, r.scope_key ORDER BY t.begins
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended_before
            FROM told t JOIN operation_runs r ON {run} = t.target_id WHERE t.begins IS NOT NULL
        )
        SELECT target_id FROM spans WHERE ended_before > begins"
    );
    let rows = raw.rows(&sql).await;
    rows.iter()
        .map(|row| Violation {
            rule: V2,
            detail: format!(
                "{} began before another one had ended",
                row.try_get_by_index::<String>(0).expect("text")
            ),
        })
        .collect()
}
