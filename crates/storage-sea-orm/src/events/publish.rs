//! Gives committed events their numbers. Whatever follows from an event is written here, in the
//! transaction that numbers it: a crash leaves both or neither.

use async_trait::async_trait;
use kernel::{Id, StoreError};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use tenancy::{EventPublisher, StreamEvent, WorkspaceId};
use uuid::Uuid;

use super::rows;
use crate::{
    bounded::Tx, database::Database, error::OrStoreError as _, notifications, webhooks::fan_out::fan_out,
};

/// How many events one transaction numbers. Small, so that the stream of a busy workspace is not held for
/// long.
const BATCH: u64 = 200;
/// How many workspaces one call looks at.
const WORKSPACES: u64 = 500;

#[async_trait]
impl EventPublisher for Database {
    async fn publish(&self) -> Result<u64, StoreError> {
        let (mut numbered, mut failed) = (0, None);
        for workspace in waiting(self).await? {
            loop {
                match number(self, workspace).await {
                    Ok(count) => {
                        numbered += count;
                        if count < BATCH {
                            break;
                        }
                    }
                    // What is wrong with one workspace must not keep the others from their events.
                    Err(error) => {
                        tracing::warn!(workspace_id = %workspace, %error, "events could not be numbered");
                        failed.get_or_insert(error);
                        break;
                    }
                }
            }
        }
        failed.map_or(Ok(numbered), Err)
    }
}

/// The workspaces in which an event waits for its number.
async fn waiting(database: &Database) -> Result<Vec<WorkspaceId>, StoreError> {
    let db = database.readers();
    let backend = db.get_database_backend();
    // Left to itself SQLite reads the index of all events, since that one alone has what is asked for.
    let by = match backend {
        DbBackend::Sqlite => "INDEXED BY outbox_events_unnumbered",
        _ => "",
    };
    let sql = format!(
        "SELECT DISTINCT workspace_id FROM outbox_events {by} WHERE sequence IS NULL LIMIT {WORKSPACES}"
    );
    let rows = db
        .query_all_raw(Statement::from_string(backend, sql))
        .await
        .or_store_error()?;
    rows.iter()
        .map(|row| row.try_get::<Uuid>("", "workspace_id").map(Id::from_uuid))
        .collect::<Result<_, _>>()
        .or_store_error()
}

/// Numbers the next events of one workspace. None if another process is at it.
async fn number(database: &Database, workspace: WorkspaceId) -> Result<u64, StoreError> {
    let db = database.transaction().await?;
    let Some(last) = hold_stream(&db, workspace).await? else {
        return Ok(0);
    };
    let events = give_numbers(&db, workspace, last).await?;
    let Some(newest) = events.last() else {
        return Ok(0);
    };
    notifications::told(&db, workspace, &events).await?;
    fan_out(&db, database.context(), workspace, &events).await?;
    let moved = Statement::from_sql_and_values(
        db.get_database_backend(),
        "UPDATE event_streams SET last_sequence = $2 WHERE workspace_id = $1",
        [
            workspace.as_uuid().into(),
            i64::try_from(newest.sequence).unwrap_or(i64::MAX).into(),
        ],
    );
    db.execute_raw(moved).await.or_store_error()?;
    db.commit().await.or_store_error()?;
    Ok(events.len() as u64)
}

/// The last number of the stream, which nobody else gives numbers in until the transaction ends. Nothing
/// if somebody does.
async fn hold_stream(db: &Tx, workspace: WorkspaceId) -> Result<Option<i64>, StoreError> {
    let backend = db.get_database_backend();
    // On SQLite this transaction is the only one that writes.
    let lock = if backend == DbBackend::Postgres {
        "FOR UPDATE SKIP LOCKED"
    } else {
        ""
    };
    let held = Statement::from_sql_and_values(
        backend,
        format!("SELECT last_sequence FROM event_streams WHERE workspace_id = $1 {lock}"),
        [workspace.as_uuid().into()],
    );
    if let Some(row) = db.query_one_raw(held).await.or_store_error()? {
        return row.try_get("", "last_sequence").map(Some).or_store_error();
    }
    // There is none yet, or somebody holds it: then this inserts nothing, and waits for nobody who only holds it.
    let begun = Statement::from_sql_and_values(
        backend,
        "INSERT INTO event_streams (workspace_id, last_sequence) VALUES ($1, 0) ON CONFLICT DO NOTHING",
        [workspace.as_uuid().into()],
    );
    let begun = db.execute_raw(begun).await.or_store_error()?;
    Ok((begun.rows_affected() == 1).then_some(0))
}

/// The events that got a number, in order.
async fn give_numbers(db: &Tx, workspace: WorkspaceId, last: i64) -> Result<Vec<StreamEvent>, StoreError> {
    let backend = db.get_database_backend();
    let arrival = match backend {
        DbBackend::Postgres => "arrival",
        _ => "rowid",
    };
    let sql = format!(
        "UPDATE outbox_events
        SET sequence = $2 + placed.place
        FROM (
            SELECT id, row_number() OVER (ORDER BY {arrival}) AS place FROM outbox_events
            WHERE workspace_id = $1 AND sequence IS NULL ORDER BY {arrival} LIMIT {BATCH}
        ) AS placed
        WHERE outbox_events.workspace_id = $1 AND outbox_events.id = placed.id
        RETURNING outbox_events.workspace_id, outbox_events.id, kind, subject_kind, subject_id, payload, created_at, sequence"
    );
    let values = [workspace.as_uuid().into(), last.into()];
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await
        .or_store_error()?;
    let mut events = rows.iter().map(rows::returned).collect::<Result<Vec<_>, _>>()?;
    events.sort_by_key(|event| event.sequence);
    Ok(events)
}
