//! The few questions that one process asks for all who watch. They cross workspaces and are answered to the
//! process alone.

use async_trait::async_trait;
use kernel::{Id, IdKind, StoreError};
use operations::OperationRun;
use provider_core::RunId;
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement,
    sea_query::{Asterisk, Expr, ExprTrait as _, Query},
};
use storage::{RunMark, StreamEnd, Watching};
use tenancy::{PrincipalId, Role, StreamEvent, WorkspaceId};
use uuid::Uuid;

use crate::{
    database::Database,
    entities::{member, outbox_event, run},
    error::OrStoreError as _,
    events::event_of_row,
    runs::rows,
    scoped::installation_wide,
    time::from_optional,
};

const RUNS: &str = "operation_runs";

fn uuids<K: IdKind>(ids: &[Id<K>]) -> impl Iterator<Item = Uuid> {
    ids.iter().map(Id::as_uuid)
}

/// The rows with these keys. A key is looked up as a whole: by its second half alone all rows would be read, and
/// by two lists every workspace with every id. There must be one: no statement names none.
fn with_keys<C: ColumnTrait, K: IdKind>(columns: [C; 2], keys: &[(WorkspaceId, Id<K>)]) -> Expr {
    let keys = keys
        .iter()
        .map(|(workspace, id)| (workspace.as_uuid(), id.as_uuid()));
    let asked = Query::select().column(Asterisk).from_values(keys, "asked").take();
    Expr::tuple(columns.map(Expr::col)).in_subquery(asked)
}

#[async_trait]
impl Watching for Database {
    async fn stream_ends(&self, of: &[WorkspaceId]) -> Result<Vec<StreamEnd>, StoreError> {
        let db = self.readers();
        let places: Vec<_> = (1..=of.len()).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT workspace_id, last_sequence FROM event_streams WHERE workspace_id IN ({})",
            places.join(", ")
        );
        let values = uuids(of).map(Into::into).collect::<Vec<sea_orm::Value>>();
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        let rows = db.query_all_raw(statement).await.or_store_error()?;
        let end = |row: &sea_orm::QueryResult| {
            Ok(StreamEnd {
                workspace_id: Id::from_uuid(row.try_get("", "workspace_id")?),
                last_sequence: u64::try_from(row.try_get::<i64>("", "last_sequence")?).unwrap_or_default(),
            })
        };
        rows.iter().map(end).collect::<Result<_, _>>().or_store_error()
    }

    async fn events_after(
        &self,
        workspace: WorkspaceId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StreamEvent>, StoreError> {
        use outbox_event::Column;
        let rows = installation_wide::<outbox_event::Entity>()
            .filter(Column::WorkspaceId.eq(workspace.as_uuid()))
            .filter(Column::Sequence.gt(i64::try_from(after).unwrap_or(i64::MAX)))
            .order_by_asc(Column::Sequence)
            .limit(u64::from(limit))
            .all(self.readers())
            .await
            .or_store_error()?;
        rows.into_iter().map(event_of_row).collect()
    }

    async fn run_marks(&self, of: &[(WorkspaceId, RunId)]) -> Result<Vec<RunMark>, StoreError> {
        use run::Column;
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let rows = installation_wide::<run::Entity>()
            .filter(with_keys([Column::WorkspaceId, Column::Id], of))
            .select_only()
            .columns([
                Column::WorkspaceId,
                Column::Id,
                Column::Status,
                Column::Outcome,
                Column::Attempt,
                Column::ProgressProcessed,
                Column::ProgressTotal,
                Column::HeartbeatAt,
                Column::WaitingSince,
                Column::NotBefore,
                Column::CancelRequestedAt,
            ])
            .into_tuple::<FlatMark>()
            .all(self.readers())
            .await
            .or_store_error()?;
        rows.into_iter().map(mark).collect()
    }

    async fn runs(&self, of: &[(WorkspaceId, RunId)]) -> Result<Vec<OperationRun>, StoreError> {
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let rows = installation_wide::<run::Entity>()
            .filter(with_keys([run::Column::WorkspaceId, run::Column::Id], of))
            .all(self.readers())
            .await
            .or_store_error()?;
        let readable = rows.into_iter().filter_map(|row| {
            let id = row.id;
            // One that cannot be read must not keep the others from being shown.
            rows::run(row)
                .inspect_err(|error| tracing::error!(run_id = %id, %error, "a watched run cannot be read"))
                .ok()
        });
        Ok(readable.collect())
    }

    async fn roles(
        &self,
        of: &[(WorkspaceId, PrincipalId)],
    ) -> Result<Vec<(WorkspaceId, PrincipalId, Role)>, StoreError> {
        use member::Column;
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let rows = installation_wide::<member::Entity>()
            .filter(with_keys([Column::WorkspaceId, Column::PrincipalId], of))
            .all(self.readers())
            .await
            .or_store_error()?;
        // A role that cannot be read lets its holder watch nothing, and nobody else is held up by it.
        let role = |row: member::Model| {
            let Some(role) = Role::parse(&row.role) else {
                tracing::error!(workspace_id = %row.workspace_id, "the role of a member cannot be read");
                return None;
            };
            let (workspace, principal) = (row.workspace_id, row.principal_id);
            Some((Id::from_uuid(workspace), Id::from_uuid(principal), role))
        };
        Ok(rows.into_iter().filter_map(role).collect())
    }
}

/// Workspace, id, status, outcome, attempt, progress, and the times.
type FlatMark = (
    Uuid,
    Uuid,
    String,
    String,
    i32,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

fn mark(row: FlatMark) -> Result<RunMark, StoreError> {
    let (workspace, id, status, outcome, attempt, processed, total, heartbeat, waiting, not_before, cancel) =
        row;
    Ok(RunMark {
        workspace_id: Id::from_uuid(workspace),
        id: Id::from_uuid(id),
        state: (status, outcome),
        attempt,
        progress: (processed, total),
        times: [
            from_optional(heartbeat, RUNS, "heartbeat_at")?,
            from_optional(waiting, RUNS, "waiting_since")?,
            from_optional(not_before, RUNS, "not_before")?,
            from_optional(cancel, RUNS, "cancel_requested_at")?,
        ],
    })
}
