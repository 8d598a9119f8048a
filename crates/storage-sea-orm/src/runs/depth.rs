//! How much waits and runs, for metrics. Over the small partial indexes of active runs.

use kernel::StoreError;
use operations::{Lane, LaneDepth, PerLane};
use sea_orm::{ConnectionTrait as _, Statement};

use super::claim::types;
use crate::{
    bounded::Pool,
    error::OrStoreError as _,
    time::{duration, now_sql},
};

/// What waits and what runs in each lane. Groups are no work, and what another version queued is in no
/// lane of this one.
pub(crate) async fn depth(db: &Pool) -> Result<PerLane<LaneDepth>, StoreError> {
    let backend = db.get_database_backend();
    let now = now_sql(backend);
    let lanes = Lane::ALL.map(|lane| {
        format!(
            "WHEN operation_type IN ({}) THEN '{}'",
            types(lane),
            lane.as_str()
        )
    });
    let sql = format!(
        "SELECT lane, sum(CASE WHEN status = 'queued' THEN 1 ELSE 0 END) AS queued,
            sum(CASE WHEN status = 'running' THEN 1 ELSE 0 END) AS running,
            max(CASE WHEN status = 'queued' THEN {now} - free_since ELSE 0 END) AS oldest
        FROM (
            SELECT status, coalesce(not_before, queued_at, created_at) AS free_since,
                CASE {} ELSE '' END AS lane
            FROM operation_runs WHERE completed_at IS NULL AND kind = 'job'
        ) AS active
        GROUP BY lane",
        lanes.join(" ")
    );
    let rows = db
        .query_all_raw(Statement::from_string(backend, sql))
        .await
        .or_store_error()?;
    let mut depth = PerLane::<LaneDepth>::default();
    for row in rows {
        let number = |column| row.try_get::<i64>("", column).or_store_error();
        let name = row.try_get::<String>("", "lane").or_store_error()?;
        let Some(lane) = Lane::ALL.into_iter().find(|lane| lane.as_str() == name) else {
            continue;
        };
        *depth.of_mut(lane) = LaneDepth {
            queued: u64::try_from(number("queued")?).unwrap_or_default(),
            running: u64::try_from(number("running")?).unwrap_or_default(),
            oldest: duration(number("oldest")?),
        };
    }
    Ok(depth)
}
