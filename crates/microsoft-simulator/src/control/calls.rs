//! The call log. It never holds a header other than `client-request-id`, and never a body.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Control;
use crate::directory::lock;

/// How many calls are remembered.
const CAPACITY: usize = 100_000;

/// How many different paths are counted; all further ones together.
const PATHS: usize = 2000;

/// Stands for the paths that have no count of their own.
const OTHERS: &str = "(others)";

/// One request that reached the login or Graph side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Order of arrival, from 1; not reset when the log is cleared.
    pub sequence: u64,
    /// HTTP method.
    pub method: String,
    /// Path with query, as sent.
    pub path: String,
    /// Status of the answer; 0 while it has not been answered or when the client went away.
    pub status: u16,
    /// Tenant of the bearer token, or of the login path.
    pub tenant: Option<Uuid>,
    /// Value of the `client-request-id` header.
    pub client_request_id: Option<String>,
    /// Time of arrival.
    pub at: DateTime<Utc>,
}

/// Which calls of the log; members that are left out do not narrow it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFilter {
    /// Only those of a tenant.
    pub tenant: Option<Uuid>,
    /// Only those whose path and query contain this.
    pub path_contains: Option<String>,
    /// Only those after this sequence number.
    pub after: Option<u64>,
    /// At most so many, the newest ones.
    pub limit: Option<usize>,
}

/// How often a path was called since the log was last emptied, also by calls that the log has dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallCount {
    /// Path without query; `(others)` for all paths beyond the first 2,000.
    pub path: String,
    /// Number of requests.
    pub calls: u64,
}

impl CallFilter {
    fn fits(&self, call: &Call) -> bool {
        self.tenant.is_none_or(|tenant| call.tenant == Some(tenant))
            && self.after.is_none_or(|after| call.sequence > after)
            && self
                .path_contains
                .as_ref()
                .is_none_or(|text| call.path.contains(text.as_str()))
    }
}

/// All calls, written on arrival and completed on answer.
#[derive(Default)]
pub(crate) struct CallLog {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    calls: VecDeque<Call>,
    counts: BTreeMap<String, u64>,
}

impl CallLog {
    fn clear(&self) {
        let mut state = lock(&self.state);
        state.calls.clear();
        state.counts.clear();
    }

    /// Notes an arrival and returns its sequence number.
    pub(crate) fn arrive(&self, mut call: Call) -> u64 {
        let state = &mut *lock(&self.state);
        state.last += 1;
        call.sequence = state.last;
        let path = call.path.split('?').next().unwrap_or_default();
        if let Some(count) = state.counts.get_mut(path) {
            *count += 1;
        } else {
            let path = if state.counts.len() < PATHS { path } else { OTHERS };
            *state.counts.entry(path.to_owned()).or_default() += 1;
        }
        if state.calls.len() == CAPACITY {
            state.calls.pop_front();
        }
        state.calls.push_back(call);
        state.last
    }

    /// Notes the answer of an arrival that is still in the log.
    pub(crate) fn answer(&self, sequence: u64, status: u16) {
        let mut state = lock(&self.state);
        if let Ok(position) = state.calls.binary_search_by_key(&sequence, |call| call.sequence) {
            state.calls[position].status = status;
        }
    }
}

impl Control {
    /// The requests received so far, oldest first; the log keeps the newest 100,000.
    pub fn calls(&self) -> Vec<Call> {
        self.find_calls(&CallFilter::default())
    }

    /// Some of them, oldest first.
    pub fn find_calls(&self, filter: &CallFilter) -> Vec<Call> {
        let state = lock(&self.inner.log.state);
        let limit = filter.limit.unwrap_or(CAPACITY);
        let newest = state.calls.iter().rev().filter(|call| filter.fits(call));
        let mut found: Vec<Call> = newest.take(limit).cloned().collect();
        found.reverse();
        found
    }

    /// How often each path was called, in the order of the paths.
    pub fn call_counts(&self) -> Vec<CallCount> {
        let state = lock(&self.inner.log.state);
        let count = |(path, calls): (&String, &u64)| CallCount {
            path: path.clone(),
            calls: *calls,
        };
        state.counts.iter().map(count).collect()
    }

    /// Empties the call log and its counts.
    pub fn clear_calls(&self) {
        self.inner.log.clear();
    }
}
