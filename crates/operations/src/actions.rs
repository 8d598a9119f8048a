//! What people may do with a run as it stands: cancel it, force its end, release it, try it again.
//! Only the state decides here; whether a role may do it is the caller's question. The store repeats
//! each condition inside its update, on its own clock.

use std::{cmp::max, time::Duration};

use chrono::TimeDelta;
use kernel::Timestamp;
use provider_core::ReasonCode;
use tenancy::Capability;

use crate::{
    Completion, InvalidTransition, OperationRun, Reconciliation, RunOutcome, RunPlace, RunState, SweepCause,
};

/// When people may step in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionTimes {
    /// How long a run that was asked to end may take to do so, before it can be forced.
    pub force_cancel_after: Duration,
    /// How long a run must have waited for a worker, ready to begin, before it counts as stuck.
    pub release_after: Duration,
}

impl Default for ActionTimes {
    fn default() -> Self {
        Self {
            force_cancel_after: Duration::from_mins(1),
            release_after: Duration::from_mins(15),
        }
    }
}

/// What somebody may do with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAction {
    /// End it if it waits, ask it to end if it is at work.
    Cancel,
    /// End it without a word of its worker.
    ForceCancel,
    /// End it because nobody seems to work at it.
    Release,
    /// Start the same again.
    Retry,
}

impl RunAction {
    /// Every action, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Cancel, Self::ForceCancel, Self::Release, Self::Retry];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::ForceCancel => "force_cancel",
            Self::Release => "release",
            Self::Retry => "retry",
        }
    }
}

impl OperationRun {
    /// From when on its end can be forced; nothing while nobody asked for it, or when it is over.
    pub fn force_cancel_available_at(&self, times: ActionTimes) -> Option<Timestamp> {
        match self.state() {
            RunState::Running { .. } => self
                .cancel_requested_at
                .map(|asked| later(asked, times.force_cancel_after)),
            // A group ends with its runs.
            RunState::Queued | RunState::Gathering { .. } | RunState::Completed { .. } => None,
        }
    }

    /// From when on it counts as stuck, unless a worker gives a sign of life or takes it; nothing when
    /// it is over.
    pub fn stuck_from(&self, times: ActionTimes) -> Option<Timestamp> {
        match self.state() {
            RunState::Running { lease_until, .. } => Some(lease_until),
            RunState::Queued => {
                // A wait that was asked for is not yet one for a worker.
                let waiting = self.waiting.map_or(self.created_at, |waiting| waiting.since);
                let ready = max(max(self.created_at, waiting), self.not_before.unwrap_or(waiting));
                Some(later(ready, times.release_after))
            }
            RunState::Gathering { .. } | RunState::Completed { .. } => None,
        }
    }

    /// Whether `action` is open at `now`.
    pub fn allows(&self, action: RunAction, times: ActionTimes, now: Timestamp) -> bool {
        let active = self.status().is_active();
        match action {
            RunAction::Cancel => active && self.cancel_requested_at.is_none(),
            RunAction::ForceCancel => self.force_cancel_available_at(times).is_some_and(|at| at <= now),
            RunAction::Release => self.stuck_from(times).is_some_and(|at| at < now),
            RunAction::Retry => match self.place {
                RunPlace::Environment { .. } => !active,
                RunPlace::Workspace { .. } => false,
            },
        }
    }

    /// What it takes to do `action` with this run.
    pub fn capability_for(&self, action: RunAction) -> Capability {
        match action {
            RunAction::Cancel => Capability::OperationsCancel,
            RunAction::ForceCancel => Capability::OperationsForceCancel,
            RunAction::Release => Capability::OperationsRelease,
            RunAction::Retry => self.operation_type.definition().capability,
        }
    }

    /// The end of a run that nobody seems to work at. It says that no worker ended it.
    pub fn end_unattended(&self, reason: ReasonCode, at: Timestamp) -> Result<Completion, InvalidTransition> {
        let mut completion = self.end_because(RunOutcome::Failed, reason)?;
        completion.context.reconciliation = Some(Reconciliation {
            reason_code: reason,
            cause: Some(SweepCause::Released),
            at: Some(at),
            lease_owner: None,
            attempts: self.attempt,
            lost_leases: 0,
        });
        Ok(completion)
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| at.checked_add_signed(by))
        .unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
#[path = "actions/tests.rs"]
mod tests;
