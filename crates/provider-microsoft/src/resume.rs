//! Where a run stopped, in words that only this adapter reads: which parts are done, and the link
//! to the next page of the one that was being read.
//!
//! What is written may be read by another version of the product, much later, or after somebody
//! changed it: whatever does not fit is ignored, and the run begins anew. No access token is in it.
//! A link is the provider's own text and may hold the name of an object: the directory's skip
//! tokens are the key of the last object of a page in Base64. Therefore the worker's storage keeps
//! the whole point sealed.

use chrono::TimeDelta;
use inventory::SectionOutcome;
use kernel::Timestamp;
use provider_core::{ReasonCode, ResumePoint};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{gateway::Session, pages::Pages};

/// Grows with each change of what is written.
const VERSION: u32 = 1;
/// Page tokens die; how soon is not documented. Older links are not tried.
const LINKS_LIVE: TimeDelta = TimeDelta::minutes(15);

/// Which operation wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    Collect,
    Measure,
}

/// How a part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    Complete,
    NotAssessed(ReasonCode),
    Failed(ReasonCode),
}

impl From<SectionOutcome> for Ending {
    fn from(outcome: SectionOutcome) -> Self {
        match outcome {
            SectionOutcome::Complete => Self::Complete,
            SectionOutcome::NotAssessed(reason) => Self::NotAssessed(reason),
            SectionOutcome::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl From<Ending> for SectionOutcome {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Complete => Self::Complete,
            Ending::NotAssessed(reason) => Self::NotAssessed(reason),
            Ending::Failed(reason) => Self::Failed(reason),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Finished {
    part: String,
    ending: Ending,
    sum: Value,
}

#[derive(Debug, Serialize, Deserialize)]
struct Current {
    part: String,
    sum: Value,
    link: String,
    asked: u32,
    /// When the link was got.
    at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    version: u32,
    operation: Operation,
    tenant: Uuid,
    /// What was counted beforehand.
    totals: Option<Value>,
    finished: Vec<Finished>,
    current: Option<Current>,
}

/// What is written down while an operation works.
pub(crate) struct Trail(Written);

impl Trail {
    /// Goes on where the attempt before stopped, or begins.
    pub(crate) fn open(session: &Session<'_>, operation: Operation) -> Self {
        let tenant = session.identity().tenant;
        let earlier = session
            .pulse()
            .resume_point()
            .and_then(|point| read(&point, operation, tenant, session.now()));
        if let Some(earlier) = &earlier {
            let (parts, within) = (earlier.finished.len(), earlier.current.is_some());
            tracing::debug!(parts, within, "going on where an earlier attempt stopped");
        }
        Self(earlier.unwrap_or_else(|| Written {
            version: VERSION,
            operation,
            tenant,
            totals: None,
            finished: Vec::new(),
            current: None,
        }))
    }

    /// What an earlier attempt counted beforehand.
    pub(crate) fn totals<T: for<'de> Deserialize<'de>>(&self) -> Option<T> {
        T::deserialize(self.0.totals.as_ref()?).ok()
    }

    pub(crate) fn set_totals(&mut self, totals: &impl Serialize) {
        self.0.totals = serde_json::to_value(totals).ok();
    }

    /// How a part ended and what it came to, if it is done.
    pub(crate) fn finished<S: for<'de> Deserialize<'de>>(&self, part: &str) -> Option<(Ending, S)> {
        let done = self.0.finished.iter().find(|done| done.part == part)?;
        Some((done.ending, S::deserialize(&done.sum).ok()?))
    }

    /// A part's pages from where they were left, with what they came to so far; or from the
    /// beginning.
    pub(crate) fn pages<'s, 'a, S: Default + for<'de> Deserialize<'de>>(
        &self,
        session: &'s Session<'a>,
        contract: &'static crate::contracts::Contract,
    ) -> (Pages<'s, 'a>, S) {
        let current = self.0.current.as_ref();
        let within = current.filter(|current| current.part == contract.name());
        within
            .and_then(|current| {
                let sum = S::deserialize(&current.sum).ok()?;
                let pages = Pages::resumed(session, contract, &current.link, current.asked)?;
                Some((pages, sum))
            })
            .unwrap_or_else(|| (Pages::new(session, contract), S::default()))
    }

    /// Notes what a part came to with the page that was just read: it is done with the last one.
    pub(crate) fn note(&mut self, part: &str, sum: &impl Serialize, pages: &Pages<'_, '_>, at: Timestamp) {
        let Ok(sum) = serde_json::to_value(sum) else {
            return;
        };
        self.0.current = pages.link().map(|link| Current {
            part: part.to_owned(),
            sum,
            link: link.to_owned(),
            asked: pages.asked(),
            at,
        });
    }

    /// Notes that a part is done.
    pub(crate) fn finish(&mut self, part: &str, ending: Ending, sum: &impl Serialize) {
        let Ok(sum) = serde_json::to_value(sum) else {
            return;
        };
        self.0.current = None;
        self.0.finished.retain(|done| done.part != part);
        self.0.finished.push(Finished {
            part: part.to_owned(),
            ending,
            sum,
        });
    }

    /// The point; without the link when it would be too long with it.
    pub(crate) fn point(&mut self, now: Timestamp) -> Option<ResumePoint> {
        let mut text = serde_json::to_string(&self.0).ok()?;
        if text.len() > ResumePoint::LONGEST {
            self.0.current = None;
            text = serde_json::to_string(&self.0).ok()?;
        }
        (text.len() <= ResumePoint::LONGEST).then_some(ResumePoint {
            text,
            written_at: now,
        })
    }
}

/// What was written, if it is ours, of this version, for this operation and this tenant. A link
/// that is too old is left out.
fn read(point: &ResumePoint, operation: Operation, tenant: Uuid, now: Timestamp) -> Option<Written> {
    if point.text.len() > ResumePoint::LONGEST {
        return None;
    }
    let mut written: Written = serde_json::from_str(&point.text).ok()?;
    if (written.version, written.operation, written.tenant) != (VERSION, operation, tenant) {
        return None;
    }
    written.current = written
        .current
        .filter(|current| (now - current.at).abs() <= LINKS_LIVE);
    Some(written)
}

#[cfg(test)]
mod tests;
