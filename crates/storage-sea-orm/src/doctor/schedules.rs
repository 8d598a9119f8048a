//! Schedules that do not go on: turns that nobody took, and those that the system paused.

use kernel::StoreError;
use operations::OperationType;
use uuid::Uuid;

use super::{DoctorOptions, Finding, MOST, Severity, seconds};
use sea_orm::ConnectionTrait as _;

use crate::{
    database::Database,
    invariants::walk::{get, rows},
    time::{micros, now_sql},
};

pub(super) async fn look(
    database: &Database,
    options: &DoctorOptions,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    overdue(database, options, findings).await?;
    paused(database, findings).await
}

async fn overdue(
    database: &Database,
    options: &DoctorOptions,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let now = now_sql(database.readers().get_database_backend());
    let sql = format!(
        "SELECT workspace_id, id, operation_type, next_due_at, {now} AS now FROM schedules
        WHERE state = 'active' AND next_due_at < {now} - {} ORDER BY next_due_at, id LIMIT {MOST}",
        micros(options.patience)
    );
    for row in rows(database, &sql, Vec::new()).await? {
        let due: i64 = get(&row, "next_due_at")?;
        let finding = if OperationType::parse(&get::<String>(&row, "operation_type")?).is_none() {
            Finding::of(
                "schedule_unknown_type",
                Severity::Attention,
                "a later version of the program made it, and this one does not know its type".to_owned(),
                "start processes of that version",
            )
        } else {
            Finding::of(
                "schedule_overdue",
                Severity::Attention,
                format!(
                    "its turn is due for {} seconds and nobody took it",
                    seconds(get::<i64>(&row, "now")? - due)
                ),
                "see that a `serve` or `worker` process runs, and look into its log for `a turn was not taken`",
            )
        };
        findings.push(
            finding
                .about(get(&row, "workspace_id")?, get::<Uuid>(&row, "id")?)
                .since(due),
        );
    }
    Ok(())
}

/// What a person paused is as it should be.
async fn paused(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT workspace_id, id, paused_reason, last_turn_at FROM schedules
        WHERE state = 'paused' AND paused_reason IS NOT NULL ORDER BY last_turn_at, id LIMIT {MOST}"
    );
    for row in rows(database, &sql, Vec::new()).await? {
        let finding = Finding::of(
            "schedule_paused",
            Severity::Attention,
            format!("the system paused it for {}", get::<String>(&row, "paused_reason")?),
            "mend the cause, then resume the schedule: it does not go on by itself, and from then on in the name of whoever resumes it",
        )
        .about(get(&row, "workspace_id")?, get::<Uuid>(&row, "id")?);
        findings.push(match get::<Option<i64>>(&row, "last_turn_at")? {
            Some(at) => finding.since(at),
            None => finding,
        });
    }
    Ok(())
}
