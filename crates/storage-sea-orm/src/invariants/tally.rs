//! What the audit log says about one run, in a few numbers.

use kernel::StoreError;
use sea_orm::QueryResult;
use tenancy::AuditAction;

use super::walk::get;

/// The counts of one run's beginnings and ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
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
}

/// The actions that are counted, quoted for SQL.
pub(super) fn actions() -> String {
    let counted = |action: &&AuditAction| action.ends_a_run() || **action == AuditAction::OperationStarted;
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
        let attempt: Option<i64> = get(row, "attempt")?;
        if action == AuditAction::OperationStarted.as_str() {
            let attempt = attempt.unwrap_or_default();
            self.starts += 1;
            self.highest = self.highest.max(attempt);
            self.sum += attempt;
            self.squares += attempt * attempt;
        } else {
            self.ends += 1;
            self.end_attempt = attempt.or(self.end_attempt);
        }
        Ok(())
    }

    /// What is wrong, for a run in this state.
    pub(super) fn judge(&self, active: bool, attempt: i64) -> Option<Fault> {
        match (active, self.ends) {
            (true, 0) | (false, 1) => {}
            (true, _) => return Some(Fault::EndWhileActive),
            (false, 0) => return Some(Fault::NoEnd),
            (false, _) => return Some(Fault::ManyEnds),
        }
        if self.highest != attempt || self.end_attempt.is_some_and(|end| end != attempt) {
            return Some(Fault::LastAttemptElsewhere);
        }
        let n = attempt;
        let full =
            self.starts == n && self.sum == n * (n + 1) / 2 && self.squares == n * (n + 1) * (2 * n + 1) / 6;
        (!full).then_some(Fault::AttemptsWithGaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(starts: &[i64], ends: u32, end_attempt: Option<i64>) -> Tally {
        Tally {
            ends,
            end_attempt,
            starts: i64::try_from(starts.len()).expect("few"),
            highest: starts.iter().copied().max().unwrap_or_default(),
            sum: starts.iter().sum(),
            squares: starts.iter().map(|start| start * start).sum(),
        }
    }

    #[test]
    fn a_whole_history_is_in_order() {
        assert_eq!(tally(&[], 0, None).judge(true, 0), None);
        assert_eq!(
            tally(&[], 1, None).judge(false, 0),
            None,
            "canceled before it began"
        );
        assert_eq!(tally(&[2, 1, 3], 1, Some(3)).judge(false, 3), None);
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        assert_eq!(tally(&[1], 0, None).judge(false, 1), Some(Fault::NoEnd));
        assert_eq!(tally(&[1], 2, None).judge(false, 1), Some(Fault::ManyEnds));
        assert_eq!(tally(&[1], 1, None).judge(true, 1), Some(Fault::EndWhileActive));
        assert_eq!(
            tally(&[1, 1, 4, 4], 1, None).judge(false, 4),
            Some(Fault::AttemptsWithGaps)
        );
        assert_eq!(
            tally(&[1, 3], 0, None).judge(true, 3),
            Some(Fault::AttemptsWithGaps)
        );
        assert_eq!(
            tally(&[1, 2], 1, Some(1)).judge(false, 2),
            Some(Fault::LastAttemptElsewhere)
        );
        assert_eq!(
            tally(&[1, 2], 1, None).judge(false, 1),
            Some(Fault::LastAttemptElsewhere)
        );
    }
}
