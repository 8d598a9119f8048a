//! Throttling with the published numbers (Microsoft Graph documentation, "service-specific throttling limits").
//!
//! Off unless it is switched on. Limits count in fixed windows that begin with their first request; a refused request
//! counts too, as on the real service. Time is the simulator's clock. It must never know what an answer contains.

mod class;
mod early;
mod windows;

use std::sync::Mutex;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::directory::lock;
use crate::exchange::Ids;
use crate::fault::throttled;

pub use class::ThrottleClass;
pub use early::EarlyRequest;
pub(crate) use early::{Early, Visit};

use class::{LIMITS, Limit, LimitScope, cost};
use windows::Windows;

/// From this part of a limit on, the directory says how much is used.
const WARNING: f64 = 0.8;

/// The limits of a simulator and how far they are used.
#[derive(Default)]
pub(crate) struct Throttle {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    enabled: bool,
    /// What a class's limits are multiplied with; those that are not here are as published.
    scales: Vec<(ThrottleClass, f64)>,
    windows: Windows,
}

/// One request to be counted.
pub(crate) struct Asked<'a> {
    pub(crate) class: ThrottleClass,
    pub(crate) tenant: Uuid,
    pub(crate) app: Uuid,
    /// Size of the tenant: the directory gives bigger ones more.
    pub(crate) users: usize,
    /// Path below the version, and the query.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) at: DateTime<Utc>,
}

/// What the limits say about one request.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Cost, and how much of the limit is used.
    Go {
        units: u32,
        used: f64,
    },
    Wait(Refused),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    limit: &'static Limit,
    /// Seconds until the window ends.
    seconds: u64,
    units: u32,
    used: f64,
}

/// The state of the throttle, for people.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    enabled: bool,
    scales: Vec<(ThrottleClass, f64)>,
}

impl Throttle {
    pub(crate) fn switch(&self, enabled: bool) {
        let mut state = lock(&self.state);
        state.enabled = enabled;
        state.windows = Windows::default();
    }

    /// Multiplies the limits of a class; false for a factor that is not above 0.
    pub(crate) fn scale(&self, class: ThrottleClass, factor: f64) -> bool {
        if !factor.is_finite() || factor <= 0.0 {
            return false;
        }
        let mut state = lock(&self.state);
        state.scales.retain(|(other, _)| *other != class);
        state.scales.push((class, factor));
        state.windows = Windows::default();
        true
    }

    pub(crate) fn status(&self) -> Status {
        let state = lock(&self.state);
        Status {
            enabled: state.enabled,
            scales: state.scales.clone(),
        }
    }

    /// Counts a request; `None` when nothing is counted.
    pub(crate) fn ask(&self, asked: &Asked<'_>) -> Option<Verdict> {
        let state = &mut *lock(&self.state);
        if !state.enabled {
            return None;
        }
        let factor = state.scales.iter().find(|(class, _)| *class == asked.class);
        let factor = factor.map_or(1.0, |(_, factor)| *factor);
        let units = cost(asked.class, asked.path, asked.query);
        let mut used = 0.0_f64;
        let mut refused = None;
        for limit in LIMITS.iter().filter(|limit| limit.applies(asked)) {
            let allowed = limit.allowed(factor, asked.users);
            let spent = if limit.counts_units { units } else { 1 };
            let window = state.windows.spend(limit, asked, spent);
            if limit.class == Some(asked.class) {
                used = used.max(f64::from(window.spent) / f64::from(allowed));
            }
            if window.spent > allowed && refused.is_none() {
                refused = Some((limit, window.seconds_left(asked.at, limit)));
            }
        }
        Some(match refused {
            None => Verdict::Go { units, used },
            Some((limit, seconds)) => Verdict::Wait(Refused {
                limit,
                seconds,
                units,
                used,
            }),
        })
    }
}

impl Verdict {
    /// The headers by which the directory shows what a request cost; the other services show nothing.
    pub(crate) fn mark(&self, class: ThrottleClass, headers: &mut HeaderMap) {
        let (Self::Go { units, used } | Self::Wait(Refused { units, used, .. })) = self;
        if class != ThrottleClass::Directory {
            return;
        }
        set(headers, "x-ms-resource-unit", &units.to_string());
        if *used >= WARNING {
            set(headers, "x-ms-throttle-limit-percentage", &format!("{used:.2}"));
        }
    }
}

impl Refused {
    /// 429. Conditional access does not say how long to wait.
    pub(crate) fn answer(&self, asked: &Asked<'_>, ids: &Ids) -> Response {
        let wait = self.limit.says_when.then(|| self.seconds.to_string());
        let mut response = throttled(wait.as_deref(), ids, false);
        if asked.class == ThrottleClass::Directory {
            let (app, tenant) = (asked.app, asked.tenant);
            let scope = match self.limit.scope {
                LimitScope::AppTenant => format!("Tenant_Application/ReadWrite/{app}/{tenant}"),
                LimitScope::App => format!("Application/ReadWrite/{app}/"),
                LimitScope::Tenant => format!("Tenant/ReadWrite//{tenant}"),
            };
            let headers = response.headers_mut();
            set(headers, "x-ms-throttle-scope", &scope);
            set(headers, "x-ms-throttle-information", "ResourceUnitLimitExceeded");
        }
        response
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests;
