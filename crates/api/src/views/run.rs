//! Operation runs as callers see them.

use chrono::{DateTime, Utc};
use kernel::Timestamp;
use operations::{
    ActionTimes, GroupTally, OperationDefinition, OperationRun, RunAction, RunContext, RunFailure,
    RunOutcome, RunState, RunStatus, SummaryCounts, Waiting, context::NotAssessed,
};
use provider_core::{Progress, ReasonCode};
use serde::Serialize;
use serde_json::{Map, Value};
use tenancy::Role;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    list_views,
    run_verdicts::{ExecutionGateView, ReconciliationView},
    scope::{NextStepView, TargetScopeView, step_views},
    verification::VerificationReportView,
};

/// An operation run: one operation on one target, from its start to its end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperationRun)]
pub(crate) struct RunView {
    /// Its id.
    id: Uuid,
    /// What it does.
    #[schema(example = "inventory.sync")]
    operation_type: &'static str,
    /// The same for people.
    label: &'static str,
    /// `queued`, `running` or `completed`.
    status: &'static str,
    /// `pending` while the run is active; then `succeeded`, `partially_succeeded`, `blocked`,
    /// `failed` or `canceled`.
    outcome: &'static str,
    /// The environment that it belongs to; nothing for a run of the workspace as a whole.
    environment_id: Option<Uuid>,
    /// What caused it: `api`, `bulk`, `schedule`, `consent` or `system`.
    #[schema(example = "api")]
    trigger: &'static str,
    /// The group that it was started with.
    parent_run_id: Option<Uuid>,
    /// The schedule that started it.
    schedule_id: Option<Uuid>,
    /// The connection that it uses; nothing if it was blocked for want of one.
    connection_id: Option<Uuid>,
    /// Who started it. A deduplicated start does not change it.
    initiator: InitiatorView,
    /// How many attempts there have been.
    attempt: i32,
    /// `fresh_active`, `likely_stale`, `reconciled_failed` or `terminal_normal`.
    freshness: &'static str,
    /// What this caller may do with it at present: `cancel`, `force_cancel`, `release`, `retry`
    /// (start the same again with `retry_of`).
    #[schema(example = json!(["cancel"]))]
    allowed_actions: Vec<&'static str>,
    /// How far it is; nothing while that is not known.
    progress: Option<ProgressView>,
    /// Its counts, by key; every key of the operation type once the run is over. `succeeded` and
    /// `failed` count the checks of a connection check and the controls of a compliance snapshot:
    /// a control that is not met does not make the run fail.
    #[schema(value_type = BTreeMap<String, u64>)]
    counts: SummaryCounts,
    /// What went wrong.
    failures: Vec<FailureView>,
    /// Why it was blocked, failed or is incomplete.
    reason_code: Option<&'static str>,
    /// What to do about it.
    next_steps: Vec<NextStepView>,
    /// What it was about and what it found.
    context: RunContextView,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When the first attempt began.
    started_at: Option<DateTime<Utc>>,
    /// When the worker last gave a sign of life; while it runs.
    heartbeat_at: Option<DateTime<Utc>>,
    /// When it ended.
    completed_at: Option<DateTime<Utc>>,
    /// Before when no worker takes it.
    not_before: Option<DateTime<Utc>>,
    /// What it waits for before it goes on; nothing while it works. Once `until` has passed, it waits
    /// for a free worker alone.
    waiting_for: Option<WaitView>,
    /// When somebody asked for its end.
    cancel_requested_at: Option<DateTime<Utc>>,
    /// From when on it may be forced to its end; nothing while nobody asked for its end.
    force_cancel_available_at: Option<DateTime<Utc>>,
    /// The run that this one tries again.
    retry_of: Option<Uuid>,
}

/// Why a run waits that has begun before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunWait)]
struct WaitView {
    /// A code of `GET /api/v1/reason-codes`.
    #[schema(example = "provider_throttled")]
    reason_code: &'static str,
    /// The catalogue's words.
    message: &'static str,
    /// Since when.
    since: DateTime<Utc>,
    /// When it can go on at the earliest.
    until: Option<DateTime<Utc>>,
}

/// Who started a run, as he was named then.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Initiator)]
struct InitiatorView {
    /// The name at that time.
    label: String,
    /// The principal; nothing for the system's own runs.
    principal_id: Option<Uuid>,
}

/// How far a run is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
struct ProgressView {
    /// Done so far.
    processed: u64,
    /// All there is.
    total: u64,
}

/// What went wrong, in the catalogue's words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunFailure)]
struct FailureView {
    /// A code of `GET /api/v1/reason-codes`.
    code: &'static str,
    /// The catalogue's words.
    message: &'static str,
}

/// What a run was about and what it found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunContext)]
struct RunContextView {
    /// The target as it was when the run was made.
    #[schema(value_type = Option<TargetScopeView>)]
    target_scope: Option<Value>,
    /// The provider's own detail. Its keys are the provider's and not part of this contract.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    provider_context: Map<String, Value>,
    /// What a connection check found.
    verification_report: Option<VerificationReportView>,
    /// Parts that were not assessed, each with its reason. Never counted against the target.
    not_assessed: Vec<NotAssessedView>,
    /// How a run whose worker was gone came to its end.
    reconciliation: Option<ReconciliationView>,
    /// For a group: what became of the starts that it holds together.
    group: Option<GroupTallyView>,
    /// Why it was refused when a worker looked at it again; nothing if it was not.
    execution_gate: Option<ExecutionGateView>,
}

/// How many environments of a start over many came to what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupTally)]
struct GroupTallyView {
    /// New runs: the group's own.
    accepted: u32,
    /// The same operation was active already.
    deduplicated: u32,
    /// Another operation held the target.
    scope_busy: u32,
    /// Stored facts forbade it.
    blocked: u32,
    /// There is no such environment.
    not_found: u32,
}

