//! Who did not wait: requests that came before the moment that their tenant and class had been told to wait for.
//!
//! A 429 closes its whole class for its tenant, whoever sent it: the throttle or a fault. A request that was already
//! under way when the 429 was sent is found too; its `told_at` is then hardly before its `at`.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::ThrottleClass;
use crate::directory::lock;
use crate::fault::allowed_at;

/// How many are remembered.
const CAPACITY: usize = 10_000;

/// A request that should have waited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EarlyRequest {
    /// Tenant of the token, or of the login path.
    pub tenant: Uuid,
    /// What was to be left alone.
    pub class: ThrottleClass,
    /// Path without query.
    pub path: String,
    /// When it came, by the simulator's clock.
    pub at: DateTime<Utc>,
    /// When the answer that asked to wait was sent.
    pub told_at: DateTime<Utc>,
    /// When it would have been welcome.
    pub allowed_at: DateTime<Utc>,
}

/// One request as this log sees it.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) tenant: Option<Uuid>,
    /// None for a batch: its items have classes.
    pub(crate) class: Option<ThrottleClass>,
    pub(crate) path: String,
}

/// Classes that were told to wait, and who did not.
#[derive(Default)]
pub(crate) struct Early {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When it was told, and until when.
    closed: HashMap<(Uuid, ThrottleClass), (DateTime<Utc>, DateTime<Utc>)>,
    found: VecDeque<EarlyRequest>,
}

impl Early {
    pub(crate) fn arrive(&self, visit: &Visit, at: DateTime<Utc>) {
        let (Some(tenant), Some(class)) = (visit.tenant, visit.class) else {
            return;
        };
        let state = &mut *lock(&self.state);
        let Some(&(told_at, allowed_at)) = state.closed.get(&(tenant, class)) else {
            return;
        };
        if at >= allowed_at || at < told_at {
            return;
        }
        if state.found.len() == CAPACITY {
            state.found.pop_front();
        }
        state.found.push_back(EarlyRequest {
            tenant,
            class,
            path: visit.path.clone(),
            at,
            told_at,
            allowed_at,
        });
    }

    /// Notes an answer: 429 with a wait closes the class. An earlier promise is never shortened.
    pub(crate) fn answer(&self, visit: &Visit, response: &Response, now: DateTime<Utc>) {
        let (Some(tenant), Some(class)) = (visit.tenant, visit.class) else {
            return;
        };
        if response.status() != StatusCode::TOO_MANY_REQUESTS {
            return;
        }
        let Some(until) = allowed_at(response.headers(), now) else {
            return;
        };
        let closed = &mut lock(&self.state).closed;
        let entry = closed.entry((tenant, class)).or_insert((now, until));
        if until > entry.1 {
            *entry = (now, until);
        }
    }

    pub(crate) fn all(&self) -> Vec<EarlyRequest> {
        lock(&self.state).found.iter().cloned().collect()
    }

    /// Forgets what was found and what was told.
    pub(crate) fn clear(&self) {
        *lock(&self.state) = State::default();
    }
}
