//! What follows from requests and events: kept answers, deliveries with their attempts, notifications. Each
//! finds its old end through the index that its readers use.

use kernel::StoreError;
use operations::retention::PruneStep;
use sea_orm::DbBackend;
use uuid::Uuid;

use super::prune::{Batch, Done, anywhere, get};
use crate::time::to_micros;

impl Batch {
    /// Deliveries that are over, with their attempts. Their webhooks are held against deletion, which removes the
    /// same rows in the same order; what somebody else holds is left to the next time.
    pub(super) async fn deliveries(&self, step: &PruneStep<'_>) -> Result<Done, StoreError> {
        let lock = match self.backend() {
            DbBackend::Postgres => "FOR KEY SHARE OF w SKIP LOCKED FOR UPDATE OF d SKIP LOCKED",
            _ => "",
        };
        let sql = format!(
            "SELECT d.id, d.finished_at AS at FROM webhook_endpoints w JOIN webhook_deliveries d
                ON d.workspace_id = w.workspace_id AND d.webhook_id = w.id AND d.created_at < $2
            WHERE w.workspace_id = $1 AND d.finished_at < $2 LIMIT {} {lock}",
            step.batch
        );
        let (gone, newest) = self.old(&sql, step).await?;
        self.remove_where("webhook_attempts", "delivery_id", &gone)
            .await?;
        let removed = self.remove_where("webhook_deliveries", "id", &gone).await?;
        Ok(done(step, removed, newest))
    }

    /// Kept answers whose time was over long ago. A key that is used again has a new time: the deletion
    /// looks at it again.
    pub(super) async fn answers(&self, step: &PruneStep<'_>) -> Result<Done, StoreError> {
        let sql = format!(
            "DELETE FROM idempotency_records WHERE workspace_id = $1 AND expires_at < $2
                AND (principal_id, request_key) IN (
                    SELECT principal_id, request_key FROM idempotency_records
                    WHERE workspace_id = $1 AND expires_at < $2 LIMIT {})",
            step.batch
        );
        let before = to_micros(step.before);
        let removed = self
            .execute(&sql, vec![self.workspace.into(), before.into()])
            .await?;
        Ok(done(step, removed, before))
    }

    /// Notifications, reader by reader: that is the order in which they are indexed.
    pub(super) async fn notifications(&self, step: &PruneStep<'_>) -> Result<Done, StoreError> {
        let next = "SELECT n.principal_id FROM notifications n WHERE n.workspace_id = $1";
        let sql = format!(
            "WITH RECURSIVE readers (id) AS (
                SELECT * FROM ({next} ORDER BY n.principal_id LIMIT 1) first
                UNION ALL
                SELECT ({next} AND n.principal_id > r.id ORDER BY n.principal_id LIMIT 1) FROM readers r
                WHERE r.id IS NOT NULL
            )
            SELECT n.id, n.created_at AS at FROM readers r JOIN notifications n
                ON n.workspace_id = $1 AND n.principal_id = r.id AND n.created_at < $2 LIMIT {}",
            step.batch
        );
        let (gone, newest) = self.old(&sql, step).await?;
        let removed = self.remove_where("notifications", "id", &gone).await?;
        Ok(done(step, removed, newest))
    }

    /// The ids that a statement finds, and the latest of their times.
    async fn old(&self, sql: &str, step: &PruneStep<'_>) -> Result<(Vec<Uuid>, i64), StoreError> {
        let values = vec![self.workspace.into(), to_micros(step.before).into()];
        let (mut ids, mut newest) = (Vec::new(), i64::MIN);
        for row in self.rows(sql, values).await? {
            ids.push(get(&row, "id")?);
            newest = newest.max(get(&row, "at")?);
        }
        Ok((ids, newest))
    }
}

fn done(step: &PruneStep<'_>, removed: u64, newest: i64) -> Done {
    Done {
        removed,
        newest,
        next: (removed >= u64::from(step.batch)).then_some(anywhere(step)),
    }
}
