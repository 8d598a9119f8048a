//! How much of each limit is spent.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::Asked;
use super::class::{LIMITS, Limit, LimitScope};

/// Which limit, for whom.
type Key = (usize, Option<Uuid>, Option<Uuid>);

/// The windows that are open. There are at most as many as limits, tenants and applications allow.
#[derive(Default)]
pub(super) struct Windows {
    open: HashMap<Key, Window>,
}

#[derive(Clone, Copy)]
pub(super) struct Window {
    start: DateTime<Utc>,
    pub(super) spent: u32,
}

impl Windows {
    /// Spends from a limit and returns its window after that.
    pub(super) fn spend(&mut self, limit: &'static Limit, asked: &Asked<'_>, units: u32) -> Window {
        let number = LIMITS.iter().position(|other| std::ptr::eq(other, limit));
        let (tenant, app) = match limit.scope {
            LimitScope::AppTenant => (Some(asked.tenant), Some(asked.app)),
            LimitScope::Tenant => (Some(asked.tenant), None),
            LimitScope::App => (None, Some(asked.app)),
        };
        let fresh = Window {
            start: asked.at,
            spent: 0,
        };
        let key = (number.unwrap_or(LIMITS.len()), tenant, app);
        let window = self.open.entry(key).or_insert(fresh);
        // A clock that was set back opens a new window as well.
        if asked.at >= window.end(limit) || asked.at < window.start {
            *window = fresh;
        }
        window.spent = window.spent.saturating_add(units);
        *window
    }
}

impl Window {
    fn end(&self, limit: &Limit) -> DateTime<Utc> {
        self.start + TimeDelta::seconds(limit.per_seconds.into())
    }

    /// Whole seconds until the window ends, rounded up.
    pub(super) fn seconds_left(&self, now: DateTime<Utc>, limit: &Limit) -> u64 {
        let left = (self.end(limit) - now).num_milliseconds().max(1);
        left.unsigned_abs().div_ceil(1000)
    }
}
