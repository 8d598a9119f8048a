//! The statement that takes deliveries, as each engine does it best. It looks at no more of a webhook's
//! deliveries than that webhook may have under way, whether ten of them are due or ten thousand.

use sea_orm::DbBackend;

use crate::time::now_sql;

/// The statement. Its values are the present moment of the program, how many a webhook may have under way, how
/// many are taken in all, and the length of the lease. Each webhook's oldest come first; those that have the
/// fewest under way come before the others.
pub(super) fn text(backend: DbBackend) -> String {
    let clock = now_sql(backend);
    let (parts, key) = match backend {
        DbBackend::Sqlite => (on_sqlite(clock), "rowid"),
        _ => (on_postgres(clock), "workspace_id, id"),
    };
    format!(
        "WITH RECURSIVE {parts}
        UPDATE webhook_deliveries
        SET attempt = attempt + 1, lease_until = {clock} + $4
        WHERE ({key}) IN (SELECT {key} FROM picked)
        RETURNING *"
    )
}

/// Which deliveries of a webhook `h` may be taken, the oldest first, and no more than it may have under way.
fn first(clock: &str, index: &str) -> String {
    format!(
        "FROM webhook_deliveries x {index}
        WHERE x.workspace_id = h.workspace_id AND x.webhook_id = h.webhook_id AND x.state = 'pending'
            AND x.next_attempt_at <= $1 AND (x.lease_until IS NULL OR x.lease_until <= {clock})
        ORDER BY x.next_attempt_at, x.id LIMIT $2"
    )
}

/// How many each webhook has under way, and the place of those that may be taken behind them.
fn ranked(clock: &str, index: &str) -> String {
    format!(
        "busy AS (
            SELECT workspace_id, webhook_id, count(*) AS held FROM webhook_deliveries {index}
            WHERE lease_until > {clock} AND state = 'pending' GROUP BY workspace_id, webhook_id
        ), ranked AS (
            SELECT q.*, coalesce(b.held, 0) + row_number() OVER (
                PARTITION BY q.workspace_id, q.webhook_id ORDER BY q.next_attempt_at, q.id) AS place
            FROM first q LEFT JOIN busy b ON b.workspace_id = q.workspace_id AND b.webhook_id = q.webhook_id
        )"
    )
}

/// A receiver that asked for time is left alone.
const NOT_PAUSED: &str = "w.workspace_id = h.workspace_id AND w.id = h.webhook_id
                AND (w.paused_until IS NULL OR w.paused_until <= $1)";

/// The webhooks for which something waits are found by one step through the index for each. What is looked at again
/// under its lock, since another one may have had it meanwhile, is looked up by its key: words that the index of what
/// waits goes by would make PostgreSQL read that as a whole, as long as it believes that little waits.
fn on_postgres(clock: &str) -> String {
    let (first, ranked) = (first(clock, ""), ranked(clock, ""));
    format!(
        "waiting (workspace_id, webhook_id) AS (
            (SELECT q.workspace_id, q.webhook_id FROM webhook_deliveries q WHERE q.state = 'pending'
            ORDER BY q.workspace_id, q.webhook_id LIMIT 1)
            UNION ALL
            SELECT n.workspace_id, n.webhook_id FROM waiting h CROSS JOIN LATERAL (
                SELECT q.workspace_id, q.webhook_id FROM webhook_deliveries q
                WHERE q.state = 'pending' AND (q.workspace_id, q.webhook_id) > (h.workspace_id, h.webhook_id)
                ORDER BY q.workspace_id, q.webhook_id LIMIT 1
            ) n
        ), first AS (
            SELECT q.* FROM waiting h JOIN webhook_endpoints w ON {NOT_PAUSED}
            CROSS JOIN LATERAL (SELECT x.workspace_id, x.webhook_id, x.id, x.next_attempt_at {first}) q
        ), {ranked}, ordered AS MATERIALIZED (
            SELECT workspace_id, id FROM ranked WHERE place <= $2
            ORDER BY place, next_attempt_at, id LIMIT $3 + {OTHERS}
        ), picked AS (
            SELECT d.workspace_id, d.id
            FROM unnest(ARRAY(SELECT workspace_id FROM ordered), ARRAY(SELECT id FROM ordered))
                WITH ORDINALITY AS k (workspace_id, id, turn)
            JOIN webhook_deliveries d ON d.workspace_id = k.workspace_id AND d.id = k.id
            WHERE d.next_attempt_at <= $1 AND (d.lease_until IS NULL OR d.lease_until <= {clock})
            ORDER BY k.turn
            LIMIT $3 FOR UPDATE OF d SKIP LOCKED
        )"
    )
}

