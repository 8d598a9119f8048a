//! Until when histories were pruned: what is older may be gone and proves nothing.

use kernel::StoreError;
use uuid::Uuid;

use super::walk::{get, rows};
use crate::database::Database;

/// The marks of one workspace, in microseconds. What is not after a mark may be gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) audit: i64,
    pub(super) events: i64,
    pub(super) runs: i64,
    pub(super) deliveries: i64,
    pub(super) notifications: i64,
}

pub(super) async fn of(database: &Database, workspace: Uuid) -> Result<Marks, StoreError> {
    let sql = "SELECT kind, pruned_until FROM retention_marks WHERE workspace_id = $1";
    let mut marks = Marks {
        audit: i64::MIN,
        events: i64::MIN,
        runs: i64::MIN,
        deliveries: i64::MIN,
        notifications: i64::MIN,
    };
    for row in rows(database, sql, vec![workspace.into()]).await? {
        let until: i64 = get(&row, "pruned_until")?;
        match get::<String>(&row, "kind")?.as_str() {
            "audit_events" => marks.audit = until,
            "events" => marks.events = until,
            "runs" => marks.runs = until,
            "webhook_deliveries" => marks.deliveries = until,
            "notifications" => marks.notifications = until,
            _ => {}
        }
    }
    Ok(marks)
}
