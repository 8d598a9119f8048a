//! What a storm came to, for people: one row of a Markdown table, and what is wrong below it.

use std::{fmt, time::Duration};

use kernel::Timestamp;

use super::{history, invariants::Violation, raw::Raw};
use crate::Engine;

/// The figures of one storm.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it is called.
    pub name: &'static str,
    /// On which engine.
    pub engine: Engine,
    /// What it followed from.
    pub seed: u64,
    /// How long callers called.
    pub length: Duration,
    /// Processes that were killed.
    pub kills: usize,
    /// Crashes of the database server.
    pub crashes: usize,
    /// Sessions that the server ended.
    pub sessions_ended: usize,
    /// Starts that were told of a new run.
    pub accepted: usize,
    /// Starts that were told of the active run of the same operation.
    pub deduplicated: usize,
    /// Starts that were told who holds the scope.
    pub busy: usize,
    /// Cancels that were answered.
    pub canceled: usize,
    /// Answers "try again".
    pub unavailable: usize,
    /// Requests without an answer.
    pub unknown: usize,
    /// Half of the answered starts took no longer.
    pub p50: Duration,
    /// 95 of a hundred took no longer.
    pub p95: Duration,
    /// How long it took after the last request until nothing was active; nothing if it never came.
    pub quiet_after: Option<Duration>,
    /// What became of the runs of killed workers.
    pub reclaims: Reclaims,
    /// How runs ended.
    pub outcomes: String,
    /// Processes that ended by themselves.
    pub fallen: Vec<String>,
    /// Broken promises.
    pub violations: Vec<Violation>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            name: "",
            engine: Engine::Sqlite,
            seed: 0,
            length: Duration::ZERO,
            kills: 0,
            crashes: 0,
            sessions_ended: 0,
            accepted: 0,
            deduplicated: 0,
            busy: 0,
            canceled: 0,
            unavailable: 0,
            unknown: 0,
            p50: Duration::ZERO,
            p95: Duration::ZERO,
            quiet_after: None,
            reclaims: Reclaims::default(),
            outcomes: String::new(),
            fallen: Vec::new(),
            violations: Vec::new(),
        }
    }
}

impl Report {
    /// The head of the table.
    pub const HEAD: &str = "| storm | engine | seed | s | kills | crashes | sessions ended | accepted | deduplicated | busy | 503 | no answer | p50 ms | p95 ms | quiet after s | re-claimed p50/max s | violations |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

    /// Starts that were told of a run that exists.
    pub const fn acknowledged(&self) -> usize {
        self.accepted + self.deduplicated + self.busy
    }

    /// Everything that is wrong, in words. Empty when every promise was kept.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong: Vec<_> = self.violations.iter().map(ToString::to_string).collect();
        wrong.extend(self.fallen.iter().map(|text| format!("a process fell: {text}")));
        if self.quiet_after.is_none() {
            wrong.push("runs were still active when the time was over".to_owned());
        }
        wrong
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, max) = self.reclaims.figures();
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1}/{:.1} ({}) | {} |",
            self.name,
            self.engine.name(),
            self.seed,
            self.length.as_secs(),
            self.kills,
            self.crashes,
            self.sessions_ended,
            self.accepted,
            self.deduplicated,
            self.busy,
            self.unavailable,
            self.unknown,
            self.p50.as_millis(),
            self.p95.as_millis(),
            self.quiet_after.map_or_else(
                || "never".to_owned(),
                |after| format!("{:.1}", after.as_secs_f64())
            ),
            p50.as_secs_f64(),
            max.as_secs_f64(),
            self.reclaims.taken.len(),
            self.wrong().len(),
        )?;
        write!(f, "\n  runs: {}", self.outcomes)?;
        self.wrong()
            .iter()
            .take(20)
            .try_for_each(|text| write!(f, "\n  WRONG {text}"))
    }
}

/// Runs that were in the hands of a worker when it was killed, and when they were taken again.
#[derive(Debug, Clone, Default)]
pub struct Reclaims {
    orphans: Vec<(String, i32, Timestamp)>,
    /// From the death to the next claim, or to the end if the sweep ended the run.
    pub taken: Vec<Duration>,
}

impl Reclaims {
    /// Notes what the process with this id held.
    pub async fn orphaned(&mut self, raw: &Raw, pid: u32, at: Timestamp) {
        let id = raw.id_text("id");
        let sql = format!(
            "SELECT {id}, attempt FROM operation_runs WHERE status = 'running' AND lease_owner LIKE '%/{pid}'"
        );
        // The database may be away as well: then this death is not measured.
        for row in raw.try_rows(&sql).await.unwrap_or_default() {
            let (run, attempt) = (row.try_get_by_index(0), row.try_get_by_index(1));
            self.orphans
                .push((run.expect("text"), attempt.expect("a number"), at));
        }
    }

    /// Finds out when they were taken again, from the journal.
    pub async fn look(&mut self, raw: &Raw) {
        for (run, attempt, died_at) in &self.orphans {
            let sql = format!(
                "SELECT min(occurred_at) FROM audit_events WHERE target_id = '{run}' AND (action = 'operation.completed'
                OR (action = 'operation.started' AND CAST(metadata ->> 'attempt' AS integer) > {attempt}))"
            );
            let at: Option<i64> = raw.rows(&sql).await[0]
                .try_get_by_index(0)
                .expect("a number or none");
            let later = at.map(|at| at - died_at.timestamp_micros());
            // A run that ended in the moment of the kill was none.
            if let Some(later) = later.and_then(|later| u64::try_from(later).ok()) {
                self.taken.push(Duration::from_micros(later));
            }
        }
        self.orphans.clear();
    }

    fn figures(&self) -> (Duration, Duration) {
        let p50 = history::percentile(self.taken.clone(), 50);
        (p50, self.taken.iter().max().copied().unwrap_or_default())
    }
}
