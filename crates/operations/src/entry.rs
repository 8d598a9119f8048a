//! What the journal says about a start, whoever asked for it.

use tenancy::{AuditAction, AuditOutcome, ChangeTarget};

use crate::{OperationRun, audit_outcome, change_target};

/// The journal's entry for a run on its way to the gate, without who and when.
pub struct StartEntry {
    /// What was done.
    pub action: AuditAction,
    /// How it went.
    pub outcome: AuditOutcome,
    /// The run.
    pub target: ChangeTarget,
    /// Neutral facts.
    pub facts: Vec<(&'static str, String)>,
}

impl StartEntry {
    /// The entry for `run` as it was prepared.
    pub fn of(run: &OperationRun) -> Self {
        let mut facts = vec![
            ("operation_type", run.operation_type.as_str().to_owned()),
            ("trigger", run.trigger.as_str().to_owned()),
        ];
        let named = [
            (
                "environment_id",
                run.place.environment_id().map(|id| id.to_string()),
            ),
            (
                "connection_id",
                run.target().map(|target| target.connection_id.to_string()),
            ),
            ("parent_run_id", run.trigger.parent().map(|id| id.to_string())),
            ("schedule_id", run.trigger.schedule().map(|id| id.to_string())),
            (
                "reason_code",
                run.context.reason_code.map(|reason| reason.as_str().to_owned()),
            ),
        ];
        facts.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let (action, outcome) = match run.outcome() {
            None => (AuditAction::OperationAccepted, AuditOutcome::Success),
            // A group that has no runs is over, and was not refused.
            Some(outcome) if run.operation_type.is_group() => {
                facts.push(("outcome", outcome.as_str().to_owned()));
                (AuditAction::OperationCompleted, audit_outcome(outcome))
            }
            Some(_) => (AuditAction::OperationBlocked, AuditOutcome::Failure),
        };
        Self {
            action,
            outcome,
            target: change_target(run),
            facts,
        }
    }
}
