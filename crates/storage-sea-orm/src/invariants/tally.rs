//! What the audit log says about one run, in a few numbers.

use kernel::StoreError;
use sea_orm::QueryResult;
use tenancy::AuditAction;

use super::walk::get;

/// The counts of one run's beginnings and ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Answers of the gate: accepted, or refused and recorded.
    answers: u32,
    /// How often it was put back into the queue.
    requeued: i64,
    /// Whether somebody canceled it as waiting.
    canceled: bool,
    ends: u32,
    /// The attempt that an end names, if one does.
    end_attempt: Option<i64>,
    starts: i64,
    highest: i64,
    /// With the count, enough to tell 1..n from everything else that could come about.
    sum: i64,
    squares: i64,
}

/// What is wrong with a run's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NoEnd,
    ManyEnds,
    EndWhileActive,
    AttemptsWithGaps,
    LastAttemptElsewhere,
    CanceledAtWork,
    NotAcceptedOnce,
}

/// What of a run's row is held against its history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Present {
    pub(super) active: bool,
    pub(super) attempt: i64,
    /// A group may be over at once, and then was not accepted.
    pub(super) group: bool,
}

/// The actions that are counted, quoted for SQL.
pub(super) fn actions() -> String {
    let others = [
        AuditAction::OperationAccepted,
        AuditAction::OperationStarted,
        AuditAction::OperationRequeued,
    ];
    let counted = |action: &&AuditAction| action.ends_a_run() || others.contains(action);
    let quoted = AuditAction::ALL.iter().filter(counted);
    quoted
        .map(|action| format!("'{}'", action.as_str()))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Tally {
    /// Counts an event. `row` has `action` and `attempt`.
    pub(super) fn count(&mut self, row: &QueryResult) -> Result<(), StoreError> {
        let Some(action) = get::<Option<String>>(row, "action")? else {
            return Ok(());
        };
        let Some(action) = AuditAction::parse(&action) else {
            return Ok(());
        };
        let attempt: Option<i64> = get(row, "attempt")?;
        if action == AuditAction::OperationStarted {
            let attempt = attempt.unwrap_or_default();
            self.starts += 1;
            self.highest = self.highest.max(attempt);
            self.sum += attempt;
            self.squares += attempt * attempt;
        } else if action == AuditAction::OperationRequeued {
            self.requeued += 1;
        } else if action == AuditAction::OperationAccepted {
            self.answers += 1;
        } else if action.ends_a_run() {
            self.ends += 1;
            self.end_attempt = attempt.or(self.end_attempt);
            self.answers += u32::from(action == AuditAction::OperationBlocked);
            self.canceled |= action == AuditAction::OperationCanceled;
        }
        Ok(())
    }

    /// What is wrong with a run that now is as `present` says.
    pub(super) fn judge(&self, present: Present) -> Option<Fault> {
        match (present.active, self.ends) {
            (true, 0) | (false, 1) => {}
            (true, _) => return Some(Fault::EndWhileActive),
            (false, 0) => return Some(Fault::NoEnd),
            (false, _) => return Some(Fault::ManyEnds),
        }
        let n = present.attempt;
        if self.highest != n || self.end_attempt.is_some_and(|end| end != n) {
            return Some(Fault::LastAttemptElsewhere);
        }
        let full =
            self.starts == n && self.sum == n * (n + 1) / 2 && self.squares == n * (n + 1) * (2 * n + 1) / 6;
        if !full {
            return Some(Fault::AttemptsWithGaps);
        }
        if self.canceled && self.starts != self.requeued {
            return Some(Fault::CanceledAtWork);
        }
        let at_once = present.group && self.answers == 0;
        (self.answers != 1 && !at_once).then_some(Fault::NotAcceptedOnce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(starts: &[i64], ends: u32, end_attempt: Option<i64>) -> Tally {
        Tally {
            answers: 1,
            requeued: 0,
            canceled: false,
            ends,
            end_attempt,
            starts: i64::try_from(starts.len()).expect("few"),
            highest: starts.iter().copied().max().unwrap_or_default(),
            sum: starts.iter().sum(),
            squares: starts.iter().map(|start| start * start).sum(),
        }
    }

    const fn active(attempt: i64) -> Present {
        Present {
            active: true,
            attempt,
            group: false,
        }
    }

    const fn over(attempt: i64) -> Present {
        Present {
            active: false,
            ..active(attempt)
        }
    }

    #[test]
    fn a_whole_history_is_in_order() {
        assert_eq!(tally(&[], 0, None).judge(active(0)), None);
        assert_eq!(
            tally(&[], 1, None).judge(over(0)),
            None,
            "canceled before it began"
        );
        assert_eq!(tally(&[2, 1, 3], 1, Some(3)).judge(over(3)), None);
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        assert_eq!(tally(&[1], 0, None).judge(over(1)), Some(Fault::NoEnd));
        assert_eq!(tally(&[1], 2, None).judge(over(1)), Some(Fault::ManyEnds));
        assert_eq!(tally(&[1], 1, None).judge(active(1)), Some(Fault::EndWhileActive));
        assert_eq!(
            tally(&[1, 1, 4, 4], 1, None).judge(over(4)),
            Some(Fault::AttemptsWithGaps)
        );
        assert_eq!(
            tally(&[1, 3], 0, None).judge(active(3)),
            Some(Fault::AttemptsWithGaps)
        );
        assert_eq!(
            tally(&[1, 2], 1, Some(1)).judge(over(2)),
            Some(Fault::LastAttemptElsewhere)
        );
        assert_eq!(
            tally(&[1, 2], 1, None).judge(over(1)),
            Some(Fault::LastAttemptElsewhere)
        );
    }
    #[test]
    fn a_run_is_accepted_once_and_canceled_as_waiting_while_it_waits() {
        let accepted = |answers| Tally {
            answers,
            ..tally(&[1], 1, Some(1))
        };
        assert_eq!(accepted(0).judge(over(1)), Some(Fault::NotAcceptedOnce));
        assert_eq!(accepted(2).judge(over(1)), Some(Fault::NotAcceptedOnce));
        let group = Present {
            group: true,
            ..over(1)
        };
        assert_eq!(accepted(0).judge(group), None, "over at once");
        let canceled = |requeued| Tally {
            canceled: true,
            requeued,
            ..tally(&[1, 2], 1, None)
        };
        assert_eq!(canceled(2).judge(over(2)), None, "it waited");
        assert_eq!(canceled(1).judge(over(2)), Some(Fault::CanceledAtWork));
    }
}
