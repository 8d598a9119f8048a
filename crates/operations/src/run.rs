//! An operation run and its states. The row is the job: there is no second record of the work.
//!
//! ```text
//! queued -> running -> completed     (succeeded, partially_succeeded, blocked, failed, canceled)
//!    ^         |  ^
//!    +---------+  lease lost or handed back: the same run, still active, the scope still held
//! ```
//!
//! Nothing leads out of `completed`. A retry is a new run that names the old one.

mod group;
mod status;

use std::time::Duration;

use kernel::Timestamp;
use provider_core::{ConnectionId, Progress, ReasonCode, RunId};
use serde_json::{Map, Value};
use tenancy::{Actor, ChangeTarget, EnvironmentId, PrincipalId, WorkspaceId};

pub use self::group::{ChildOutcomes, GroupTally};
pub use self::status::{Freshness, RunOutcome, RunStatus, StatusGroup, audit_outcome};
use crate::{OperationType, RunContext, RunFailure, ScheduleId, SummaryCounts};

/// The state of a run, with what only that state has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Running {
        /// When the first attempt began.
        started_at: Timestamp,
        /// When the worker last gave a sign of life.
        heartbeat_at: Timestamp,
        /// Until when the worker's claim holds without one.
        lease_until: Timestamp,
    },
    /// A group whose runs are not all over. Nobody works at it, so it has no lease.
    Gathering {
        /// When they were started.
        started_at: Timestamp,
    },
    /// Over.
    Completed {
        /// How.
        outcome: RunOutcome,
        /// When the first attempt began; nothing if none did.
        started_at: Option<Timestamp>,
        /// When it ended.
        completed_at: Timestamp,
    },
}

impl RunState {
    /// Where the run stands.
    pub const fn status(&self) -> RunStatus {
        match self {
            Self::Queued => RunStatus::Queued,
            Self::Running { .. } | Self::Gathering { .. } => RunStatus::Running,
            Self::Completed { .. } => RunStatus::Completed,
        }
    }
}

/// Who started a run, as he was named then. A deduplicated start does not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiator {
    /// The principal; nothing for the system's own runs.
    pub principal_id: Option<PrincipalId>,
    /// The name at that time.
    pub label: String,
}

impl From<&Actor> for Initiator {
    fn from(actor: &Actor) -> Self {
        Self {
            principal_id: actor.principal_id(),
            label: actor.label().to_owned(),
        }
    }
}

/// What a run works on. Pinned when the run is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTarget {
    /// The connection.
    pub connection_id: ConnectionId,
    /// What at most one active run may hold.
    pub scope_key: String,
}

/// Where a run belongs, and what it holds there while it is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunPlace {
    /// An environment of the workspace.
    Environment {
        /// Which.
        environment_id: EnvironmentId,
        /// What it works on there; nothing if it was blocked for want of a connection.
        target: Option<RunTarget>,
    },
    /// The workspace as a whole.
    Workspace {
        /// What at most one active run may hold.
        scope_key: String,
    },
}

impl RunPlace {
    /// The environment, if it is one.
    pub const fn environment_id(&self) -> Option<EnvironmentId> {
        match self {
            Self::Environment { environment_id, .. } => Some(*environment_id),
            Self::Workspace { .. } => None,
        }
    }

    /// The connection and its target, if the run goes through one.
    pub const fn target(&self) -> Option<&RunTarget> {
        match self {
            Self::Environment { target, .. } => target.as_ref(),
            Self::Workspace { .. } => None,
        }
    }

    /// What at most one active run may hold.
    pub fn scope_key(&self) -> Option<&str> {
        match self {
            Self::Environment { target, .. } => target.as_ref().map(|target| target.scope_key.as_str()),
            Self::Workspace { scope_key } => Some(scope_key),
        }
    }
}

/// What caused a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunTrigger {
    /// A caller started it.
    Api {
        /// The run that it tries again.
        retry_of: Option<RunId>,
    },
    /// A caller started the same over several environments.
    Bulk {
        /// The group that it belongs to; nothing for the group itself.
        parent: Option<RunId>,
    },
    /// A schedule started it.
    Schedule(ScheduleId),
    /// A consent page came back.
    Consent,
    /// The system itself.
    System,
}

