//! One batch of pruning: one short transaction, begun with the fence and ended with the counts, so that what
//! a run says it removed is what is gone.

use async_trait::async_trait;
use kernel::{Position, StoreError, Timestamp};
use operations::{
    CountKey, Retention, RetentionKind, RetentionSettings, RunLease, SummaryCounts,
    retention::{PruneStep, Pruned},
};
use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Statement, TryGetable, Value};
use tenancy::WorkspaceId;
use uuid::Uuid;

use super::{
    histories::{History, history},
    turns,
};
use crate::{
    bounded::Tx,
    database::Database,
    error::OrStoreError as _,
    time::{from_micros, now_sql, to_micros},
};

#[async_trait]
impl Retention for Database {
    async fn due(
        &self,
        settings: &RetentionSettings,
        now: Timestamp,
    ) -> Result<Vec<(WorkspaceId, Timestamp)>, StoreError> {
        turns::due(self, settings, now).await
    }

    async fn prune(&self, lease: &RunLease, step: &PruneStep<'_>) -> Result<Pruned, StoreError> {
        let db = Batch {
            db: self.transaction().await?,
            workspace: lease.workspace_id.as_uuid(),
        };
        db.by_index().await?;
        match db.hold(lease).await? {
            None => return Ok(Pruned::Lost),
            Some(true) => return Ok(Pruned::CancelRequested),
            Some(false) => {}
        }
        let done = match (step.kind, history(step.kind)) {
            (_, Some(history)) => db.history(&history, step).await?,
            (RetentionKind::Events, None) => db.events(step).await?,
            (RetentionKind::WebhookDeliveries, None) => db.deliveries(step).await?,
            (RetentionKind::IdempotencyRecords, None) => db.answers(step).await?,
            (RetentionKind::Notifications, None) => db.notifications(step).await?,
            (_, None) => db.notices(step).await?,
        };
        let mut counts = step.counts.clone();
        counts.add(CountKey::Pruned, done.removed);
        counts.add(step.kind.count_key(), done.removed);
        if done.removed > 0 {
            db.count(lease, &counts).await?;
            db.mark(step.kind, done.newest).await?;
        }
        db.db.commit().await.or_store_error()?;
        Ok(Pruned::Batch {
            counts,
            next: done.next,
        })
    }
}

/// What a batch came to.
pub(super) struct Done {
    pub(super) removed: u64,
    /// The latest time of a row that was removed.
    pub(super) newest: i64,
    pub(super) next: Option<Position>,
}

pub(super) struct Batch {
    db: Tx,
    pub(super) workspace: Uuid,
}

