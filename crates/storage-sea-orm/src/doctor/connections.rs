//! Connections that cannot be used, and credentials that cannot be used for much longer.

use kernel::StoreError;
use uuid::Uuid;

use super::{Finding, MOST, Severity};
use crate::{
    database::Database,
    invariants::walk::{get, rows},
    time::to_micros,
};

/// How long before its end a credential is listed, in microseconds: two weeks.
const SOON: i64 = 14 * 86_400_000_000;

pub(super) async fn look(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    credentials(database, findings).await?;
    blocked(database, findings).await
}

async fn credentials(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let now = to_micros(database.context().clock.now());
    let sql = format!(
        "SELECT workspace_id, connection_id, expires_at, undecryptable, created_at FROM provider_credentials
        WHERE stage = 'current' AND (undecryptable OR expires_at < $1) ORDER BY expires_at LIMIT {MOST}"
    );
    for row in rows(database, &sql, vec![(now + SOON).into()]).await? {
        let ends: Option<i64> = get(&row, "expires_at")?;
        let (code, severity, why, next) = if get(&row, "undecryptable")? {
            (
                "credential_undecryptable",
                Severity::Attention,
                "the credential of the connection cannot be decrypted".to_owned(),
                "store a new credential, or bring the missing key back and check the connection",
            )
        } else if ends.is_some_and(|ends| ends <= now) {
            (
                "credential_expired",
                Severity::Attention,
                "the credential of the connection has come to its end".to_owned(),
                "store a new credential",
            )
        } else {
            let days = (ends.unwrap_or(now) - now) / 86_400_000_000;
            (
                "credential_expiring",
                Severity::Note,
                format!("the credential of the connection comes to its end in {days} days"),
                "store the next credential, check it and promote it",
            )
        };
        let finding = Finding::of(code, severity, why, next)
            .about(get(&row, "workspace_id")?, get::<Uuid>(&row, "connection_id")?);
        findings.push(match ends {
            Some(ends) if code != "credential_undecryptable" => finding.since(ends),
            _ => finding,
        });
    }
    Ok(())
}

async fn blocked(database: &Database, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT workspace_id, id, consent_state, verification_state, verification_since,
            coalesce(verification_reason, consent_reason) AS reason FROM provider_connections
        WHERE deleted_at IS NULL AND is_enabled
            AND (verification_state IN ('blocked', 'error') OR consent_state IN ('failed', 'revoked'))
        ORDER BY verification_since, id LIMIT {MOST}"
    );
    for row in rows(database, &sql, Vec::new()).await? {
        let reason: Option<String> = get(&row, "reason")?;
        findings.push(
            Finding::of(
                "connection_blocked",
                Severity::Note,
                format!(
                    "verification {}, consent {}, for {}",
                    get::<String>(&row, "verification_state")?,
                    get::<String>(&row, "consent_state")?,
                    reason.unwrap_or_else(|| "no recorded reason".to_owned())
                ),
                "the connection's surface summary names the one next step",
            )
            .about(get(&row, "workspace_id")?, get::<Uuid>(&row, "id")?)
            .since(get(&row, "verification_since")?),
        );
    }
    Ok(())
}
