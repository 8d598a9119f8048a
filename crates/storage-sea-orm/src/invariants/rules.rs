//! Rules that one statement can judge row by row. Each selects the rows that break it.

use kernel::StoreError;
use sea_orm::{ConnectionTrait as _, DbBackend};
use uuid::Uuid;

use super::{
    Invariant, Looker, Promise,
    walk::{get, next_part, rows},
};
use crate::time::{micros, now_sql};

/// A rule over rows.
struct Rule {
    promise: Promise,
    /// The table that is walked by its key, as `t`. Nothing for rules over a set that is small by itself.
    over: Option<&'static str>,
    /// Selects `workspace_id` and `subject`, both ids. Ends in a condition, so that the part can be added.
    sql: String,
}

pub(super) fn count() -> u64 {
    all(&Times::default()).len() as u64
}

pub(super) async fn look(looker: &mut Looker<'_>) -> Result<(), StoreError> {
    for rule in all(&Times::of(looker)) {
        match rule.over {
            None => one_look(looker, &rule).await?,
            Some(table) => every_part(looker, &rule, table).await?,
        }
    }
    Ok(())
}

async fn one_look(looker: &mut Looker<'_>, rule: &Rule) -> Result<(), StoreError> {
    report(looker, rule, &rule.sql, Vec::new()).await
}

async fn every_part(looker: &mut Looker<'_>, rule: &Rule, table: &str) -> Result<(), StoreError> {
    let sql = format!(
        "{} AND (t.workspace_id, t.id) > ($1, $2) AND (t.workspace_id, t.id) <= ($3, $4)",
        rule.sql
    );
    let mut after = (Uuid::nil(), Uuid::nil());
    while let Some((from, until)) = next_part(looker.database, table, after, looker.options.batch).await? {
        let part = [from.0, from.1, until.0, until.1];
        report(looker, rule, &sql, part.map(Into::into).to_vec()).await?;
        after = until;
    }
    Ok(())
}

async fn report(
    looker: &mut Looker<'_>,
    rule: &Rule,
    sql: &str,
    values: Vec<sea_orm::Value>,
) -> Result<(), StoreError> {
    for row in rows(looker.database, sql, values).await? {
        let workspace: Uuid = get(&row, "workspace_id")?;
        let subject: Uuid = get(&row, "subject")?;
        looker.violated(rule.promise, Some(workspace), subject.to_string());
    }
    Ok(())
}

/// Moments, as SQL.
#[derive(Default)]
struct Times {
    /// Queued runs that are older should have been ended.
    queued_too_long: String,
    /// Leases that ended before should have been swept.
    lease_long_over: String,
    /// Groups that are older should have children.
    settled: String,
}

impl Times {
    fn of(looker: &Looker<'_>) -> Self {
        let backend: DbBackend = looker.database.readers().get_database_backend();
        let (now, slack) = (now_sql(backend), micros(looker.options.slack));
        let queue = &looker.options.queue;
        Self {
            queued_too_long: format!("{now} - {}", micros(queue.queue_timeout).saturating_add(slack)),
            lease_long_over: format!("{now} - {}", micros(queue.lease * 2)),
            settled: format!("{now} - {slack}"),
        }
    }
}

fn all(times: &Times) -> Vec<Rule> {
    [active(times), owners(), references()]
        .into_iter()
        .flatten()
        .collect()
}

const RUNS: &str = "GET the run and its timeline; `tenantatlas doctor` says what keeps it";

