//! Which rows of which history go. Each finds its old end through an index and looks at no more rows than
//! the batch has.
//!
//! What may lead to a run was gone through one by one. These keep it, because they say what is true now:
//! items (the run that saw them last), snapshots, attempts at calls that are kept, the axes and the
//! permissions of a connection, a credential that was tried, children that are kept. These do not, because they
//! say what was: events, audit events, histories, `retry_of`, items' first sight and last change.

use operations::RetentionKind;

/// A history that is walked by a time and an id.
pub(super) struct History {
    pub(super) table: &'static str,
    /// By which it is walked. Never later than the time that decides.
    pub(super) time: &'static str,
    /// Of the rows `t` that are old enough by `time`, which ones go. `$2` is the cutoff.
    pub(super) goes: String,
}

/// The history of a kind; nothing for those that are pruned in a way of their own.
pub(super) fn history(kind: RetentionKind) -> Option<History> {
    let all = |table, time| {
        Some(History {
            table,
            time,
            goes: "TRUE".to_owned(),
        })
    };
    match kind {
        RetentionKind::Events
        | RetentionKind::ExpiryNotices
        | RetentionKind::WebhookDeliveries
        | RetentionKind::IdempotencyRecords
        | RetentionKind::Notifications => None,
        RetentionKind::CallAttempts => all("call_attempts", "occurred_at"),
        RetentionKind::ConnectionHistory => all("connection_history", "occurred_at"),
        RetentionKind::ConsentLinks => all("consent_links", "expires_at"),
        RetentionKind::AuditEvents => all("audit_events", "occurred_at"),
        RetentionKind::Snapshots => Some(History {
            table: "compliance_snapshots",
            time: "taken_at",
            // The newest of each connection is what its target looks like.
            goes: "EXISTS (SELECT 1 FROM compliance_snapshots n WHERE n.workspace_id = t.workspace_id
                AND n.connection_id = t.connection_id AND (n.taken_at, n.id) > (t.taken_at, t.id))"
                .to_owned(),
        }),
        RetentionKind::Runs => Some(History {
            table: "operation_runs",
            time: "created_at",
            goes: format!(
                "t.status = 'completed' AND t.completed_at < $2 AND {}",
                unreferred()
            ),
        }),
    }
}

/// Tables and columns that keep a run. A test holds them against the foreign keys of the schema.
pub(super) const KEEPS_A_RUN: [(&str, &str); 4] = [
    ("inventory_items", "last_seen_run_id"),
    ("compliance_snapshots", "run_id"),
    ("call_attempts", "run_id"),
    ("run_resume_points", "run_id"),
];

fn unreferred() -> String {
    let mut conditions: Vec<_> = KEEPS_A_RUN
        .iter()
        .map(|(table, column)| {
            format!(
                "NOT EXISTS (SELECT 1 FROM {table} x WHERE x.workspace_id = t.workspace_id AND x.{column} = t.id)"
            )
        })
        .collect();
    conditions.push(
        "NOT EXISTS (SELECT 1 FROM operation_runs c WHERE c.workspace_id = t.workspace_id AND c.parent_run_id = t.id)"
            .to_owned(),
    );
    // What a run found out about its own connection.
    conditions.push(
        "NOT EXISTS (SELECT 1 FROM provider_connections p WHERE p.workspace_id = t.workspace_id
            AND p.id = t.connection_id AND (p.consent_run_id = t.id OR p.verification_run_id = t.id))"
            .to_owned(),
    );
    for (table, column) in [
        ("connection_requirements", "run_id"),
        ("provider_credentials", "checked_run_id"),
    ] {
        conditions.push(format!(
            "NOT EXISTS (SELECT 1 FROM {table} x WHERE x.workspace_id = t.workspace_id
                AND x.connection_id = t.connection_id AND x.{column} = t.id)"
        ));
    }
    conditions.join(" AND ")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// What goes with its run, by the foreign key itself.
    const GOES_WITH_A_RUN: [(&str, &str); 1] = [("notifications", "run_id")];

    /// Whoever adds a foreign key onto runs decides whether it keeps them, or pruning fails.
    #[test]
    fn every_foreign_key_onto_runs_is_decided() {
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migration/schema.sqlite.sql");
        let schema = fs::read_to_string(schema).expect("the golden schema");
        let mut found = BTreeSet::new();
        for table in schema.split("CREATE TABLE ").skip(1) {
            let name = table.split('"').nth(1).expect("a name");
            for key in table.split("FOREIGN KEY (").skip(1) {
                if key.contains("REFERENCES \"operation_runs\"")
                    && key.find("REFERENCES") == key.find("REFERENCES \"operation_runs\"")
                {
                    let columns = key.split(')').next().expect("columns");
                    let column = columns.split('"').rev().nth(1).expect("the last column");
                    found.insert((name.to_owned(), column.to_owned()));
                }
            }
        }
        let decided = KEEPS_A_RUN.iter().chain(&GOES_WITH_A_RUN);
        let decided = decided.map(|(table, column)| ((*table).to_owned(), (*column).to_owned()));
        assert_eq!(found, decided.collect());
    }
}
