//! A run that holds others together: the runs of one start over many environments. Nobody works at it
//! and it has no lease; it is over when the last of its runs is.

use kernel::Timestamp;
use provider_core::{Progress, ReasonCode};
use serde::{Deserialize, Serialize};

use super::{Completion, InvalidTransition, NewRun, OperationRun, RunFailure, RunOutcome, RunState};
use crate::{CountKey, SummaryCounts};

/// What became of the starts of a group, one for each environment that was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTally {
    /// New runs: the group's own.
    pub accepted: u32,
    /// The same operation was active already.
    pub deduplicated: u32,
    /// Another operation held the target.
    pub scope_busy: u32,
    /// Stored facts forbade it.
    pub blocked: u32,
    /// There is no such environment.
    pub not_found: u32,
}

impl GroupTally {
    /// What was asked for and is neither started nor under way.
    const fn refused(self) -> u32 {
        self.scope_busy + self.blocked + self.not_found
    }
}

/// How the runs of a group ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChildOutcomes {
    /// As asked.
    pub succeeded: u32,
    /// In part.
    pub partially_succeeded: u32,
    /// Blocked or failed.
    pub failed: u32,
    /// Canceled.
    pub canceled: u32,
}

impl ChildOutcomes {
    /// Adds `runs` that ended like this.
    pub const fn add(&mut self, outcome: RunOutcome, runs: u32) {
        match outcome {
            RunOutcome::Succeeded => self.succeeded += runs,
            RunOutcome::PartiallySucceeded => self.partially_succeeded += runs,
            RunOutcome::Blocked | RunOutcome::Failed => self.failed += runs,
            RunOutcome::Canceled => self.canceled += runs,
        }
    }

    const fn all(self) -> u32 {
        self.succeeded + self.partially_succeeded + self.failed + self.canceled
    }

    /// How a group ends whose starts came to `tally`. An environment whose operation was active before
    /// counts neither way. A request to cancel counts if it ended a run.
    fn outcome(self, tally: GroupTally, cancel_requested: bool) -> RunOutcome {
        let short_of_it = self.partially_succeeded + self.failed + self.canceled + tally.refused();
        if cancel_requested && self.canceled > 0 {
            RunOutcome::Canceled
        } else if short_of_it == 0 {
            RunOutcome::Succeeded
        } else if self.succeeded + self.partially_succeeded + tally.deduplicated > 0 {
            RunOutcome::PartiallySucceeded
        } else {
            RunOutcome::Failed
        }
    }

    fn counts(self) -> SummaryCounts {
        let mut counts = SummaryCounts::default();
        counts.add(CountKey::Total, self.all().into());
        counts.add(
            CountKey::Succeeded,
            (self.succeeded + self.partially_succeeded).into(),
        );
        counts.add(CountKey::Failed, self.failed.into());
        counts.add(CountKey::Skipped, self.canceled.into());
        counts
    }
}

/// Why a group ended as it did, if that takes a reason.
const fn reason(outcome: RunOutcome) -> Option<ReasonCode> {
    match outcome {
        RunOutcome::Succeeded => None,
        RunOutcome::Canceled => Some(ReasonCode::RunCanceled),
        RunOutcome::PartiallySucceeded | RunOutcome::Blocked | RunOutcome::Failed => {
            Some(ReasonCode::GroupIncomplete)
        }
    }
}

impl OperationRun {
    /// A group of the runs that `tally` counts as accepted. Without any it is over at once.
    pub fn group(new: NewRun, tally: GroupTally) -> Self {
        let started_at = new.created_at;
        let mut run = Self::with_state(new, RunState::Gathering { started_at });
        run.context.group = Some(tally);
        if tally.accepted > 0 {
            run.progress = Some(Progress {
                processed: 0,
                total: tally.accepted.into(),
            });
            return run;
        }
        run.over_at_once(started_at, tally)
    }

    fn over_at_once(mut self, at: Timestamp, tally: GroupTally) -> Self {
        let nobody = ChildOutcomes::default();
        let outcome = nobody.outcome(tally, false);
        self.state = RunState::Completed {
            outcome,
            started_at: Some(at),
            completed_at: at,
        };
        self.counts = nobody.counts();
        if let Some(reason) = reason(outcome) {
            self.context = self.context.because(reason);
            self.failures = vec![RunFailure::of(reason)];
        }
        self
    }

    /// The end of a group. `children` tells how all runs ended that name it, and so counts those that
    /// were blocked at the gate: they were never among the group's own.
    pub fn gathered(&self, mut children: ChildOutcomes) -> Result<Completion, InvalidTransition> {
        let tally = self.context.group.unwrap_or_default();
        children.failed = children.failed.saturating_sub(tally.blocked);
        let outcome = children.outcome(tally, self.cancel_requested_at.is_some());
        let reason = reason(outcome);
        let context = match reason {
            Some(reason) => self.context.clone().because(reason),
            None => self.context.clone(),
        };
        let failures = reason.into_iter().map(RunFailure::of).collect();
        self.complete(outcome, context, children.counts(), failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(succeeded: u32, failed: u32, canceled: u32) -> ChildOutcomes {
        ChildOutcomes {
            succeeded,
            failed,
            canceled,
            ..ChildOutcomes::default()
        }
    }

    fn accepted(accepted: u32) -> GroupTally {
        GroupTally {
            accepted,
            ..GroupTally::default()
        }
    }

    #[test]
    fn a_group_ends_as_its_runs_did() {
        for (children, canceled, outcome) in [
            (ended(2, 0, 0), false, RunOutcome::Succeeded),
            (ended(1, 1, 0), false, RunOutcome::PartiallySucceeded),
            (ended(0, 2, 0), false, RunOutcome::Failed),
            (ended(1, 0, 1), false, RunOutcome::PartiallySucceeded),
            (ended(1, 0, 1), true, RunOutcome::Canceled),
            (ended(2, 0, 0), true, RunOutcome::Succeeded),
        ] {
            assert_eq!(children.outcome(accepted(2), canceled), outcome, "{children:?}");
        }
        let partly = ChildOutcomes {
            partially_succeeded: 2,
            ..ChildOutcomes::default()
        };
        assert_eq!(partly.outcome(accepted(2), false), RunOutcome::PartiallySucceeded);
    }

    #[test]
    fn what_was_refused_counts_and_what_was_active_before_does_not() {
        let with = |deduplicated, blocked| GroupTally {
            deduplicated,
            blocked,
            ..accepted(1)
        };
        assert_eq!(ended(1, 0, 0).outcome(with(1, 0), false), RunOutcome::Succeeded);
        assert_eq!(
            ended(1, 0, 0).outcome(with(0, 1), false),
            RunOutcome::PartiallySucceeded
        );
        let nobody = ChildOutcomes::default();
        let nothing = GroupTally::default();
        let refused = GroupTally {
            not_found: 1,
            ..nothing
        };
        let active = GroupTally {
            deduplicated: 3,
            ..nothing
        };
        assert_eq!(nobody.outcome(nothing, false), RunOutcome::Succeeded);
        assert_eq!(nobody.outcome(active, false), RunOutcome::Succeeded);
        assert_eq!(nobody.outcome(refused, false), RunOutcome::Failed);
    }
}
