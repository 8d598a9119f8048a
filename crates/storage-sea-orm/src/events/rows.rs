//! Rows of the outbox, turned into events of the stream.

use kernel::{Id, StoreError};
use sea_orm::{FromQueryResult as _, QueryResult};
use serde_json::{Map, Value};
use tenancy::StreamEvent;

use crate::{entities::outbox_event::Model, error::OrStoreError as _, time::from_micros};

const TABLE: &str = "outbox_events";

/// The event of a row that has its number.
pub(crate) fn event(row: Model) -> Result<StreamEvent, StoreError> {
    let broken = |column| StoreError::Inconsistent { table: TABLE, column };
    let Value::Object(mut payload) = row.payload else {
        return Err(broken("payload"));
    };
    let Some(Value::String(outcome)) = payload.remove("outcome") else {
        return Err(broken("payload"));
    };
    let metadata = match payload.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    let sequence = row.sequence.and_then(|number| u64::try_from(number).ok());
    Ok(StreamEvent {
        workspace_id: Id::from_uuid(row.workspace_id),
        sequence: sequence.ok_or(broken("sequence"))?,
        id: Id::from_uuid(row.id),
        kind: row.kind,
        subject_kind: row.subject_kind,
        subject_id: row.subject_id,
        outcome,
        metadata,
        occurred_at: from_micros(row.created_at, TABLE, "created_at")?,
    })
}

/// The same for a row that came back from a statement of our own.
pub(super) fn returned(row: &QueryResult) -> Result<StreamEvent, StoreError> {
    event(Model::from_query_result(row, "").or_store_error()?)
}
