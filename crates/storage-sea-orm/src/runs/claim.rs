//! The claim: one statement that takes runs and fences out whoever had them before.

use kernel::StoreError;
use operations::{Lane, PerLane, QueueSettings, Waiting, WorkerName};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, FromQueryResult as _, Statement};

use crate::{
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
    db: &DatabaseTransaction,
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
        "WITH {lanes}
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

/// The part of the statement that picks the runs of a lane. What is put into its text are numbers and
/// codes of this program.
fn picked(backend: DbBackend, lane: Lane, settings: &QueueSettings, slots: PerLane<u32>) -> String {
    // PostgreSQL has many writers: rows that another claim looks at are passed over. SQLite has
    // one, and this transaction holds its lock.
    let lock = if backend == DbBackend::Postgres {
        "FOR UPDATE OF r SKIP LOCKED"
    } else {
        ""
    };
    let (name, types, now) = (lane.as_str(), types(lane), now_sql(backend));
    let (slots, most) = (slots.of(lane), settings.workspace_limit_in(lane));
    format!(
        "busy_{name} AS (
            SELECT workspace_id, count(*) AS runs FROM operation_runs
            WHERE status = 'running' AND kind = 'job' AND operation_type IN ({types}) GROUP BY workspace_id
        ), ranked_{name} AS (
            SELECT q.workspace_id, q.id,
                coalesce(b.runs, 0) + row_number() OVER (PARTITION BY q.workspace_id ORDER BY q.created_at, q.id) AS place
            FROM operation_runs q LEFT JOIN busy_{name} b ON b.workspace_id = q.workspace_id
            WHERE q.status = 'queued' AND q.kind = 'job' AND q.operation_type IN ({types})
                AND (q.not_before IS NULL OR q.not_before <= {now})
        ), picked_{name} AS (
            SELECT r.workspace_id, r.id
            FROM operation_runs r JOIN ranked_{name} k ON k.workspace_id = r.workspace_id AND k.id = r.id
            WHERE r.status = 'queued' AND k.place <= {most}
            ORDER BY k.place, r.created_at, r.id
            LIMIT {slots} {lock}
        )"
    )
}