impl Batch {
    pub(super) fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    pub(super) async fn rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        self.db.query_all_raw(statement).await.or_store_error()
    }

    pub(super) async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let done = self.db.execute_raw(statement).await.or_store_error()?;
        Ok(done.rows_affected())
    }

    /// For this transaction, PostgreSQL goes by indexes. Where one run saw all items last, it expects to find
    /// any run among them at once, and reads the whole table for each run that is not there.
    async fn by_index(&self) -> Result<(), StoreError> {
        if self.backend() == DbBackend::Postgres {
            self.execute("SET LOCAL enable_seqscan = off", Vec::new()).await?;
        }
        Ok(())
    }

    /// Holds the run against everybody else until the transaction ends. Nothing if it is lost; otherwise
    /// whether somebody asked for its end.
    async fn hold(&self, lease: &RunLease) -> Result<Option<bool>, StoreError> {
        let sql = format!(
            "UPDATE operation_runs SET heartbeat_at = {} WHERE workspace_id = $1 AND id = $2 AND attempt = $3
                AND status = 'running' RETURNING cancel_requested_at IS NOT NULL AS cancel_requested",
            now_sql(self.backend())
        );
        let values = vec![
            self.workspace.into(),
            lease.run_id.as_uuid().into(),
            lease.attempt.into(),
        ];
        let rows = self.rows(&sql, values).await?;
        rows.first().map(|row| get(row, "cancel_requested")).transpose()
    }

    async fn count(&self, lease: &RunLease, counts: &SummaryCounts) -> Result<(), StoreError> {
        let counts = serde_json::to_value(counts).expect("the counts serialize");
        let sql = "UPDATE operation_runs SET counts = $3 WHERE workspace_id = $1 AND id = $2";
        let values = vec![
            self.workspace.into(),
            lease.run_id.as_uuid().into(),
            counts.into(),
        ];
        self.execute(sql, values).await?;
        Ok(())
    }

    /// What is not younger than this may be gone from now on.
    async fn mark(&self, kind: RetentionKind, newest: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO retention_marks (workspace_id, kind, pruned_until) VALUES ($1, $2, $3)
            ON CONFLICT (workspace_id, kind) DO UPDATE SET pruned_until = excluded.pruned_until
            WHERE retention_marks.pruned_until < excluded.pruned_until";
        let values = vec![self.workspace.into(), kind.as_str().into(), newest.into()];
        self.execute(sql, values).await?;
        Ok(())
    }

    async fn history(&self, history: &History, step: &PruneStep<'_>) -> Result<Done, StoreError> {
        let History { table, time, goes } = history;
        let sql = format!(
            "SELECT t.id, t.{time} AS at, {goes} AS goes FROM {table} t
            WHERE t.workspace_id = $1 AND t.{time} < $2 AND (t.{time}, t.id) > ($3, $4)
            ORDER BY t.{time}, t.id LIMIT {}",
            step.batch
        );
        let (at, id) = match step.after {
            Some(Position { at, id }) => (to_micros(at), id),
            None => (i64::MIN, Uuid::nil()),
        };
        let values = vec![
            self.workspace.into(),
            to_micros(step.before).into(),
            at.into(),
            id.into(),
        ];
        let rows = self.rows(&sql, values).await?;
        let (mut gone, mut newest) = (Vec::new(), i64::MIN);
        for row in &rows {
            if get(row, "goes")? {
                gone.push(get::<Uuid>(row, "id")?);
                newest = newest.max(get(row, "at")?);
            }
        }
        let next = match rows.last() {
            Some(row) if rows.len() as u64 >= u64::from(step.batch) => Some(Position {
                at: from_micros(get(row, "at")?, table, time)?,
                id: get(row, "id")?,
            }),
            Some(_) | None => None,
        };
        Ok(Done {
            removed: self.remove_where(table, "id", &gone).await?,
            newest,
            next,
        })
    }

    /// Removes the rows whose `column` is one of `ids`.
    pub(super) async fn remove_where(
        &self,
        table: &str,
        column: &str,
        ids: &[Uuid],
    ) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let places: Vec<_> = (2..ids.len() + 2).map(|place| format!("${place}")).collect();
        let sql = format!(
            "DELETE FROM {table} WHERE workspace_id = $1 AND {column} IN ({})",
            places.join(", ")
        );
        let mut values = vec![self.workspace.into()];
        values.extend(ids.iter().copied().map(Value::from));
        self.execute(&sql, values).await
    }

    /// The beginning of the stream, up to the first event that is young enough or on its way to a webhook: what
    /// is sent is read from the event. Events without a number are no
    /// part of it yet. The row of the stream is taken first, as publishers do.
    async fn events(&self, step: &PruneStep<'_>) -> Result<Done, StoreError> {
        let nothing = Done {
            removed: 0,
            newest: i64::MIN,
            next: None,
        };
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR UPDATE",
            _ => "",
        };
        let sql = format!("SELECT first_kept FROM event_streams WHERE workspace_id = $1 {lock}");
        let Some(first) = self
            .rows(&sql, vec![self.workspace.into()])
            .await?
            .first()
            .map(|row| get::<i64>(row, "first_kept"))
            .transpose()?
        else {
            return Ok(nothing);
        };
        // SQLite joins in this order: a few webhooks, and of each the delivery of this event.
        let sql = format!(
            "SELECT e.sequence, e.created_at, EXISTS (SELECT 1 FROM webhook_endpoints w CROSS JOIN webhook_deliveries d
                WHERE w.workspace_id = e.workspace_id AND d.workspace_id = w.workspace_id AND d.webhook_id = w.id
                    AND d.event_id = e.id AND d.state = 'pending') AS on_its_way
            FROM outbox_events e WHERE e.workspace_id = $1 AND e.sequence >= $2
            ORDER BY e.sequence LIMIT {}",
            step.batch
        );
        let rows = self.rows(&sql, vec![self.workspace.into(), first.into()]).await?;
        let (mut last, mut newest) = (None, i64::MIN);
        for row in &rows {
            let at: i64 = get(row, "created_at")?;
            if at >= to_micros(step.before) || get(row, "on_its_way")? {
                break;
            }
            last = Some(get::<i64>(row, "sequence")?);
            newest = newest.max(at);
        }
        let Some(last) = last else {
            return Ok(nothing);
        };
        let move_on = "UPDATE event_streams SET first_kept = $2 WHERE workspace_id = $1";
        self.execute(move_on, vec![self.workspace.into(), (last + 1).into()])
            .await?;
        let delete =
            "DELETE FROM outbox_events WHERE workspace_id = $1 AND sequence >= $2 AND sequence <= $3";
        let removed = self
            .execute(delete, vec![self.workspace.into(), first.into(), last.into()])
            .await?;
        let more = removed >= u64::from(step.batch);
        Ok(Done {
            removed,
            newest,
            next: more.then_some(anywhere(step)),
        })
    }

    /// Notes of ends that are long over. They have no id of their own.
    async fn notices(&self, step: &PruneStep<'_>) -> Result<Done, StoreError> {
        let sql = format!(
            "DELETE FROM expiry_notices WHERE workspace_id = $1 AND (subject, expires_at, threshold_days) IN (
                SELECT subject, expires_at, threshold_days FROM expiry_notices
                WHERE workspace_id = $1 AND expires_at < $2 LIMIT {})",
            step.batch
        );
        let values = vec![self.workspace.into(), to_micros(step.before).into()];
        let removed = self.execute(&sql, values).await?;
        let more = removed >= u64::from(step.batch);
        Ok(Done {
            removed,
            newest: to_micros(step.before),
            next: more.then_some(anywhere(step)),
        })
    }
}

/// Where to go on when what was looked at is gone: at the beginning.
pub(super) fn anywhere(step: &PruneStep<'_>) -> Position {
    Position {
        at: step.before,
        id: Uuid::nil(),
    }
}

pub(super) fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    row.try_get("", column).or_store_error()
}