/// A part that could not be looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotAssessed)]
struct NotAssessedView {
    /// The part.
    part: String,
    /// Why.
    reason_code: &'static str,
}

list_views! {
    /// Runs, newest first.
    OperationRunList of RunView;
}

impl RunView {
    /// The run as it stands at `now`, for a caller with this role.
    pub(crate) fn of(run: OperationRun, now: Timestamp, role: Role, actions: ActionTimes) -> Self {
        let definition = run.operation_type.definition();
        let (freshness, status) = (run.freshness(now), run.status());
        let open =
            |action: &RunAction| role.holds(run.capability_for(*action)) && run.allows(*action, actions, now);
        let open = RunAction::ALL.into_iter().filter(open);
        let allowed_actions = open.map(RunAction::as_str).collect();
        let force_cancel_available_at = run.force_cancel_available_at(actions);
        let times = Times::of(&run.state());
        Self {
            id: run.id.as_uuid(),
            operation_type: definition.code,
            label: definition.label,
            status: status.as_str(),
            outcome: run.outcome().map_or(RunOutcome::PENDING, RunOutcome::as_str),
            environment_id: run.place.environment_id().map(|id| id.as_uuid()),
            trigger: run.trigger.as_str(),
            parent_run_id: run.trigger.parent().map(|id| id.as_uuid()),
            schedule_id: run.trigger.schedule().map(|id| id.as_uuid()),
            connection_id: run.target().map(|target| target.connection_id.as_uuid()),
            initiator: InitiatorView {
                label: run.initiator.label,
                principal_id: run.initiator.principal_id.map(|id| id.as_uuid()),
            },
            attempt: run.attempt,
            freshness: freshness.as_str(),
            allowed_actions,
            progress: run.progress.map(ProgressView::from),
            counts: with_zeroes(&definition, status, run.counts),
            failures: run.failures.iter().map(FailureView::from).collect(),
            reason_code: run.context.reason_code.map(ReasonCode::as_str),
            next_steps: step_views(run.context.steps()),
            context: RunContextView::from(run.context),
            created_at: run.created_at,
            started_at: times.started,
            heartbeat_at: times.heartbeat,
            completed_at: times.completed,
            not_before: run.not_before,
            waiting_for: run.waiting.map(|waiting| WaitView::of(waiting, run.not_before)),
            cancel_requested_at: run.cancel_requested_at,
            force_cancel_available_at,
            retry_of: run.trigger.retry_of().map(|id| id.as_uuid()),
        }
    }
}

/// The times that only some states have.
struct Times {
    started: Option<Timestamp>,
    heartbeat: Option<Timestamp>,
    completed: Option<Timestamp>,
}

impl Times {
    const fn of(state: &RunState) -> Self {
        match *state {
            RunState::Queued => Self {
                started: None,
                heartbeat: None,
                completed: None,
            },
            RunState::Running {
                started_at,
                heartbeat_at,
                lease_until: _,
            } => Self {
                started: Some(started_at),
                heartbeat: Some(heartbeat_at),
                completed: None,
            },
            RunState::Gathering { started_at } => Self {
                started: Some(started_at),
                heartbeat: None,
                completed: None,
            },
            RunState::Completed {
                outcome: _,
                started_at,
                completed_at,
            } => Self {
                started: started_at,
                heartbeat: None,
                completed: Some(completed_at),
            },
        }
    }
}

impl WaitView {
    fn of(waiting: Waiting, until: Option<Timestamp>) -> Self {
        let failure = RunFailure::of(waiting.reason);
        Self {
            reason_code: waiting.reason.as_str(),
            message: failure.message(),
            since: waiting.since,
            until,
        }
    }
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        let Progress { processed, total } = progress;
        Self { processed, total }
    }
}

impl From<&RunFailure> for FailureView {
    fn from(failure: &RunFailure) -> Self {
        Self {
            code: failure.code().as_str(),
            message: failure.message(),
        }
    }
}

impl From<RunContext> for RunContextView {
    fn from(context: RunContext) -> Self {
        let RunContext {
            target_scope,
            provider_context,
            reason_code: _,
            next_steps: _,
            verification_report,
            not_assessed,
            reconciliation,
            group,
            execution_gate,
        } = context;
        Self {
            target_scope,
            provider_context: provider_context.0,
            verification_report: verification_report.as_ref().map(VerificationReportView::from),
            not_assessed: not_assessed.into_iter().map(NotAssessedView::from).collect(),
            reconciliation: reconciliation.map(ReconciliationView::from),
            group: group.map(GroupTallyView::from),
            execution_gate: execution_gate.map(ExecutionGateView::from),
        }
    }
}

impl From<GroupTally> for GroupTallyView {
    fn from(tally: GroupTally) -> Self {
        let GroupTally {
            accepted,
            deduplicated,
            scope_busy,
            blocked,
            not_found,
        } = tally;
        Self {
            accepted,
            deduplicated,
            scope_busy,
            blocked,
            not_found,
        }
    }
}

impl From<NotAssessed> for NotAssessedView {
    fn from(part: NotAssessed) -> Self {
        let NotAssessed { part, reason_code } = part;
        Self {
            part,
            reason_code: reason_code.as_str(),
        }
    }
}

/// A count of nothing is 0 and not absent, once the run is over.
fn with_zeroes(
    definition: &OperationDefinition,
    status: RunStatus,
    mut counts: SummaryCounts,
) -> SummaryCounts {
    if !status.is_active() {
        for key in definition.count_keys {
            counts.add(*key, 0);
        }
    }
    counts
}
