//! The call log. It never holds a header other than `client-request-id`, and never a body.

use std::collections::VecDeque;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::directory::lock;

/// How many calls are remembered.
const CAPACITY: usize = 100_000;

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

/// All calls, written on arrival and completed on answer.
#[derive(Default)]
pub(crate) struct CallLog {
    state: Mutex<(u64, VecDeque<Call>)>,
}

impl CallLog {
    pub(crate) fn all(&self) -> Vec<Call> {
        lock(&self.state).1.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.state).1.clear();
    }

    /// Notes an arrival and returns its sequence number.
    pub(crate) fn arrive(&self, mut call: Call) -> u64 {
        let mut state = lock(&self.state);
        state.0 += 1;
        call.sequence = state.0;
        if state.1.len() == CAPACITY {
            state.1.pop_front();
        }
        state.1.push_back(call);
        state.0
    }

    /// Notes the answer of an arrival that is still in the log.
    pub(crate) fn answer(&self, sequence: u64, status: u16) {
        let mut state = lock(&self.state);
        if let Ok(position) = state.1.binary_search_by_key(&sequence, |call| call.sequence) {
            state.1[position].status = status;
        }
    }
}
