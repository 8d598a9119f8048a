//! What goes wrong, and when: a function of the seed and of nothing else.

use std::time::Duration;

use super::seed::Numbers;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// `kill -9` of the process with this number, which is started again at once. If it is still
    /// on its way up, the next one that is not.
    Kill(usize),
    /// The database server crashes and recovers.
    CrashDatabase,
    /// Every session of the database is ended by the server.
    EndSessions,
}

/// A fault and its time since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// Kills one of `processes` every `every`, at a random moment within that time, for `length`.
pub fn kills(seed: u64, processes: usize, every: Duration, length: Duration) -> Vec<Fault> {
    let mut numbers = Numbers::part(seed, u64::MAX);
    let step = usize::try_from(every.as_millis()).expect("short");
    moments(every, length)
        .map(|from| Fault {
            at: from + Duration::from_millis(u64::try_from(numbers.below(step / 2)).expect("short")),
            what: What::Kill(numbers.below(processes)),
        })
        .collect()
}

/// The same fault at fixed intervals.
pub fn every(what: What, every: Duration, length: Duration) -> Vec<Fault> {
    moments(every, length).map(|at| Fault { at, what }).collect()
}

/// The beginning of each interval but the first, so that there is something to break.
fn moments(every: Duration, length: Duration) -> impl Iterator<Item = Duration> {
    (1..)
        .map(move |number| every * number)
        .take_while(move |at| *at < length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_follows_from_its_seed() {
        let plan = |seed| kills(seed, 4, Duration::from_secs(2), Duration::from_mins(2));
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        assert_eq!(plan(7).len(), 59);
        assert!(plan(7).is_sorted_by_key(|fault| fault.at));
    }
}
