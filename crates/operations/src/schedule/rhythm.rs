//! When a schedule's turn comes: a cron expression of five fields, read by the wall clock of a place.
//!
//! The expression names times on a wall clock; the zone says which moments those are. What daylight saving
//! does is decided here and by nobody else:
//! - a time that the clock leaps over that day comes at the first moment after the leap, once, however
//!   many of the schedule's times were leapt over;
//! - a time that the clock shows twice that day comes the first time, and not again.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use kernel::Timestamp;

/// The longest expression, in bytes.
const LONGEST: usize = 120;
/// How many times are looked at to learn how close they lie.
const SAMPLE: usize = 500;
/// For how many years ahead that is done.
const YEARS: i32 = 30;
/// A clock leaps over a day at most (Samoa, 2011), and ends its leap on a full minute.
const LONGEST_LEAP_MINUTES: i64 = 26 * 60;

/// A cron expression and a zone.
#[derive(Debug, Clone)]
pub struct Rhythm {
    cron: Cron,
    text: String,
    zone: Tz,
    shortest: TimeDelta,
}

/// Why a rhythm is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RhythmError {
    /// Not a cron expression of five fields.
    #[error("not a cron expression of five fields")]
    NotCron,
    /// Not a zone of the IANA database.
    #[error("not a time zone")]
    NotAZone,
    /// It comes more often than is allowed.
    #[error("more often than every fifteen minutes")]
    TooOften,
    /// It names a date that no year has.
    #[error("it never comes")]
    Never,
}

impl Rhythm {
    /// The shortest time that may lie between two turns, on the wall clock.
    pub const SHORTEST: TimeDelta = TimeDelta::minutes(15);

    /// Reads an expression and the name of a zone.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, RhythmError> {
        let text = cron.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        // Names such as `@daily` would be a second spelling, and seconds and years are not ours.
        if cron.len() > LONGEST || text.split(' ').count() != 5 || text.contains('@') {
            return Err(RhythmError::NotCron);
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(&text).map_err(|_| RhythmError::NotCron)?;
        let zone: Tz = zone.parse().map_err(|_| RhythmError::NotAZone)?;
        let mut rhythm = Self {
            cron,
            text,
            zone,
            shortest: TimeDelta::MAX,
        };
        rhythm.shortest = rhythm.measure()?;
        if rhythm.shortest < Self::SHORTEST {
            return Err(RhythmError::TooOften);
        }
        Ok(rhythm)
    }

    /// The expression, with single spaces.
    pub fn cron(&self) -> &str {
        &self.text
    }

    /// The name of the zone.
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    /// The shortest time between two turns, on the wall clock.
    pub const fn shortest(&self) -> TimeDelta {
        self.shortest
    }

    /// The first turn after `after`.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let mut wall = after.with_timezone(&self.zone).naive_local();
        for _ in 0..SAMPLE {
            wall = self.next_on_the_wall(wall)?;
            if let Some(moment) = self.moment(wall).filter(|moment| *moment > after) {
                return Some(moment);
            }
        }
        None
    }

    /// The next `count` turns after `after`.
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
            .take(count)
            .collect()
    }

    /// The next time of the expression on a wall clock that never leaps.
    fn next_on_the_wall(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let next = self.cron.find_next_occurrence(&wall.and_utc(), false).ok()?;
        Some(DateTime::<Utc>::naive_utc(&next))
    }

    /// The moment at which the zone's clock shows `wall`, or leaps over it.
    fn moment(&self, wall: NaiveDateTime) -> Option<Timestamp> {
        match self.zone.from_local_datetime(&wall) {
            MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(moment, _) => Some(moment.to_utc()),
            MappedLocalTime::None => (1..=LONGEST_LEAP_MINUTES)
                .filter_map(|minutes| wall.checked_add_signed(TimeDelta::minutes(minutes)))
                .find_map(|later| {
                    let later = later - TimeDelta::seconds(later.and_utc().timestamp().rem_euclid(60));
                    self.zone.from_local_datetime(&later).earliest()
                })
                .map(|moment| moment.to_utc()),
        }
    }

    /// How close its times lie, seen from a fixed day: what is allowed today is allowed tomorrow.
    fn measure(&self) -> Result<TimeDelta, RhythmError> {
        let first_day = Utc.with_ymd_and_hms(2024, 1, 1, 0, 0, 0).earliest();
        let begin = first_day.ok_or(RhythmError::Never)?.naive_utc();
        let end = begin + TimeDelta::days(i64::from(YEARS) * 366);
        let mut last = self.next_on_the_wall(begin).ok_or(RhythmError::Never)?;
        let mut shortest = TimeDelta::MAX;
        for _ in 0..SAMPLE {
            let Some(next) = self.next_on_the_wall(last).filter(|next| *next < end) else {
                break;
            };
            shortest = shortest.min(next - last);
            last = next;
        }
        Ok(shortest)
    }
}

#[cfg(test)]
#[path = "rhythm/tests.rs"]
mod tests;
