//! The claim: one statement that takes runs and fences out whoever had them before.

use kernel::StoreError;
use operations::{Lane, PerLane, QueueSettings, Waiting, WorkerName};
use sea_orm::{ConnectionTrait as _, DbBackend, FromQueryResult as _, Statement};

use crate::{
    bounded::Tx,
    entities::run::Model,
    error::OrStoreError as _,
    time::{micros, now_sql},
};

/// The types of a lane as literals, for `IN`. A later version may have queued what this one does not
/// know: that is in no lane, and its own workers will take it.
pub(crate) fn types(lane: Lane) -> String {
    let codes: Vec<_> = lane
        .operations()
        .map(|operation| format!("'{}'", operation.as_str()))
        .collect();
    codes.join(", ")
}

/// Takes up to `slots` runs of each lane. Those of the workspaces with the fewest running ones in the
/// lane come first: a run's place is the number of runs that its workspace would have in front of it. A
/// workspace that floods the queue waits behind everybody's first run. Groups are no work: they are
/// neither taken nor counted.
pub(crate) async fn claim(
    db: &Tx,
    worker: &WorkerName,
    settings: &QueueSettings,
    slots: PerLane<u32>,
) -> Result<Vec<Model>, StoreError> {
    let backend = db.get_database_backend();
    let values = [worker.as_str().into(), micros(settings.lease).into()];
    let statement = Statement::from_sql_and_values(backend, text(backend, settings, slots), values);
    let rows = db.query_all_raw(statement).await.or_store_error()?;
    let mut models = rows
        .iter()
        .map(|row| Model::from_query_result(row, ""))
        .collect::<Result<Vec<_>, _>>()
        .or_store_error()?;
    models.sort_by_key(|row| (row.created_at, row.id));
    Ok(models)
}

/// The statement. Its values are the worker and the length of the lease.
fn text(backend: DbBackend, settings: &QueueSettings, slots: PerLane<u32>) -> String {
    let now = now_sql(backend);
    let pauses = Waiting::PAUSES
        .map(|reason| format!("'{}'", reason.as_str()))
        .join(", ");
    // The pause counts as one, the wait for a free worker after it does not.
    let until = format!("CASE WHEN not_before < {now} THEN not_before ELSE {now} END");
    let lanes = Lane::ALL
        .map(|lane| picked(backend, lane, settings, slots))
        .join(", ");
    let key = key(backend);
    let any = Lane::ALL
        .map(|lane| format!("SELECT {key} FROM picked_{}", lane.as_str()))
        .join(" UNION ALL ");
    format!(
        "WITH RECURSIVE {WAITING}, {lanes}
        UPDATE operation_runs
        SET status = 'running', attempt = attempt + 1, lease_owner = $1, lease_until = {now} + $2,
            heartbeat_at = {now}, started_at = coalesce(started_at, {now}), not_before = NULL,
            waited = waited + CASE WHEN waiting_reason IN ({pauses}) AND {until} > waiting_since
                THEN {until} - waiting_since ELSE 0 END,
            waiting_since = NULL, waiting_reason = NULL
        WHERE ({key}) IN ({any})
        RETURNING *"
    )
}

/// The workspaces for which something waits, one step through the index for each. The last row is empty.
const WAITING: &str = "waiting (workspace_id) AS (
        SELECT * FROM (
            SELECT q.workspace_id FROM operation_runs q WHERE q.status = 'queued' AND q.kind = 'job'
            ORDER BY q.workspace_id LIMIT 1
        ) first
        UNION ALL
        SELECT (
            SELECT q.workspace_id FROM operation_runs q
            WHERE q.status = 'queued' AND q.kind = 'job' AND q.workspace_id > w.workspace_id
            ORDER BY q.workspace_id LIMIT 1
        ) FROM waiting w WHERE w.workspace_id IS NOT NULL
    )";

/// What finds a row at once. SQLite reads a whole table rather than look up two columns in a list of pairs.
const fn key(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "rowid",
        _ => "workspace_id, id",
    }
}

