//! What callers did and heard, and whether the database agrees: nothing that was acknowledged is
//! missing, nothing was accepted twice, and who was named as the holder held the scope then.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use kernel::Timestamp;

use super::{fleet::Down, invariants::Violation, order::ENDS, raw::Raw};
use crate::Engine;

/// What a caller heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A new run.
    Accepted(String),
    /// This run was active already.
    Deduplicated(String),
    /// This run holds the scope.
    ScopeBusy(String),
    /// A cancel was answered: the run is over, was asked to end, or was over.
    Canceled,
    /// 503: try again.
    Unavailable,
    /// No answer: it may have happened or not.
    Unknown(String),
    /// An answer that nobody should get.
    Unexpected(String),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which process was asked.
    pub slot: usize,
    /// When it was asked, and when it was answered.
    pub span: (Instant, Instant),
    /// The same on the clock of the rows.
    pub wall: (Timestamp, Timestamp),
    /// What was heard.
    pub heard: Heard,
}

/// An acknowledged start is missing.
pub const V1: &str = "V1 an acknowledged run is missing";
/// One run was accepted twice, so two callers believe that it is theirs.
pub const V3: &str = "V3 a run was accepted twice";
/// A run was named as the holder at a time when it held nothing.
pub const NAMED: &str = "V3 named a run that was not active between question and answer";
/// Something else than an answer or a 503.
pub const V11: &str = "V11 an answer that nobody should get";

/// Rows know milliseconds on one engine, and two clocks are read one after the other.
const SLACK: i64 = 5_000;

/// How much earlier than others see it the known time of an end may be: on SQLite that is the time in its row, and
/// many wait for the one writer and then for the disk; PostgreSQL tells when the commit was, but not when it was seen.
pub const AMONG_MANY: Duration = Duration::from_secs(3);
/// The same for whoever does one thing after the other.
pub const ALONE: Duration = Duration::ZERO;

/// The whole of what callers heard.
#[derive(Debug, Clone, Default)]
pub struct History(pub Vec<Event>);

impl History {
    /// Checks it against the rows. `down` tells when each process was not there, and `wait` how long a commit
    /// may have taken.
    pub async fn check(
        &self,
        raw: &Raw,
        down: &BTreeMap<usize, Vec<Down>>,
        wait: Duration,
    ) -> Vec<Violation> {
        let mut violations = self.answers(down);
        let runs = active_times(raw, wait).await;
        let mut accepted = BTreeSet::new();
        for event in &self.0 {
            let (run, fresh) = match &event.heard {
                Heard::Accepted(run) => (run, true),
                Heard::Deduplicated(run) | Heard::ScopeBusy(run) => (run, false),
                Heard::Canceled | Heard::Unavailable | Heard::Unknown(_) | Heard::Unexpected(_) => continue,
            };
            let mut broken = |rule| {
                let detail = run.clone();
                violations.push(Violation { rule, detail });
            };
            if fresh && !accepted.insert(run) {
                broken(V3);
            }
            match runs.get(run) {
                None => broken(V1),
                Some((from, to)) if !fresh => {
                    let (asked, answered) =
                        (event.wall.0.timestamp_micros(), event.wall.1.timestamp_micros());
                    if *from > answered + SLACK || to.is_some_and(|to| to + SLACK < asked) {
                        broken(NAMED);
                    }
                }
                Some(_) => {}
            }
        }
        violations
    }

    /// What may be answered: connections break only while a process is not there.
    fn answers(&self, down: &BTreeMap<usize, Vec<Down>>) -> Vec<Violation> {
        let mut violations = Vec::new();
        for event in &self.0 {
            let detail = match &event.heard {
                Heard::Unexpected(text) => text.clone(),
                Heard::Unknown(why) if !was_down(event, down.get(&event.slot)) => {
                    format!("process {} was up and did not answer: {why}", event.slot)
                }
                _ => continue,
            };
            violations.push(Violation { rule: V11, detail });
        }
        violations
    }

    /// How many events are as `wanted`.
    pub fn count(&self, wanted: impl Fn(&Heard) -> bool) -> usize {
        self.0.iter().filter(|event| wanted(&event.heard)).count()
    }

    /// How long answered starts took: so many of a hundred took no longer.
    pub fn percentile(&self, of_hundred: usize) -> Duration {
        let answered = |event: &&Event| {
            matches!(
                event.heard,
                Heard::Accepted(_) | Heard::Deduplicated(_) | Heard::ScopeBusy(_)
            )
        };
        let spans = self
            .0
            .iter()
            .filter(answered)
            .map(|event| event.span.1 - event.span.0);
        percentile(spans.collect(), of_hundred)
    }
}

/// The value below which so many of a hundred lie.
pub fn percentile<T: Ord + Copy + Default>(mut values: Vec<T>, of_hundred: usize) -> T {
    values.sort_unstable();
    let place = (values.len() * of_hundred).div_ceil(100).saturating_sub(1);
    values.get(place).copied().unwrap_or_default()
}

fn was_down(event: &Event, downs: Option<&Vec<Down>>) -> bool {
    downs.is_some_and(|downs| {
        downs
            .iter()
            .any(|(from, to)| *from <= event.span.1 && to.is_none_or(|to| event.span.0 <= to))
    })
}

/// From when to when each run was active, as far as anybody could see.
async fn active_times(raw: &Raw, wait: Duration) -> BTreeMap<String, (i64, Option<i64>)> {
    let id = raw.id_text("r.id");
    let micros = i64::try_from(wait.as_micros()).expect("not for ages");
    let ended = match raw.engine() {
        Engine::Sqlite => format!("r.completed_at + {micros}"),
        // The time of a commit is taken before others see it.
        Engine::Postgres => format!("greatest(r.completed_at, e.seen) + {micros}"),
    };
    let seen = match raw.engine() {
        Engine::Sqlite => String::new(),
        Engine::Postgres => format!(
            "LEFT JOIN (SELECT target_id,
                CAST(max(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000) AS bigint) AS seen
                FROM audit_events WHERE target_kind = 'operation_run' AND action IN ({ENDS}) GROUP BY target_id
            ) e ON e.target_id = {id}"
        ),
    };
    let sql = format!("SELECT {id}, r.created_at, {ended} FROM operation_runs r {seen}");
    let rows = raw.rows(&sql).await;
    rows.iter()
        .map(|row| {
            let id = row.try_get_by_index(0).expect("text");
            let from = row.try_get_by_index(1).expect("a number");
            let to = row.try_get_by_index(2).expect("a number");
            (id, (from, to))
        })
        .collect()
}
