//! A turn of a schedule, and when it is due: some seconds after it, the same for whoever computes it.

use chrono::TimeDelta;
use kernel::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Rhythm;
use crate::ScheduleId;

/// One turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The time that the expression names. It tells one turn of a schedule from another.
    pub tick: Timestamp,
    /// When it is due.
    pub due: Timestamp,
}

/// By how much a schedule's turns are put off, so that what is planned for one hour does not begin in one
/// second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter {
    seconds: u32,
}

impl Jitter {
    /// The longest window, in seconds.
    pub const LONGEST: u32 = 6 * 3600;

    /// A window of so many seconds. Nothing when it is longer than the longest, or so long that one turn
    /// could be due after the next.
    pub fn new(seconds: u32, rhythm: &Rhythm) -> Option<Self> {
        let fits = seconds <= Self::LONGEST && TimeDelta::seconds(i64::from(seconds)) < rhythm.shortest();
        fits.then_some(Self { seconds })
    }

    /// The window of a row, which fitted when it was written.
    pub const fn stored(seconds: u32) -> Self {
        Self { seconds }
    }

    /// The window.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }

    /// By how much the turn at `tick` is put off: from nothing to the whole window.
    fn of(self, schedule: ScheduleId, tick: Timestamp) -> TimeDelta {
        let mut hasher = Sha256::new();
        hasher.update(schedule.as_uuid().as_bytes());
        hasher.update(tick.timestamp_micros().to_be_bytes());
        let digest = hasher.finalize();
        let number = digest
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let seconds = number % (u64::from(self.seconds) + 1);
        TimeDelta::seconds(i64::try_from(seconds).unwrap_or_default())
    }
}

impl Slot {
    /// The first turn after `after` that is not due yet at `now`. Turns that were due before are left out:
    /// what was missed is not made up for.
    pub fn next(
        (schedule, rhythm, jitter): (ScheduleId, &Rhythm, Jitter),
        after: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        // What is older than the window was due before now.
        let mut tick = after.max(now - TimeDelta::seconds(i64::from(jitter.seconds)));
        loop {
            tick = rhythm.next_after(tick)?;
            let due = tick + jitter.of(schedule, tick);
            if due > now {
                return Some(Self { tick, due });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{IdSource as _, SystemIds};

    use super::*;

    fn start() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().expect("a time")
    }

    #[test]
    fn jitter_stays_in_its_window_and_is_the_same_for_everybody() {
        let rhythm = Rhythm::parse("*/15 * * * *", "Etc/UTC").expect("a rhythm");
        let mut seen = std::collections::BTreeSet::new();
        for window in [0, 1, 7, 60, 899] {
            let jitter = Jitter::new(window, &rhythm).expect("fits");
            for _ in 0..20 {
                let id = ScheduleId::from_uuid(SystemIds.next_uuid());
                let (mut after, mut last_due) = (start(), start());
                for _ in 0..20 {
                    let slot = Slot::next((id, &rhythm, jitter), after, after).expect("a turn");
                    let put_off = slot.due - slot.tick;
                    assert!(put_off >= TimeDelta::zero() && put_off <= TimeDelta::seconds(window.into()));
                    assert_eq!(Slot::next((id, &rhythm, jitter), after, after), Some(slot));
                    assert!(slot.due > last_due, "turns keep their order");
                    seen.insert(put_off);
                    (after, last_due) = (slot.tick, slot.due);
                }
            }
        }
        assert!(seen.len() > 100, "it spreads");
        assert!(Jitter::new(900, &rhythm).is_none(), "as long as the rhythm");
        let daily = Rhythm::parse("0 2 * * *", "Etc/UTC").expect("a rhythm");
        assert!(Jitter::new(Jitter::LONGEST, &daily).is_some());
        assert!(Jitter::new(Jitter::LONGEST + 1, &daily).is_none());
    }

    #[test]
    fn turns_that_were_missed_are_left_out() {
        let rhythm = Rhythm::parse("0 * * * *", "Etc/UTC").expect("a rhythm");
        let id = ScheduleId::from_uuid(SystemIds.next_uuid());
        let later = start() + TimeDelta::days(30) + TimeDelta::minutes(30);
        let next = Slot::next((id, &rhythm, Jitter::stored(0)), start(), later).expect("a turn");
        assert_eq!(next.tick, later + TimeDelta::minutes(30));
        let wide = Jitter::stored(3599);
        let slot = Slot::next((id, &rhythm, wide), start(), start()).expect("a turn");
        let before = slot.due - TimeDelta::seconds(1);
        assert_eq!(
            Slot::next((id, &rhythm, wide), start(), before),
            Some(slot),
            "it is still to come"
        );
    }
}
