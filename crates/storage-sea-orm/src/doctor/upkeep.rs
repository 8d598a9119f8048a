//! What processes do beside runs: numbering events, keeping house, holding the keys.

use kernel::StoreError;
use uuid::Uuid;

use super::{Finding, MOST, Severity, seconds};
use sea_orm::ConnectionTrait as _;

use crate::{
    database::Database,
    invariants::walk::{get, rows},
    keys::{KeyAdmin, KeyState},
    time::{now_sql, to_micros},
};

/// After how long an event should have its number, in microseconds.
const NUMBERED: i64 = 60_000_000;

/// Events that wait for their number.
pub(super) async fn events(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let now = now_sql(database.readers().get_database_backend());
    let sql = format!(
        "SELECT workspace_id, count(*) AS waiting, min(created_at) AS oldest, {now} AS now FROM outbox_events
        WHERE sequence IS NULL GROUP BY workspace_id HAVING min(created_at) < {now} - {NUMBERED} ORDER BY 3 LIMIT {MOST}"
    );
    for row in rows(database, &sql, Vec::new()).await? {
        let (workspace, oldest): (Uuid, i64) = (get(&row, "workspace_id")?, get(&row, "oldest")?);
        let age = seconds(get::<i64>(&row, "now")? - oldest);
        findings.push(
            Finding::of(
                "events_without_number",
                Severity::Attention,
                format!(
                    "{} events wait for their number, the oldest for {age} seconds: nobody publishes, and feed and \
                     notifications stand still",
                    get::<i64>(&row, "waiting")?
                ),
                "see that at least one `serve` or `worker` process runs: each of them publishes",
            )
            .about(workspace, workspace)
            .since(oldest),
        );
    }
    Ok(())
}

/// Turns of housekeeping that nobody took for more than a day.
pub(super) async fn housekeeping(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let late = to_micros(database.context().clock.now()) - 86_400_000_000;
    let sql = format!(
        "SELECT workspace_id, next_at FROM housekeeping_turns WHERE next_at < $1 ORDER BY next_at LIMIT {MOST}"
    );
    for row in rows(database, &sql, vec![late.into()]).await? {
        let (workspace, due): (Uuid, i64) = (get(&row, "workspace_id")?, get(&row, "next_at")?);
        findings.push(
            Finding::of(
                "housekeeping_late",
                Severity::Note,
                "what is older than it is kept has not been removed for more than a day after its time"
                    .to_owned(),
                "see that a process runs; nothing is removed where all of [retention] is 0",
            )
            .about(workspace, workspace)
            .since(due),
        );
    }
    Ok(())
}

/// Keys of this host's ring against those that the database knows.
pub(super) async fn keys(admin: &KeyAdmin, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    for line in admin.status().await?.keys {
        let needed = matches!(line.state, Some(KeyState::Active | KeyState::Registered));
        let (code, severity, why, next) = match (needed, line.in_file, line.matches) {
            (true, false, _) => (
                "key_missing",
                Severity::Attention,
                format!(
                    "the ring file of this host lacks a key that protects {} credentials and {} data keys",
                    line.usage.credentials, line.usage.data_keys
                ),
                "put its line back; if nobody has it, `tenantatlas keys forget` gives it up",
            ),
            (true, true, Some(false)) => (
                "key_differs",
                Severity::Attention,
                "the ring file of this host has another key under the name of one that the database knows"
                    .to_owned(),
                "put the right line back; processes with this file do not start",
            ),
            (false, true, None) => (
                "key_unregistered",
                Severity::Note,
                "the ring file of this host has a key that the database does not know; it is not used"
                    .to_owned(),
                "`tenantatlas keys add` registers it",
            ),
            _ => continue,
        };
        let mut finding = Finding::of(code, severity, why, next);
        finding.subject = Some(line.kid);
        findings.push(finding);
    }
    Ok(())
}
