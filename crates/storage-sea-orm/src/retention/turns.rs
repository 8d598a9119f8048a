//! Turns: when each workspace is looked after next. One row for each; moving it decides who starts.

use async_trait::async_trait;
use kernel::{Id, StoreError, Timestamp};
use operations::{RetentionSettings, RetentionTurns};
use sea_orm::{ConnectionTrait as _, Statement};
use tenancy::{WorkspaceId, WorkspaceScope};
use uuid::Uuid;

use crate::{
    bounded::Tx,
    database::Database,
    error::OrStoreError as _,
    session::Repo,
    time::{from_micros, to_micros},
};

/// How many workspaces one call looks at. The next call goes on.
const WORKSPACES: u32 = 200;

/// The workspaces whose turn has come. Those that never had one get their first.
pub(super) async fn due(
    database: &Database,
    settings: &RetentionSettings,
    now: Timestamp,
) -> Result<Vec<(WorkspaceId, Timestamp)>, StoreError> {
    let db = database.readers();
    let backend = db.get_database_backend();
    let sql = format!(
        "SELECT w.id, t.next_at FROM workspaces w LEFT JOIN housekeeping_turns t ON t.workspace_id = w.id
        WHERE t.next_at IS NULL OR t.next_at <= $1 ORDER BY w.id LIMIT {WORKSPACES}"
    );
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(
            backend,
            sql,
            [to_micros(now).into()],
        ))
        .await
        .or_store_error()?;
    let mut due = Vec::new();
    for row in rows {
        let workspace: WorkspaceId = Id::from_uuid(row.try_get::<Uuid>("", "id").or_store_error()?);
        match row.try_get::<Option<i64>>("", "next_at").or_store_error()? {
            Some(at) => due.push((workspace, from_micros(at, "housekeeping_turns", "next_at")?)),
            None => begin(database, workspace, settings.first_turn(workspace, now)).await?,
        }
    }
    Ok(due)
}

async fn begin(database: &Database, workspace: WorkspaceId, first: Timestamp) -> Result<(), StoreError> {
    let db = database.writer();
    let begin = Statement::from_sql_and_values(
        db.get_database_backend(),
        "INSERT INTO housekeeping_turns (workspace_id, next_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        [workspace.as_uuid().into(), to_micros(first).into()],
    );
    db.execute_raw(begin).await.or_store_error()?;
    Ok(())
}

#[async_trait]
impl RetentionTurns for Repo<'_, Tx> {
    async fn take(
        &mut self,
        scope: &WorkspaceScope,
        due: Timestamp,
        next: Timestamp,
    ) -> Result<bool, StoreError> {
        let take = Statement::from_sql_and_values(
            self.db.get_database_backend(),
            "UPDATE housekeeping_turns SET next_at = $3 WHERE workspace_id = $1 AND next_at = $2",
            [
                scope.workspace_id().as_uuid().into(),
                to_micros(due).into(),
                to_micros(next).into(),
            ],
        );
        Ok(self.db.execute_raw(take).await.or_store_error()?.rows_affected() == 1)
    }
}
