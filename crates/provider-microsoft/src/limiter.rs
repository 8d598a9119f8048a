//! Who may send when: one limiter for all operations of the process, with a bucket for each limit
//! of each tenant. Paces below the published rates, closes a whole bucket when the provider asks
//! for a pause, goes slower after that and finds back step by step.
//!
//! Pure: the time is a parameter, and it waits for nobody. Knows no request and no answer.
//!
//! Pauses are moments of the machine's clock, since there is no other. What holds when it is set:
//! - Back by more than [`SET_BACK`]: a pause goes back with it and keeps what is left of it. By
//!   less: it lasts so much longer.
//! - Forward: this looks like time that went by, and a pause ends early by as much. So it does when
//!   a clock that was set back is corrected. Nothing is held against it here: what is sent too early
//!   is answered with another pause. A run that begins later brings the moments that were written
//!   down (see [`Limiter::close`]), and those that were written by the right clock hold again.

mod published;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use kernel::Timestamp;
use uuid::Uuid;

pub(crate) use self::published::Limit;
use crate::cloud::Cloud;

/// The rate is halved at most this many times.
const SLOWEST: u32 = 5;
/// So many good answers in a row double a halved rate again.
const RECOVERY: u32 = 8;
/// From this percentage of a limit on we go slower before we are told to.
const NEARLY: u16 = 90;
/// What a bucket remembers beyond the present is forgotten after this long without a request.
const MEMORY: TimeDelta = TimeDelta::minutes(10);
/// Who asks at the same time may have read the clock a little earlier; more is a clock set back.
const SET_BACK: TimeDelta = TimeDelta::seconds(5);
/// From so many buckets on, those of no use are swept out.
const SWEEP_FROM: usize = 1_024;
/// A longer pause is nobody's.
const LONGEST_PAUSE: TimeDelta = TimeDelta::days(7);

/// One limit of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) cloud: Cloud,
    pub(crate) tenant: Uuid,
    /// For sign-ins alone: a stranger's attempts with another client must not close anybody's way.
    /// Calls come with a token of the tenant and share its limits.
    pub(crate) client: Option<Uuid>,
    pub(crate) limit: Limit,
}

/// What an answer said about its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// All is well, so far as it was told: the percentage of the limit that is used.
    Answered(Option<u16>),
    /// Nothing may be sent for this long. Slower afterwards if the rate was the reason.
    Closed { length: Duration, throttled: bool },
}

/// The limiter.
#[derive(Default)]
pub(crate) struct Limiter(Mutex<Buckets>);

#[derive(Default)]
struct Buckets {
    all: HashMap<Key, Bucket>,
    /// How many there were after the last sweep.
    swept: usize,
}

/// GCRA (ITU-T I.371): `full_at` is when everything that was let through would have been used up
/// at an even pace.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    full_at: Timestamp,
    closed_until: Timestamp,
    halvings: u32,
    good: u32,
    /// When it was last looked at.
    seen_at: Timestamp,
}

impl Limiter {
    /// Takes `cost` units now, or tells how long to wait before asking again. Who waits holds no
    /// place: a run that goes away leaves none behind.
    pub(crate) fn admit(&self, key: &Key, cost: u32, now: Timestamp) -> Result<(), Duration> {
        self.with(key, now, |bucket| bucket.admit(key.limit, cost, now))
    }

    /// Whether a pause holds now. Takes nothing: for who has had a turn and has not sent yet.
    pub(crate) fn is_closed(&self, key: &Key, now: Timestamp) -> bool {
        self.with(key, now, |bucket| now < bucket.closed_until)
    }

    /// Remembers what an answer said.
    pub(crate) fn learn(&self, key: &Key, lesson: Lesson, now: Timestamp) {
        self.with(key, now, |bucket| bucket.learn(key.limit, lesson, now));
    }

    /// Closes a limit as another process left it.
    pub(crate) fn close(&self, key: &Key, until: Timestamp, now: Timestamp) {
        if now < until {
            let until = until.min(now + LONGEST_PAUSE);
            self.with(key, now, |bucket| bucket.close(key.limit, until));
        }
    }

    fn with<R>(&self, key: &Key, now: Timestamp, act: impl FnOnce(&mut Bucket) -> R) -> R {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.all.contains_key(key) && buckets.all.len() >= SWEEP_FROM.max(2 * buckets.swept) {
            buckets.all.retain(|_, bucket| bucket.is_useful(now));
            buckets.swept = buckets.all.len();
        }
        let bucket = buckets.all.entry(*key).or_insert_with(|| Bucket::new(now));
        bucket.keep_time(now);
        act(bucket)
    }
}

impl Bucket {
    const fn new(now: Timestamp) -> Self {
        Self {
            full_at: now,
            closed_until: now,
            halvings: 0,
            good: 0,
            seen_at: now,
        }
    }

    /// A clock that was set back takes the bucket's times with it: a pause of a minute does not
    /// become one of a day.
    fn keep_time(&mut self, now: Timestamp) {
        let back = self.seen_at - now;
        if back > SET_BACK {
            self.full_at -= back;
            self.closed_until -= back;
        }
        self.seen_at = now;
    }

    fn is_useful(&self, now: Timestamp) -> bool {
        let slow = self.halvings > 0 && now < self.full_at + MEMORY;
        slow || now < self.full_at || now < self.closed_until
    }

    /// What one unit takes at the present rate, and by how much the pace may be run ahead of.
    fn pace(&self, limit: Limit) -> (TimeDelta, TimeDelta) {
        let published = limit.published();
        let interval = delta(published.interval());
        let ahead = interval * i32::try_from(published.burst).unwrap_or(i32::MAX);
        (interval * (1 << self.halvings), ahead)
    }

    fn admit(&mut self, limit: Limit, cost: u32, now: Timestamp) -> Result<(), Duration> {
        if self.halvings > 0 && self.full_at + MEMORY <= now {
            self.halvings = 0;
        }
        let (interval, ahead) = self.pace(limit);
        let open_at = self.closed_until.max(self.full_at - ahead);
        if now < open_at {
            return Err((open_at - now).to_std().unwrap_or_default());
        }
        let cost = i32::try_from(cost).unwrap_or(i32::MAX);
        self.full_at = self.full_at.max(now) + interval * cost;
        Ok(())
    }

    fn learn(&mut self, limit: Limit, lesson: Lesson, now: Timestamp) {
        match lesson {
            Lesson::Answered(Some(NEARLY..)) => {
                self.halvings = self.halvings.max(1);
                self.good = 0;
            }
            Lesson::Answered(_) if self.halvings > 0 => {
                self.good += 1;
                if self.good >= RECOVERY {
                    self.halvings -= 1;
                    self.good = 0;
                }
            }
            Lesson::Answered(_) => {}
            Lesson::Closed { length, throttled } => {
                if throttled {
                    self.halvings = (self.halvings + 1).min(SLOWEST);
                    self.good = 0;
                }
                self.close(limit, now + delta(length).min(LONGEST_PAUSE));
            }
        }
    }

    /// Closes until `until`, or longer if it is closed for longer. Afterwards there is no head
    /// start: one request opens it again.
    fn close(&mut self, limit: Limit, until: Timestamp) {
        self.closed_until = self.closed_until.max(until);
        let (_, ahead) = self.pace(limit);
        self.full_at = self.full_at.max(self.closed_until + ahead);
    }
}

fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