/// The part of the statement that picks the runs of a lane. What is put into its text are numbers and
/// codes of this program.
///
/// A workspace gets no more than so many slots, so no more than so many of its runs are looked at for each type,
/// whether ten of them wait or ten thousand.
fn picked(backend: DbBackend, lane: Lane, settings: &QueueSettings, slots: PerLane<u32>) -> String {
    let (name, types) = (lane.as_str(), types(lane));
    let (slots, most) = (*slots.of(lane), settings.workspace_limit_in(lane));
    let first = first(backend, lane, most);
    let ordered = |columns: &str, limit: u32| {
        format!(
            "SELECT {columns} FROM ranked_{name} WHERE place <= {most} ORDER BY place, created_at, id LIMIT {limit}"
        )
    };
    let picked = match backend {
        DbBackend::Postgres => lockable(
            name,
            &ordered("workspace_id, id", slots.saturating_add(OTHERS)),
            slots,
        ),
        // It has one writer, and this transaction holds its lock.
        _ => format!("picked_{name} AS ({})", ordered("rowid", slots)),
    };
    format!(
        "busy_{name} AS (
            SELECT workspace_id, count(*) AS runs FROM operation_runs
            WHERE status = 'running' AND kind = 'job' AND operation_type IN ({types}) GROUP BY workspace_id
        ), first_{name} AS (
            {first}
        ), ranked_{name} AS (
            SELECT q.*,
                coalesce(b.runs, 0) + row_number() OVER (PARTITION BY q.workspace_id ORDER BY q.created_at, q.id) AS place
            FROM first_{name} q LEFT JOIN busy_{name} b ON b.workspace_id = q.workspace_id
        ), {picked}"
    )
}

/// How many runs the other claims of a moment may have locked, at most, for this one to find others.
const OTHERS: u32 = 256;

/// On PostgreSQL, with its many writers: the first of the `ordered` runs that no other claim looks at. They
/// go through arrays, of which the planner expects ten elements and looks each up; of the query itself it
/// expects thousands, and reads everything that waits.
///
/// Under its lock a run is looked at again, since another claim may have had it meanwhile and put it back until
/// later; in words that no index of what waits goes by, or PostgreSQL, as long as it believes that little waits,
/// reads all of that instead of looking up a few.
fn lockable(name: &str, ordered: &str, slots: u32) -> String {
    let now = now_sql(DbBackend::Postgres);
    format!(
        "ordered_{name} AS MATERIALIZED ({ordered}), picked_{name} AS (
            SELECT r.workspace_id, r.id
            FROM unnest(ARRAY(SELECT workspace_id FROM ordered_{name}), ARRAY(SELECT id FROM ordered_{name}))
                WITH ORDINALITY AS k (workspace_id, id, turn)
            JOIN operation_runs r ON r.workspace_id = k.workspace_id AND r.id = k.id
            WHERE r.status NOT IN ('running', 'completed') AND (r.not_before IS NULL OR r.not_before <= {now})
            ORDER BY k.turn
            LIMIT {slots} FOR UPDATE OF r SKIP LOCKED
        )"
    )
}

/// The first runs of each workspace and each type of the lane that may begin.
fn first(backend: DbBackend, lane: Lane, most: u32) -> String {
    let now = now_sql(backend);
    let each: Vec<_> = lane
        .operations()
        .map(|operation| format!("SELECT '{}' AS operation_type", operation.as_str()))
        .collect();
    let each = each.join(" UNION ALL ");
    let waits = format!(
        "FROM operation_runs x
            WHERE x.workspace_id = w.workspace_id AND x.operation_type = t.operation_type
                AND x.status = 'queued' AND x.kind = 'job' AND (x.not_before IS NULL OR x.not_before <= {now})
            ORDER BY x.created_at, x.id LIMIT {most}"
    );
    match backend {
        DbBackend::Postgres => format!(
            "SELECT q.workspace_id, q.id, q.created_at FROM waiting w CROSS JOIN ({each}) t
            CROSS JOIN LATERAL (SELECT x.workspace_id, x.id, x.created_at {waits}) q"
        ),
        // It has no LATERAL, and joins in the order in which it is told to.
        _ => format!(
            "SELECT q.workspace_id, q.id, q.created_at, q.rowid FROM waiting w CROSS JOIN ({each}) t
            CROSS JOIN operation_runs q ON q.rowid IN (SELECT x.rowid {waits})"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite;

    /// A table is read only by one of its indexes or by its key: what it costs to claim must not grow with what
    /// waits, or with what is long over. (What PostgreSQL chooses depends on what is in the table.)
    #[tokio::test]
    async fn sqlite_reads_no_table_as_a_whole() {
        let sql = text(
            DbBackend::Sqlite,
            &QueueSettings::default(),
            PerLane { checks: 4, work: 8 },
        );
        let steps = sqlite::steps(&sql, ["one".into(), 1_i64.into()]).await;
        let whole = |step: &&String| {
            let of_table = ["SCAN operation_runs", "SCAN q", "SCAN x"];
            of_table.iter().any(|scan| step.starts_with(scan)) && !step.contains("USING")
        };
        assert_eq!(steps.iter().find(whole), None, "{steps:#?}");
        let by_key = "SEARCH operation_runs USING INTEGER PRIMARY KEY";
        assert!(steps.iter().any(|step| step.starts_with(by_key)), "{steps:#?}");
    }
}