impl RunTrigger {
    /// The stable strings of all triggers.
    pub const ALL: [&'static str; 5] = ["api", "bulk", "schedule", "consent", "system"];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api { .. } => "api",
            Self::Bulk { .. } => "bulk",
            Self::Schedule(_) => "schedule",
            Self::Consent => "consent",
            Self::System => "system",
        }
    }

    /// The run that this one tries again.
    pub const fn retry_of(self) -> Option<RunId> {
        match self {
            Self::Api { retry_of } => retry_of,
            Self::Bulk { .. } | Self::Schedule(_) | Self::Consent | Self::System => None,
        }
    }

    /// The group that the run belongs to.
    pub const fn parent(self) -> Option<RunId> {
        match self {
            Self::Bulk { parent } => parent,
            Self::Api { .. } | Self::Schedule(_) | Self::Consent | Self::System => None,
        }
    }

    /// The schedule that started the run.
    pub const fn schedule(self) -> Option<ScheduleId> {
        match self {
            Self::Schedule(schedule) => Some(schedule),
            Self::Api { .. } | Self::Bulk { .. } | Self::Consent | Self::System => None,
        }
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRun {
    /// The workspace around it.
    pub workspace_id: WorkspaceId,
    /// Where it belongs, and what it holds there.
    pub place: RunPlace,
    /// What caused it.
    pub trigger: RunTrigger,
    /// Its id.
    pub id: RunId,
    /// What it does.
    pub operation_type: OperationType,
    /// The operation identity: equal for a start of the same thing.
    pub identity_hash: String,
    /// What the caller asked for beyond the type.
    pub inputs: Map<String, Value>,
    /// Who started it.
    pub initiator: Initiator,
    /// Where it stands. Read it through [`OperationRun::state`]; it changes only by transition.
    state: RunState,
    /// How many attempts there have been. The fence: a write of an older attempt is refused.
    pub attempt: i32,
    /// What it was about and what it found.
    pub context: RunContext,
    /// Its counts.
    pub counts: SummaryCounts,
    /// What went wrong.
    pub failures: Vec<RunFailure>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Before when no worker takes it.
    pub not_before: Option<Timestamp>,
    /// Why and since when it waits, if a worker handed it back.
    pub waiting: Option<Waiting>,
    /// How long it waited before because the provider asked for it, all times together. It is not
    /// counted as work.
    pub waited: Duration,
    /// When somebody asked for its end.
    pub cancel_requested_at: Option<Timestamp>,
}

/// The wait of a run that a worker handed back for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Why it waits.
    pub reason: ReasonCode,
    /// When it was handed back.
    pub since: Timestamp,
}

impl Waiting {
    /// Reasons for which a wait is not counted as work: the provider asked for it. Whatever else keeps
    /// a run waiting is a fault that somebody has to mend, and its time is limited like work's.
    pub const PAUSES: [ReasonCode; 1] = [ReasonCode::ProviderThrottled];

    /// Whether a wait for this reason is one that the provider asked for.
    pub fn is_pause(reason: ReasonCode) -> bool {
        Self::PAUSES.contains(&reason)
    }
}

/// The transition is not one of the diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {} cannot do this", from.as_str())]
pub struct InvalidTransition {
    /// Where the run stands.
    pub from: RunStatus,
}

/// The end of a run. Made by [`OperationRun::complete`] and by nothing else, so a repository
/// cannot be asked to end a run that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    outcome: RunOutcome,
    /// The context to store.
    pub context: RunContext,
    /// The counts to store.
    pub counts: SummaryCounts,
    failures: Vec<RunFailure>,
}

impl Completion {
    /// How the run ends.
    pub const fn outcome(&self) -> RunOutcome {
        self.outcome
    }

    /// What went wrong.
    pub fn failures(&self) -> &[RunFailure] {
        &self.failures
    }
}

/// Everything about a new run but its state.
pub struct NewRun {
    /// The workspace around it.
    pub workspace_id: WorkspaceId,
    /// Where it belongs, and what it holds there.
    pub place: RunPlace,
    /// What caused it.
    pub trigger: RunTrigger,
    /// Its id.
    pub id: RunId,
    /// What it does.
    pub operation_type: OperationType,
    /// The operation identity.
    pub identity_hash: String,
    /// What the caller asked for beyond the type.
    pub inputs: Map<String, Value>,
    /// Who started it.
    pub initiator: Initiator,
    /// What it is about.
    pub context: RunContext,
    /// When it was made.
    pub created_at: Timestamp,
}

