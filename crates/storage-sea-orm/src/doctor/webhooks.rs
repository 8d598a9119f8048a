//! Webhooks to which nothing goes out, and deliveries that wait for longer than they should.

use kernel::StoreError;
use sea_orm::{ConnectionTrait as _, QueryResult};
use uuid::Uuid;

use super::{DoctorOptions, Finding, MOST, Severity, seconds};
use crate::{
    database::Database,
    invariants::walk::{get, rows},
    time::{micros, now_sql, to_micros},
};

pub(super) async fn look(
    database: &Database,
    options: &DoctorOptions,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    disabled(database, findings).await?;
    secrets(database, findings).await?;
    overdue(database, options, findings).await
}

/// What a person disabled is as it should be.
async fn disabled(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT workspace_id, id, disabled_reason, disabled_at FROM webhook_endpoints
        WHERE disabled_at IS NOT NULL AND disabled_reason <> 'by_request' ORDER BY disabled_at, id LIMIT {MOST}"
    );
    for row in rows(database, &sql, Vec::new()).await? {
        let gone = get::<String>(&row, "disabled_reason")? == "receiver_gone";
        let finding = if gone {
            Finding::of(
                "webhook_receiver_gone",
                Severity::Note,
                "the receiver answered 410, so the webhook was disabled and gets no events".to_owned(),
                "delete the webhook, or lead it elsewhere; enable it if the answer was a mistake",
            )
        } else {
            Finding::of(
                "webhook_disabled",
                Severity::Attention,
                "one delivery after another failed to its last attempt, so the webhook was disabled and gets no events"
                    .to_owned(),
                "the log of its deliveries names the failures; mend the receiver, enable the webhook, and replay what it missed",
            )
        };
        findings.push(
            finding
                .about(get(&row, "workspace_id")?, get::<Uuid>(&row, "id")?)
                .since(get(&row, "disabled_at")?),
        );
    }
    Ok(())
}

async fn secrets(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT workspace_id, webhook_id, created_at FROM webhook_secrets WHERE undecryptable AND expires_at IS NULL
        ORDER BY created_at, id LIMIT {MOST}"
    );
    for row in rows(database, &sql, Vec::new()).await? {
        findings.push(
            Finding::of(
                "webhook_secret_undecryptable",
                Severity::Attention,
                "the secret that signs for the webhook cannot be decrypted, so nothing is sent to it"
                    .to_owned(),
                "rotate the secret and give the new one to the receiver, or bring the missing key back",
            )
            .about(get(&row, "workspace_id")?, get::<Uuid>(&row, "webhook_id")?),
        );
    }
    Ok(())
}

/// What could have been sent for longer than patience lasts, webhook by webhook.
async fn overdue(
    database: &Database,
    options: &DoctorOptions,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    // When something is due stands on the program's clock, who holds it on the database's.
    let now = to_micros(database.context().clock.now());
    let clock = now_sql(database.readers().get_database_backend());
    let sql = format!(
        "SELECT d.workspace_id, d.webhook_id, w.paused_until, count(*) AS waiting, min(d.next_attempt_at) AS oldest,
            (SELECT count(*) FROM webhook_deliveries h WHERE h.state = 'pending' AND h.lease_until > {clock}) AS held
        FROM webhook_deliveries d
        JOIN webhook_endpoints w ON w.workspace_id = d.workspace_id AND w.id = d.webhook_id
        WHERE d.state = 'pending' AND d.next_attempt_at < $1 AND (d.lease_until IS NULL OR d.lease_until <= {clock})
        GROUP BY d.workspace_id, d.webhook_id, w.paused_until ORDER BY 5 LIMIT {MOST}"
    );
    let late = now - micros(options.patience);
    for row in rows(database, &sql, vec![late.into()]).await? {
        let finding = why(&row, now)?;
        findings.push(finding.about(get(&row, "workspace_id")?, get::<Uuid>(&row, "webhook_id")?));
    }
    Ok(())
}

fn why(row: &QueryResult, now: i64) -> Result<Finding, StoreError> {
    let (waiting, oldest): (i64, i64) = (get(row, "waiting")?, get(row, "oldest")?);
    let age = seconds(now - oldest);
    let paused: Option<i64> = get(row, "paused_until")?;
    let finding = if let Some(until) = paused.filter(|until| *until > now) {
        Finding::of(
            "deliveries_paused",
            Severity::Note,
            format!(
                "{waiting} deliveries wait: the receiver asked for a pause of {} seconds more",
                seconds(until - now)
            ),
            "nothing: they go on by themselves",
        )
    } else if get::<i64>(row, "held")? > 0 {
        Finding::of(
            "deliveries_behind",
            Severity::Note,
            format!("{waiting} deliveries wait, the oldest for {age} seconds, while others are under way"),
            "nothing, or a receiver that answers faster; more processes with a worker help where many webhooks are behind",
        )
    } else {
        Finding::of(
            "deliveries_overdue",
            Severity::Attention,
            format!(
                "{waiting} deliveries could be sent, the oldest for {age} seconds, and nothing is under way: nobody delivers"
            ),
            "start `tenantatlas worker`, or `serve` without --no-worker; look into the logs of those that run",
        )
    };
    Ok(finding.since(oldest))
}
