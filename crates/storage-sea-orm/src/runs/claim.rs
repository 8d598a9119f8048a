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
    let now = now_sql(backend);
    let pauses = Waiting::PAUSES
        .map(|reason| format!("'{}'", reason.as_str()))
        .join(", ");
    // The pause counts as one, the wait for a free worker after it does not.
    let until = format!("CASE WHEN not_before < {now} THEN not_before ELSE {now} END");
    let lanes = Lane::ALL
        .map(|lane| picked(backend, lane, settings, slots))
        .join(", ");
    let any = Lane::ALL
        .map(|lane| format!("SELECT workspace_id, id FROM picked_{}", lane.as_str()))
        .join(" UNION ALL ");
    let sql = format!(
        "WITH RECURSIVE {WAITING}, {lanes}
        UPDATE operation_runs
        SET status = 'running', attempt = attempt + 1, lease_owner = $1, lease_until = {now} + $2,
            heartbeat_at = {now}, started_at = coalesce(started_at, {now}), not_before = NULL,
            waited = waited + CASE WHEN waiting_reason IN ({pauses}) AND {until} > waiting_since
                THEN {until} - waiting_since ELSE 0 END,
            waiting_since = NULL, waiting_reason = NULL
        WHERE (workspace_id, id) IN ({any})
        RETURNING *"
    );
    let values = [worker.as_str().into(), micros(settings.lease).into()];
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await
        .or_store_error()?;
    let mut models = rows
        .iter()
        .map(|row| Model::from_query_result(row, ""))
        .collect::<Result<Vec<_>, _>>()
        .or_store_error()?;
    models.sort_by_key(|row| (row.created_at, row.id));
    Ok(models)
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

/// The part of the statement that picks the runs of a lane. What is put into its text are numbers and
/// codes of this program.
///
/// A workspace gets no more than so many slots, so no more than so many of its runs are looked at for each type,
/// whether ten of them wait or ten thousand.
fn picked(backend: DbBackend, lane: Lane, settings: &QueueSettings, slots: PerLane<u32>) -> String {
    // PostgreSQL has many writers: rows that another claim looks at are passed over. SQLite has
    // one, and this transaction holds its lock.
    let lock = if backend == DbBackend::Postgres {
        "FOR UPDATE OF r SKIP LOCKED"
    } else {
        ""
    };
    let (name, types) = (lane.as_str(), types(lane));
    let (slots, most) = (slots.of(lane), settings.workspace_limit_in(lane));
    let first = first(backend, lane, most);
    format!(
        "busy_{name} AS (
            SELECT workspace_id, count(*) AS runs FROM operation_runs
            WHERE status = 'running' AND kind = 'job' AND operation_type IN ({types}) GROUP BY workspace_id
        ), first_{name} AS (
            {first}
        ), ranked_{name} AS (
            SELECT q.workspace_id, q.id,
                coalesce(b.runs, 0) + row_number() OVER (PARTITION BY q.workspace_id ORDER BY q.created_at, q.id) AS place
            FROM first_{name} q LEFT JOIN busy_{name} b ON b.workspace_id = q.workspace_id
        ), picked_{name} AS (
            SELECT r.workspace_id, r.id
            FROM operation_runs r JOIN ranked_{name} k ON k.workspace_id = r.workspace_id AND k.id = r.id
            WHERE r.status = 'queued' AND k.place <= {most}
            ORDER BY k.place, r.created_at, r.id
            LIMIT {slots} {lock}
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
            "SELECT q.workspace_id, q.id, q.created_at FROM waiting w CROSS JOIN ({each}) t
            CROSS JOIN operation_runs q ON q.workspace_id = w.workspace_id AND q.id IN (SELECT x.id {waits})"
        ),
    }
}
