//! What one reader gets of a stream: the events that he may see and asks for, and the ends of the stream at
//! the very same moment. One statement, so that nothing can be numbered or removed between the two: who goes
//! on after the last number has missed nothing, and who is told that nothing was removed has got everything.

use kernel::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use tenancy::{EventFilter, KindFilter, StreamPage, WorkspaceScope};
use uuid::Uuid;

use super::rows;
use crate::error::OrStoreError as _;

/// Runs the statement.
pub(super) async fn run<C: ConnectionTrait>(
    db: &C,
    scope: &WorkspaceScope,
    filter: &EventFilter,
    after: u64,
    limit: u32,
) -> Result<StreamPage, StoreError> {
    let statement = statement(db.get_database_backend(), scope, filter, after, limit);
    let rows = db.query_all_raw(statement).await.or_store_error()?;
    let Some(first) = rows.first() else {
        // Nothing was numbered here yet.
        return Ok(StreamPage {
            events: Vec::new(),
            last_sequence: 0,
            first_kept: 1,
        });
    };
    let number = |column| {
        first
            .try_get::<i64>("", column)
            .map(|number| u64::try_from(number).unwrap_or_default())
    };
    let there = |row: &&QueryResult| matches!(row.try_get::<Option<Uuid>>("", "id"), Ok(Some(_)));
    Ok(StreamPage {
        last_sequence: number("last_sequence").or_store_error()?,
        first_kept: number("first_kept").or_store_error()?,
        events: rows
            .iter()
            .filter(there)
            .map(rows::returned)
            .collect::<Result<_, _>>()?,
    })
}

/// The stream's row is there even if no event of it is.
fn statement(
    backend: DbBackend,
    scope: &WorkspaceScope,
    filter: &EventFilter,
    after: u64,
    limit: u32,
) -> Statement {
    let mut conditions = Conditions {
        values: vec![
            scope.workspace_id().as_uuid().into(),
            i64::try_from(after).unwrap_or(i64::MAX).into(),
        ],
        sql: String::new(),
    };
    conditions.add(filter);
    let sql = format!(
        "SELECT stream.last_sequence, stream.first_kept, event.workspace_id, event.id, event.kind, \
            event.subject_kind, event.subject_id, event.payload, event.created_at, event.sequence \
        FROM event_streams AS stream LEFT JOIN outbox_events AS event \
            ON event.workspace_id = stream.workspace_id AND event.sequence > $2{} \
        WHERE stream.workspace_id = $1 \
        ORDER BY event.sequence LIMIT {limit}",
        conditions.sql
    );
    Statement::from_sql_and_values(backend, sql, conditions.values)
}

struct Conditions {
    values: Vec<Value>,
    sql: String,
}

impl Conditions {
    fn add(&mut self, filter: &EventFilter) {
        let sight = filter.sight();
        if let Some(areas) = sight.only_areas() {
            let shown: Vec<_> = areas.iter().map(|area| self.of_area(area)).collect();
            self.and(&format!("({})", shown.join(" OR ")));
        }
        for area in sight.hidden_areas() {
            let hidden = self.of_area(area);
            self.and(&format!("NOT {hidden}"));
        }
        if !filter.kinds().is_empty() {
            let asked: Vec<_> = filter.kinds().iter().map(|kind| self.of_kind(kind)).collect();
            self.and(&format!("({})", asked.join(" OR ")));
        }
        if let Some(subject) = filter.subject_id() {
            let place = self.place(subject);
            self.and(&format!("event.subject_id = {place}"));
        }
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    fn of_kind(&mut self, kind: &KindFilter) -> String {
        match kind {
            KindFilter::Exact(text) => format!("event.kind = {}", self.place(text)),
            KindFilter::Area(area) => self.of_area(area),
        }
    }

    /// Areas are ours and hold no wildcard.
    fn of_area(&mut self, area: &str) -> String {
        format!("event.kind LIKE {}", self.place(&format!("{area}.%")))
    }

    fn place(&mut self, text: &str) -> String {
        self.values.push(text.into());
        format!("${}", self.values.len())
    }
}
