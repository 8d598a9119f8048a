//! Calls that were told and not written down yet: counts without a bound, details with one.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use kernel::Timestamp;

use super::{CallOutcome, CallRecord};

/// What some calls that count against one limit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitCounts {
    /// Attempts.
    pub attempts: u64,
    /// Of these, the ones that were answered with a pause.
    pub throttled: u64,
    /// Of these, the ones that failed in any other way.
    pub failed: u64,
    /// What the run lost by them.
    pub lost: Duration,
    /// When the last pause was asked for.
    pub last_throttled_at: Option<Timestamp>,
    /// The latest moment until which the limit was closed.
    pub paused_until: Option<Timestamp>,
    /// When the last of them was over.
    pub updated_at: Timestamp,
}

impl LimitCounts {
    fn of(call: &CallRecord) -> Self {
        let throttled = call.outcome == CallOutcome::Throttled;
        Self {
            attempts: 1,
            throttled: u64::from(throttled),
            failed: u64::from(matches!(call.outcome, CallOutcome::Failed(_))),
            lost: call.lost,
            last_throttled_at: throttled.then_some(call.at),
            paused_until: call.paused_until,
            updated_at: call.at,
        }
    }

    fn add(&mut self, other: Self) {
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.throttled = self.throttled.saturating_add(other.throttled);
        self.failed = self.failed.saturating_add(other.failed);
        self.lost = self.lost.saturating_add(other.lost);
        self.last_throttled_at = self.last_throttled_at.max(other.last_throttled_at);
        self.paused_until = self.paused_until.max(other.paused_until);
        self.updated_at = self.updated_at.max(other.updated_at);
    }
}

/// Calls of one connection, told and not written down yet. Adding two batches gives what one would
/// have been, so a batch that could not be written is put back and nothing is counted twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallBatch {
    counts: BTreeMap<&'static str, LimitCounts>,
    details: VecDeque<CallRecord>,
}

impl CallBatch {
    /// How many calls keep their details, here and in the log of a connection: the newest.
    pub const DETAILS: usize = 200;

    /// Counts a call. One that was not answered as it should be keeps its details.
    pub fn push(&mut self, call: CallRecord) {
        self.count(call.limit, LimitCounts::of(&call));
        if call.outcome != CallOutcome::Answered {
            self.details.push_back(call);
            self.bound();
        }
    }

    /// Adds the calls of `earlier`, which were told before these.
    pub fn put_back(&mut self, mut earlier: Self) {
        for (limit, counts) in earlier.counts {
            self.count(limit, counts);
        }
        earlier.details.append(&mut self.details);
        self.details = earlier.details;
        self.bound();
    }

    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether a provider asked for a pause: others should hear of it soon.
    pub fn tells_of_a_pause(&self) -> bool {
        self.counts.values().any(|counts| counts.paused_until.is_some())
    }

    /// The counts, by limit, in the order of the limits' names.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, LimitCounts)> + '_ {
        self.counts.iter().map(|(limit, counts)| (*limit, *counts))
    }

    /// The calls that were not answered as they should be, oldest first, [`CallBatch::DETAILS`] at
    /// most.
    pub fn details(&self) -> impl ExactSizeIterator<Item = &CallRecord> {
        self.details.iter()
    }

    fn count(&mut self, limit: &'static str, counts: LimitCounts) {
        self.counts
            .entry(limit)
            .and_modify(|known| known.add(counts))
            .or_insert(counts);
    }

    fn bound(&mut self) {
        while self.details.len() > Self::DETAILS {
            self.details.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReasonCode;

    fn call(number: i64, outcome: CallOutcome) -> CallRecord {
        let at = Timestamp::from_timestamp_micros(number).expect("in range");
        CallRecord {
            at,
            call: "list",
            limit: if number % 2 == 0 { "even" } else { "odd" },
            attempt: 1,
            outcome,
            status: None,
            code: None,
            request_id: None,
            trace_id: None,
            correlation_id: None,
            took: Duration::from_millis(1),
            lost: Duration::from_millis(2),
            paused_until: (outcome == CallOutcome::Throttled).then_some(at),
        }
    }

    fn outcome(number: i64) -> CallOutcome {
        match number % 3 {
            0 => CallOutcome::Answered,
            1 => CallOutcome::Throttled,
            _ => CallOutcome::Failed(ReasonCode::ProviderUnavailable),
        }
    }

    #[test]
    fn counts_have_no_bound_and_details_have_one() {
        let mut batch = CallBatch::default();
        assert!(batch.is_empty() && !batch.tells_of_a_pause());
        for number in 0..3000 {
            batch.push(call(number, outcome(number)));
        }
        let sums = batch.counts().fold((0, 0, 0), |sum, (_, counts)| {
            (
                sum.0 + counts.attempts,
                sum.1 + counts.throttled,
                sum.2 + counts.failed,
            )
        });
        assert_eq!(sums, (3000, 1000, 1000));
        let limits: Vec<_> = batch.counts().map(|(limit, _)| limit).collect();
        assert_eq!(limits, ["even", "odd"]);
        assert_eq!(batch.details().len(), CallBatch::DETAILS);
        let newest = batch.details().last().expect("one");
        assert_eq!(*newest, call(2999, outcome(2999)));
        assert!(batch.tells_of_a_pause());
    }

    #[test]
    fn a_batch_that_is_put_back_is_as_if_it_had_never_been_taken() {
        let mut whole = CallBatch::default();
        let (mut first, mut second) = (CallBatch::default(), CallBatch::default());
        for number in 0..500 {
            whole.push(call(number, outcome(number)));
            let half = if number < 250 { &mut first } else { &mut second };
            half.push(call(number, outcome(number)));
        }
        second.put_back(first);
        assert_eq!(second, whole);
    }
}
