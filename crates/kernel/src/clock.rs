//! Time as a parameter, so that no rule of the product depends on when a test runs.

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};

/// A moment in UTC, exact to the microsecond (what both databases store).
pub type Timestamp = DateTime<Utc>;

/// Tells the time. Passed to whatever stamps a row.
pub trait Clock: Send + Sync {
    /// The present moment, truncated to the microsecond so that it survives storage unchanged.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        truncate(Utc::now())
    }
}

/// A clock that stands still until it is told to move. For tests and previews.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(Mutex::new(truncate(start)))
    }

    /// Moves the clock forward by `by`.
    ///
    /// # Panics
    /// When another thread panicked while it held the clock.
    pub fn advance(&self, by: TimeDelta) {
        let mut now = self.0.lock().expect("no holder of the clock panics");
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder of the clock panics")
    }
}

fn truncate(moment: Timestamp) -> Timestamp {
    DateTime::from_timestamp_micros(moment.timestamp_micros()).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_moves_only_when_told() {
        let start = DateTime::from_timestamp_micros(1_000_001).expect("in range");
        let clock = ManualClock::at(start);
        assert_eq!(clock.now(), start);
        clock.advance(TimeDelta::seconds(2));
        assert_eq!(clock.now(), start + TimeDelta::seconds(2));
    }

    #[test]
    fn system_clock_has_no_digits_below_a_microsecond() {
        let now = SystemClock.now();
        assert_eq!(now.timestamp_subsec_nanos() % 1_000, 0);
    }
}