/// How many the other claims of a moment may have locked, at most, for this one to find others. (They go
/// through arrays for the reason that the claim of runs gives.)
const OTHERS: u32 = 256;

/// It has no `LATERAL`, joins in the order in which it is told to, and has one writer, which this is. It compares a
/// pair with an index only if the other side is no column: hence the `+`.
fn on_sqlite(clock: &str) -> String {
    let first = first(clock, QUEUE);
    let ranked = ranked(clock, "INDEXED BY webhook_deliveries_held");
    format!(
        "waiting (at) AS (
            SELECT * FROM (
                SELECT q.rowid FROM webhook_deliveries q {QUEUE} WHERE q.state = 'pending'
                ORDER BY q.workspace_id, q.webhook_id LIMIT 1
            ) one
            UNION ALL
            SELECT (
                SELECT q.rowid FROM webhook_deliveries q {QUEUE}
                WHERE q.state = 'pending' AND (q.workspace_id, q.webhook_id) > (+d.workspace_id, +d.webhook_id)
                ORDER BY q.workspace_id, q.webhook_id LIMIT 1
            ) FROM waiting CROSS JOIN webhook_deliveries d ON d.rowid = at
        ), first AS (
            SELECT q.workspace_id, q.webhook_id, q.id, q.next_attempt_at, q.rowid
            FROM waiting CROSS JOIN webhook_deliveries h ON h.rowid = at
            CROSS JOIN webhook_endpoints w ON {NOT_PAUSED}
            CROSS JOIN webhook_deliveries q ON q.rowid IN (SELECT x.rowid {first})
        ), {ranked}, picked AS (
            SELECT rowid FROM ranked WHERE place <= $2 ORDER BY place, next_attempt_at, id LIMIT $3
        )"
    )
}

/// What is over stays for a long time: left to itself, SQLite reads all of it, in an order that spares it the
/// sorting of the little that waits.
const QUEUE: &str = "INDEXED BY webhook_deliveries_queue";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite;

    /// (What PostgreSQL chooses depends on what is in the table.)
    #[tokio::test]
    async fn sqlite_steps_from_webhook_to_webhook_and_reads_the_first_few_of_each() {
        let values = [1_i64, 2, 3, 4].map(Into::into);
        let mut steps = sqlite::steps(&text(DbBackend::Sqlite), values).await;
        steps.retain(|step| step.contains("USING") && !step.contains("B-TREE"));
        let queue = "webhook_deliveries_queue";
        let expected = [
            "SEARCH webhook_deliveries USING INTEGER PRIMARY KEY (rowid=?)".to_owned(),
            // The first of all, of which there is one.
            format!("SCAN q USING COVERING INDEX {queue}"),
            "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)".to_owned(),
            format!("SEARCH q USING COVERING INDEX {queue} ((workspace_id,webhook_id)>(?,?))"),
            "SCAN webhook_deliveries USING INDEX webhook_deliveries_held".to_owned(),
            "SEARCH h USING INTEGER PRIMARY KEY (rowid=?)".to_owned(),
            "SEARCH w USING INDEX sqlite_autoindex_webhook_endpoints_1 (workspace_id=? AND id=?)".to_owned(),
            "SEARCH q USING INTEGER PRIMARY KEY (rowid=?)".to_owned(),
            format!("SEARCH x USING INDEX {queue} (workspace_id=? AND webhook_id=? AND next_attempt_at<?)"),
            "SEARCH b USING AUTOMATIC COVERING INDEX (workspace_id=? AND webhook_id=?) LEFT-JOIN".to_owned(),
        ];
        assert_eq!(steps, expected);
    }
}
