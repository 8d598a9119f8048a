//! Walking tables by their keys, a bounded part at a time.

use kernel::StoreError;
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::{database::Database, error::OrStoreError as _};

/// How many workspaces one statement names.
const WORKSPACES: u32 = 500;

/// The rows of a statement on a reader.
pub(crate) async fn rows(
    database: &Database,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    let db = database.readers();
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.query_all_raw(statement).await.or_store_error()
}

/// A column of a row.
pub(crate) fn get<T: sea_orm::TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    row.try_get("", column).or_store_error()
}

/// The next workspaces after one, in the order of their ids.
pub(super) async fn workspaces(database: &Database, after: Uuid) -> Result<Vec<Uuid>, StoreError> {
    let sql = format!("SELECT id FROM workspaces WHERE id > $1 ORDER BY id LIMIT {WORKSPACES}");
    let found = rows(database, &sql, vec![after.into()]).await?;
    found.iter().map(|row| get(row, "id")).collect()
}

/// A part of a table by its key `(workspace_id, id)`: after the first, up to the second.
pub(super) type Part = ((Uuid, Uuid), (Uuid, Uuid));

/// The part of `table` that comes after a key, of `batch` rows. Nothing when the walk is over.
pub(super) async fn next_part(
    database: &Database,
    table: &str,
    after: (Uuid, Uuid),
    batch: u32,
) -> Result<Option<Part>, StoreError> {
    if after.0.is_max() {
        return Ok(None);
    }
    let last = batch.max(1) - 1;
    let sql = format!(
        "SELECT workspace_id, id FROM {table} WHERE (workspace_id, id) > ($1, $2)
        ORDER BY workspace_id, id LIMIT 1 OFFSET {last}"
    );
    let found = rows(database, &sql, vec![after.0.into(), after.1.into()]).await?;
    let until = match found.first() {
        Some(row) => (get(row, "workspace_id")?, get(row, "id")?),
        None => (Uuid::max(), Uuid::max()),
    };
    Ok(Some((after, until)))
}

/// When an id was made, in microseconds, as the id itself tells (RFC 9562, 5.7).
pub(super) fn made_at(id: Uuid) -> Option<i64> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    i64::try_from(seconds)
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(i64::from(nanos / 1000))
}

#[cfg(test)]
mod tests {
    use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};

    use super::*;

    #[test]
    fn an_id_tells_when_it_was_made() {
        let before = SystemClock.now().timestamp_micros();
        let at = made_at(SystemIds.next_uuid()).expect("of version 7");
        assert!(
            (before - 1_000..before + 60_000_000).contains(&at),
            "{at} after {before}"
        );
        assert_eq!(made_at(Uuid::nil()), None);
    }
}
