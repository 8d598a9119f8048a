//! Notifications against the ends of runs, both ways: whoever started a run is told of its end once, and
//! nobody is told of anything else. That it is once is the unique index's business.

use kernel::{Id, StoreError};
use operations::{RunOutcome, RunTrigger, is_told};
use provider_core::RunId;
use tenancy::AuditAction;
use uuid::Uuid;

use super::{
    Invariant, Looker, Promise, marks,
    walk::{get, next_part, rows},
};

pub(super) const CHECKS: u64 = 2;

const NOT_TOLD: Promise = Promise {
    invariant: Invariant::V8,
    check: "end_without_notification",
    what: "the end of a run has its number, and whoever started the run was not told",
    look: "SELECT * FROM outbox_events with subject_id = the run; notifications are written with the number of its end",
};

const TOLD_WRONGLY: Promise = Promise {
    invariant: Invariant::V8,
    check: "notification_of_no_end",
    what: "somebody was told of an end that is not there, is another one, or is not his to be told of",
    look: "compare the row of notifications with the run that it names: rows were changed around the program",
};

pub(super) async fn look(looker: &mut Looker<'_>) -> Result<(), StoreError> {
    let told = told_of("r");
    let unwanted = format!(
        "SELECT t.workspace_id, t.run_id AS subject FROM notifications t
        LEFT JOIN operation_runs r ON r.workspace_id = t.workspace_id AND r.id = t.run_id
        WHERE (r.id IS NULL OR r.status <> 'completed' OR r.outcome <> t.outcome
            OR r.operation_type <> t.operation_type OR coalesce(r.initiator_principal_id <> t.principal_id, TRUE)
            OR NOT ({told}))"
    );
    for (workspace, run) in broken(looker, "notifications", &unwanted).await? {
        looker.violated(TOLD_WRONGLY, Some(workspace), run.to_string());
    }
    let told = told_of("t");
    let missing = format!(
        "SELECT t.workspace_id, t.id AS subject FROM operation_runs t
        JOIN members m ON m.workspace_id = t.workspace_id AND m.principal_id = t.initiator_principal_id
            AND m.created_at <= t.completed_at
        WHERE t.status = 'completed' AND ({told}) AND NOT EXISTS
            (SELECT 1 FROM notifications n WHERE n.workspace_id = t.workspace_id AND n.run_id = t.id)
            AND NOT EXISTS (SELECT 1 FROM retention_marks k WHERE k.workspace_id = t.workspace_id
                AND k.kind = 'notifications' AND k.pruned_until >= t.completed_at)"
    );
    for (workspace, run) in broken(looker, "operation_runs", &missing).await? {
        if looker.has_room(NOT_TOLD) && owed(looker, workspace, run).await? {
            looker.violated(NOT_TOLD, Some(workspace), run.to_string());
        }
    }
    Ok(())
}

/// The rows of a table, walked by its key as `t`, that a statement finds.
async fn broken(looker: &Looker<'_>, table: &str, sql: &str) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
    let sql = format!("{sql} AND (t.workspace_id, t.id) > ($1, $2) AND (t.workspace_id, t.id) <= ($3, $4)");
    let (mut found, mut after) = (Vec::new(), (Uuid::nil(), Uuid::nil()));
    while let Some((from, until)) = next_part(looker.database, table, after, looker.options.batch).await? {
        let part = [from.0, from.1, until.0, until.1].map(Into::into).to_vec();
        for row in rows(looker.database, &sql, part).await? {
            found.push((get(&row, "workspace_id")?, get(&row, "subject")?));
        }
        after = until;
    }
    Ok(found)
}

/// Whether the end of the run has its number and nothing that was told of it can have been pruned. Looks in
/// one statement at the end and at what was told.
async fn owed(looker: &Looker<'_>, workspace: Uuid, run: Uuid) -> Result<bool, StoreError> {
    let sql =
        "SELECT e.kind, e.created_at FROM outbox_events e WHERE e.workspace_id = $1 AND e.subject_id = $2
            AND e.subject_kind = 'operation_run' AND e.sequence IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM notifications n WHERE n.workspace_id = $1 AND n.run_id = $3)";
    let values = vec![workspace.into(), run.to_string().into(), run.into()];
    let mark = marks::of(looker.database, workspace).await?.notifications;
    for row in rows(looker.database, sql, values).await? {
        let ends = AuditAction::parse(&get::<String>(&row, "kind")?).is_some_and(AuditAction::ends_a_run);
        if ends && get::<i64>(&row, "created_at")? > mark {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Of which runs that are over somebody is told, in SQL: the rule of the product, case by case. `t` is the name
/// of the table.
fn told_of(t: &str) -> String {
    let nobody = Uuid::nil();
    let (alone, within) = ("IS NULL", "IS NOT NULL");
    let triggers = [
        (RunTrigger::Api { retry_of: None }, alone),
        (RunTrigger::Bulk { parent: None }, alone),
        (
            RunTrigger::Bulk {
                parent: Some(RunId::from_uuid(nobody)),
            },
            within,
        ),
        (RunTrigger::Schedule(Id::from_uuid(nobody)), alone),
        (RunTrigger::Consent, alone),
        (RunTrigger::System, alone),
    ];
    let mut cases = Vec::new();
    for (trigger, parent) in triggers {
        for outcome in RunOutcome::ALL {
            for began in [true, false] {
                // What the gate refuses never begins, and nothing else that is blocked has not begun.
                let action = match (outcome, began) {
                    (RunOutcome::Blocked, false) => AuditAction::OperationBlocked,
                    _ => AuditAction::OperationCompleted,
                };
                if is_told(action, trigger, outcome) {
                    cases.push(format!(
                        "({t}.trigger_kind = '{}' AND {t}.parent_run_id {parent} AND {t}.outcome = '{}'
                            AND {t}.started_at {})",
                        trigger.as_str(),
                        outcome.as_str(),
                        if began { "IS NOT NULL" } else { "IS NULL" }
                    ));
                }
            }
        }
    }
    cases.join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_told_of_some_runs_and_nobody_of_the_systems() {
        let told = told_of("r");
        for case in ["r.trigger_kind = 'api'", "r.trigger_kind = 'schedule'"] {
            assert!(told.contains(case), "{told}");
        }
        for case in ["'system'", "'consent'", "parent_run_id IS NOT NULL"] {
            assert!(!told.contains(case), "{told}");
        }
    }
}
