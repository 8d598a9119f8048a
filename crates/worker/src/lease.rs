//! The lease as the process that holds it sees it: on its own monotonic clock, counted from before the
//! database was asked. The database counts from when it answers, so this one is over first, whatever
//! the clocks show and whether or not the database can be asked.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Until when this process may act for a run.
pub(crate) struct OwnLease {
    length: Duration,
    end: Mutex<Instant>,
}

impl OwnLease {
    /// A lease of this length that was asked for at `asked_at`.
    pub(crate) fn new(length: Duration, asked_at: Instant) -> Self {
        Self {
            length,
            end: Mutex::new(asked_at + length),
        }
    }

    /// It was renewed by a call that began at `asked_at`.
    pub(crate) fn renewed(&self, asked_at: Instant) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = asked_at + self.length;
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end()
    }

    /// Ends when it is over.
    pub(crate) async fn over(&self) {
        while !self.is_over() {
            sleep_until(self.end()).await;
        }
    }

    fn end(&self) -> Instant {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_over_a_length_after_the_last_call_that_renewed_it_began() {
        let begin = Instant::now();
        let lease = OwnLease::new(Duration::from_secs(30), begin);
        advance(Duration::from_secs(20)).await;
        assert!(!lease.is_over());
        // A call that began then, and was answered late.
        lease.renewed(begin + Duration::from_secs(10));
        advance(Duration::from_secs(19)).await;
        assert!(!lease.is_over());
        lease.over().await;
        assert_eq!(begin.elapsed().as_secs(), 40);
    }
}
