//! What can be done to runs, as plain values: made at random, shrunk, printed and replayed. Each
//! number is taken modulo what is there, so any sequence means something.
//!
//! A start with an `Idempotency-Key` belongs here as a further field of [`Step::Start`] once the
//! storage port has it: [`crate::chaos::driver`] then takes it, and [`crate::chaos::reference`] says what
//! must come of it.

use operations::{Fence, HandBack};

use super::seed::Numbers;

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Somebody starts an operation on a scope.
    Start {
        /// Which scope.
        scope: u8,
        /// Which operation.
        operation: u8,
    },
    /// A worker claims.
    Claim {
        /// Which of two.
        worker: u8,
        /// At most so many, at least one.
        limit: u8,
    },
    /// A worker gives a sign of life for what it claimed once, whatever became of it.
    Heartbeat {
        /// Which claim.
        claim: u8,
    },
    /// A worker gives back what it claimed once.
    HandBack {
        /// Which claim.
        claim: u8,
        /// Whether it is to be taken again in an hour, or at once.
        later: bool,
    },
    /// A worker ends what it claimed once.
    Finish {
        /// Which claim.
        claim: u8,
    },
    /// Somebody cancels a run.
    Cancel {
        /// Which run.
        run: u8,
    },
    /// Somebody ends a run whoever holds it.
    Force {
        /// Which run.
        run: u8,
    },
    /// The time of a lease has passed.
    LeaseEnds {
        /// Of which run.
        run: u8,
    },
    /// The time before which a run must not begin has passed.
    PauseEnds {
        /// Of which run.
        run: u8,
    },
    /// The sweep comes by.
    Sweep,
}

impl Step {
    /// A step as often as it is worth taking.
    pub fn random(numbers: &mut Numbers) -> Self {
        let mut byte = || u8::try_from(numbers.below(256)).expect("a byte");
        let (kind, one, two) = (byte() % 25, byte(), byte());
        match kind {
            0..=4 => Self::Start {
                scope: one,
                operation: two,
            },
            5..=8 => Self::Claim {
                worker: one,
                limit: 1 + two % 3,
            },
            9..=10 => Self::Heartbeat { claim: one },
            11..=12 => Self::HandBack {
                claim: one,
                later: two % 2 == 0,
            },
            13..=15 => Self::Finish { claim: one },
            16..=17 => Self::Cancel { run: one },
            18 => Self::Force { run: one },
            19..=21 => Self::LeaseEnds { run: one },
            22 => Self::PauseEnds { run: one },
            _ => Self::Sweep,
        }
    }
}

/// What came of a step. Runs are numbered in the order in which they were accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// There was nothing to do it to.
    Nothing,
    /// A new run.
    Accepted(usize),
    /// The same operation was active: this run.
    Deduplicated(usize),
    /// Another operation held the scope: this run.
    ScopeBusy(usize),
    /// These runs were taken, in these attempts.
    Claimed(Vec<(usize, i32)>),
    /// The lease holds; whether an end was asked for.
    Renewed(bool),
    /// Another attempt holds the run, or it is over.
    Lost,
    /// What became of a hand back.
    HandedBack(HandBack),
    /// What became of an end.
    Finished(Fence),
    /// The run was waiting and is over.
    Canceled,
    /// The run's worker was asked to end it.
    CancelAsked,
    /// The run was asked before, or is over.
    CancelRefused,
    /// Whether the run was active until then.
    Forced(bool),
    /// How many runs wait again, and how many were ended.
    Swept(u64, u64),
    /// Time passed.
    Passed,
}

/// A run as its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `queued`, `running` or `completed`.
    pub status: String,
    /// `pending`, or how it ended.
    pub outcome: String,
    /// Attempts so far.
    pub attempt: i32,
    /// Leases that it lost.
    pub lost: i32,
    /// Whether an end was asked for.
    pub cancel: bool,
    /// Whether it must not begin yet.
    pub paused: bool,
}