/// Rules over what is active. An index keeps that set small.
fn active(times: &Times) -> Vec<Rule> {
    let Times {
        queued_too_long,
        lease_long_over,
        settled,
    } = times;
    let rule = |invariant, check, what, look, sql: String| Rule {
        promise: Promise {
            invariant,
            check,
            what,
            look,
        },
        over: None,
        sql,
    };
    vec![
        rule(
            Invariant::V2,
            "scope_held_twice",
            "a run is active on a scope that an earlier run holds",
            "compare both runs: SELECT * FROM operation_runs with its scope_key and status queued or running",
            "SELECT t.workspace_id, t.id AS subject FROM operation_runs t
            WHERE t.status IN ('queued', 'running') AND EXISTS (
                SELECT 1 FROM operation_runs o WHERE o.status IN ('queued', 'running')
                    AND o.workspace_id = t.workspace_id AND o.scope_key = t.scope_key
                    AND (o.created_at, o.id) < (t.created_at, t.id))"
                .to_owned(),
        ),
        rule(
            Invariant::V10,
            "queued_beyond_its_time",
            "a run waits for longer than a run may, and no sweep ended it",
            RUNS,
            format!(
                "SELECT workspace_id, id AS subject FROM operation_runs
                WHERE completed_at IS NULL AND status = 'queued'
                    AND coalesce(queued_at, created_at) < {queued_too_long}"
            ),
        ),
        rule(
            Invariant::V10,
            "lease_long_over",
            "a run is running although its worker has been silent for two leases and more",
            RUNS,
            format!(
                "SELECT workspace_id, id AS subject FROM operation_runs
                WHERE completed_at IS NULL AND status = 'running' AND lease_until < {lease_long_over}"
            ),
        ),
        rule(
            Invariant::V10,
            "group_without_work",
            "a group is active although none of its runs is",
            RUNS,
            format!(
                "SELECT t.workspace_id, t.id AS subject FROM operation_runs t
                WHERE t.status IN ('queued', 'running') AND t.kind = 'group' AND t.created_at < {settled}
                    AND coalesce(t.heartbeat_at, 0) < {settled}
                    AND NOT EXISTS (SELECT 1 FROM operation_runs c WHERE c.workspace_id = t.workspace_id
                        AND c.parent_run_id = t.id
                        AND (c.status IN ('queued', 'running') OR c.completed_at >= {settled}))"
            ),
        ),
    ]
}

/// Who answers for a workspace, and what stands for others.
fn owners() -> Vec<Rule> {
    vec![
        Rule {
            promise: Promise {
                invariant: Invariant::V13,
                check: "no_owner",
                what: "a workspace has no owner, so nobody can grant a role in it",
                look: "SELECT * FROM members with its workspace_id; make one of them owner by hand",
            },
            over: None,
            sql: "SELECT w.id AS workspace_id, w.id AS subject FROM workspaces w WHERE NOT EXISTS
                (SELECT 1 FROM members m WHERE m.workspace_id = w.id AND m.role = 'owner')"
                .to_owned(),
        },
        Rule {
            promise: Promise {
                invariant: Invariant::V13,
                check: "two_defaults",
                what: "a connection is the default beside another one of its environment and provider",
                look: "switch the default connection of the environment: the switch leaves one",
            },
            over: Some("provider_connections"),
            sql: "SELECT t.workspace_id, t.id AS subject FROM provider_connections t
                WHERE t.is_default AND EXISTS (SELECT 1 FROM provider_connections o WHERE o.is_default
                    AND o.workspace_id = t.workspace_id AND o.environment_id = t.environment_id
                    AND o.provider = t.provider AND o.id < t.id)"
                .to_owned(),
        },
    ]
}

/// Rows that lead to runs.
fn references() -> Vec<Rule> {
    let missing = |check, what, table: &'static str, column: &str| Rule {
        promise: Promise {
            invariant: Invariant::V13,
            check,
            what,
            look: "rows were deleted around the program, or foreign keys were off: restore them from a backup",
        },
        over: Some(table),
        sql: format!(
            "SELECT t.workspace_id, t.id AS subject FROM {table} t WHERE NOT EXISTS
                (SELECT 1 FROM operation_runs r WHERE r.workspace_id = t.workspace_id AND r.id = t.{column})"
        ),
    };
    vec![
        missing(
            "item_without_run",
            "an item was last seen by a run that is not there",
            "inventory_items",
            "last_seen_run_id",
        ),
        missing(
            "snapshot_without_run",
            "a compliance snapshot was taken by a run that is not there",
            "compliance_snapshots",
            "run_id",
        ),
        Rule {
            promise: Promise {
                invariant: Invariant::V13,
                check: "resume_point_of_no_active_run",
                what: "a resume point is kept for a run that is over or not there",
                look: "it is sealed and harmless; delete the row of run_resume_points",
            },
            // One for each active run: few.
            over: None,
            sql: "SELECT p.workspace_id, p.run_id AS subject FROM run_resume_points p WHERE NOT EXISTS
                (SELECT 1 FROM operation_runs r WHERE r.workspace_id = p.workspace_id AND r.id = p.run_id
                    AND r.status IN ('queued', 'running'))"
                .to_owned(),
        },
    ]
}