impl OperationRun {
    /// A run that waits for a worker.
    pub fn queued(new: NewRun) -> Self {
        Self::with_state(new, RunState::Queued)
    }

    /// A run that records why a start was refused.
    pub fn blocked(new: NewRun, reason: ReasonCode) -> Self {
        let completed_at = new.created_at;
        let state = RunState::Completed {
            outcome: RunOutcome::Blocked,
            started_at: None,
            completed_at,
        };
        let mut run = Self::with_state(new, state);
        run.context = run.context.because(reason);
        run.failures = vec![RunFailure::of(reason)];
        run
    }

    /// For the store: a run as its row says.
    pub fn restore(new: NewRun, state: RunState) -> Self {
        Self::with_state(new, state)
    }

    fn with_state(new: NewRun, state: RunState) -> Self {
        Self {
            workspace_id: new.workspace_id,
            place: new.place,
            trigger: new.trigger,
            id: new.id,
            operation_type: new.operation_type,
            identity_hash: new.identity_hash,
            inputs: new.inputs,
            initiator: new.initiator,
            state,
            attempt: 0,
            context: new.context,
            counts: SummaryCounts::default(),
            failures: Vec::new(),
            progress: None,
            created_at: new.created_at,
            not_before: None,
            waiting: None,
            waited: Duration::ZERO,
            cancel_requested_at: None,
        }
    }

    /// What it works on, through which connection; nothing if it goes through none.
    pub const fn target(&self) -> Option<&RunTarget> {
        self.place.target()
    }

    /// Where the run stands, with what only that state has.
    pub const fn state(&self) -> RunState {
        self.state
    }

    /// Where the run stands.
    pub const fn status(&self) -> RunStatus {
        self.state.status()
    }

    /// How the run ended; nothing while it is active.
    pub const fn outcome(&self) -> Option<RunOutcome> {
        match self.state {
            RunState::Completed { outcome, .. } => Some(outcome),
            RunState::Queued | RunState::Running { .. } | RunState::Gathering { .. } => None,
        }
    }

    /// The end of this run, if it has not ended yet. Only a queued run can be canceled without
    /// a word of its worker.
    pub fn complete(
        &self,
        outcome: RunOutcome,
        context: RunContext,
        counts: SummaryCounts,
        failures: Vec<RunFailure>,
    ) -> Result<Completion, InvalidTransition> {
        match self.state {
            RunState::Queued | RunState::Running { .. } | RunState::Gathering { .. } => Ok(Completion {
                outcome,
                context,
                counts,
                failures,
            }),
            RunState::Completed { .. } => Err(InvalidTransition {
                from: RunStatus::Completed,
            }),
        }
    }

    /// The end of this run for one reason.
    pub fn end_because(
        &self,
        outcome: RunOutcome,
        reason: ReasonCode,
    ) -> Result<Completion, InvalidTransition> {
        let context = self.context.clone().because(reason);
        self.complete(
            outcome,
            context,
            self.counts.clone(),
            vec![RunFailure::of(reason)],
        )
    }

    /// For how long it was worked at, up to `now`: since its first attempt began, without the time
    /// for which the provider made it wait.
    pub fn worked(&self, now: Timestamp) -> Duration {
        match self.state {
            RunState::Running { started_at, .. } => {
                let since = (now - started_at).to_std().unwrap_or(Duration::ZERO);
                since.saturating_sub(self.waited)
            }
            RunState::Queued | RunState::Gathering { .. } | RunState::Completed { .. } => Duration::ZERO,
        }
    }

    /// Whether what the run says of itself can be trusted at `now`.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        match self.state {
            RunState::Running { lease_until, .. } if lease_until < now => Freshness::LikelyStale,
            RunState::Queued | RunState::Running { .. } | RunState::Gathering { .. } => {
                Freshness::FreshActive
            }
            RunState::Completed { .. } if self.context.reconciliation.is_some() => {
                Freshness::ReconciledFailed
            }
            RunState::Completed { .. } => Freshness::TerminalNormal,
        }
    }
}

/// How a run is named in the journal.
pub fn change_target(run: &OperationRun) -> ChangeTarget {
    ChangeTarget {
        kind: "operation_run",
        id: run.id.to_string(),
        label: run.operation_type.definition().label.to_owned(),
    }
}

#[cfg(test)]
#[path = "run/tests.rs"]
mod tests;
