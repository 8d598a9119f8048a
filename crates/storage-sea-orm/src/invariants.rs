//! The invariants, looked at in the database itself: whether what is stored can have come about in the way
//! that the product promises. Nothing is mended here, and nothing is written.
//!
//! It may run beside production. Every statement looks at a bounded number of rows or at a bounded set
//! (what is active, what is not numbered). What is gathered over several statements is only a suspicion;
//! one more statement, which sees one moment, confirms it or drops it. The histories of one workspace are
//! counted in memory: about a hundred bytes for each of its runs.
//!
//! A violation names ids and codes. It never holds a name, a target, a text of a provider or a secret.

mod answers;
mod deliveries;
mod history;
mod journal;
mod marks;
mod owed;
mod rules;
mod schema;
mod stream;
mod tally;
mod told;
mod turns;
pub(crate) mod walk;

use std::{collections::BTreeMap, time::Duration};

use kernel::StoreError;
use operations::QueueSettings;
use uuid::Uuid;

use crate::database::Database;

/// What a check is about. The numbers are those of the fault model in `docs/verification.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// At most one run holds a scope.
    V2,
    /// A named request and a turn of a schedule start one run each, and the kept answer names it.
    V3,
    /// A run ends once, and an active one has not ended.
    V4,
    /// The end was written by the holder of the last attempt.
    V5,
    /// Attempts have no gaps.
    V6,
    /// Each change has one audit event and one event of the stream, whose numbers have no gaps.
    V7,
    /// From an event follow one notification at the most and one delivery to each webhook that wants it, under one
    /// message id.
    V8,
    /// Nothing is active beyond its time.
    V10,
    /// Each workspace has an owner; nothing has two defaults; nothing refers to what is not there.
    V13,
}

impl Invariant {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "V2",
            Self::V3 => "V3",
            Self::V4 => "V4",
            Self::V5 => "V5",
            Self::V6 => "V6",
            Self::V7 => "V7",
            Self::V8 => "V8",
            Self::V10 => "V10",
            Self::V13 => "V13",
        }
    }
}

/// One thing that should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What was promised.
    pub invariant: Invariant,
    /// The stable code of the check.
    pub check: &'static str,
    /// What is wrong, for people.
    pub what: &'static str,
    /// The workspace; nothing if it is about the database as a whole.
    pub workspace_id: Option<Uuid>,
    /// The id of the row that it is about, or the name of an index or constraint.
    pub subject: String,
    /// How to look further.
    pub look: &'static str,
}

/// What a look at everything came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvariantReport {
    /// What is wrong: for each check no more than [`InvariantOptions::most`].
    pub violations: Vec<Violation>,
    /// How many violations were found and are not listed, by check.
    pub unlisted: BTreeMap<&'static str, u64>,
    /// How many checks were made.
    pub checks: u64,
}

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct InvariantOptions {
    /// The numbers by which runs are swept.
    pub queue: QueueSettings,
    /// For how long a worker holds a delivery to a webhook.
    pub delivery_lease: Duration,
    /// By how much clocks of processes and of the database may differ, and for how long a sweep may be late.
    pub slack: Duration,
    /// How many rows one statement looks at.
    pub batch: u32,
    /// How many violations of one check are listed.
    pub most: usize,
}

impl Default for InvariantOptions {
    fn default() -> Self {
        Self {
            queue: QueueSettings::default(),
            delivery_lease: Duration::from_mins(1),
            slack: Duration::from_mins(1),
            batch: 1000,
            most: 100,
        }
    }
}

/// Looks at everything.
///
/// # Errors
/// The store's. A report is complete or there is none.
pub async fn check(database: &Database, options: &InvariantOptions) -> Result<InvariantReport, StoreError> {
    let mut looker = Looker {
        database,
        options,
        report: InvariantReport::default(),
        listed: BTreeMap::new(),
    };
    schema::look(&mut looker).await?;
    rules::look(&mut looker).await?;
    told::look(&mut looker).await?;
    deliveries::look(&mut looker).await?;
    let mut last = Uuid::nil();
    loop {
        let workspaces = walk::workspaces(database, last).await?;
        let Some(newest) = workspaces.last().copied() else {
            break;
        };
        for workspace in workspaces {
            history::look(&mut looker, workspace).await?;
            journal::look(&mut looker, workspace).await?;
            stream::look(&mut looker, workspace).await?;
            owed::look(&mut looker, workspace).await?;
            answers::look(&mut looker, workspace).await?;
            turns::look(&mut looker, workspace).await?;
        }
        last = newest;
    }
    looker.report.checks = schema::CHECKS
        + rules::count()
        + history::CHECKS
        + journal::CHECKS
        + stream::CHECKS
        + told::CHECKS
        + deliveries::CHECKS
        + owed::CHECKS
        + answers::CHECKS
        + turns::CHECKS;
    Ok(looker.report)
}

/// What a check says when something is wrong.
#[derive(Debug, Clone, Copy)]
struct Promise {
    invariant: Invariant,
    check: &'static str,
    what: &'static str,
    look: &'static str,
}

/// A look under way.
struct Looker<'a> {
    database: &'a Database,
    options: &'a InvariantOptions,
    report: InvariantReport,
    listed: BTreeMap<&'static str, usize>,
}

impl Looker<'_> {
    fn violated(&mut self, promise: Promise, workspace_id: Option<Uuid>, subject: String) {
        let listed = self.listed.entry(promise.check).or_default();
        if *listed >= self.options.most {
            *self.report.unlisted.entry(promise.check).or_default() += 1;
            return;
        }
        *listed += 1;
        self.report.violations.push(Violation {
            invariant: promise.invariant,
            check: promise.check,
            what: promise.what,
            workspace_id,
            subject,
            look: promise.look,
        });
    }

    /// Whether there is room for more of this check: looking closer costs, and a list that is full says enough.
    fn has_room(&self, promise: Promise) -> bool {
        self.listed.get(promise.check).copied().unwrap_or_default() < self.options.most
    }
}
