//! The rules that are in force, and how far each has come.

use std::sync::Mutex;

use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Rule, Script};
use crate::directory::lock;
use crate::fault::FaultKind;

/// What a rule can see of a request.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) at: DateTime<Utc>,
}

/// A rule and its progress.
struct Active {
    rule: Rule,
    loaded_at: DateTime<Utc>,
    /// Requests that matched, also those that passed.
    matched: u32,
    hits: u32,
    first_hit: Option<DateTime<Utc>>,
}

/// Faults that tests added come first, then the script.
#[derive(Default)]
pub(crate) struct Rules {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    injected: Vec<Active>,
    script: Vec<Active>,
}

impl Rules {
    pub(crate) fn inject(&self, rule: Rule, now: DateTime<Utc>) {
        lock(&self.state).injected.push(Active::new(rule, now));
    }

    pub(crate) fn clear_injected(&self) {
        lock(&self.state).injected.clear();
    }

    /// Puts a script in place of the one before.
    pub(crate) fn play(&self, script: Script, now: DateTime<Utc>) {
        let rules = script.rules.into_iter().map(|rule| Active::new(rule, now));
        lock(&self.state).script = rules.collect();
    }

    /// How often each rule of the script has acted.
    pub(crate) fn hits(&self) -> Vec<u32> {
        lock(&self.state)
            .script
            .iter()
            .map(|active| active.hits)
            .collect()
    }

    /// Uses up one turn of the first rule that is due.
    pub(crate) fn take(&self, sight: Sight<'_>) -> Option<FaultKind> {
        let state = &mut *lock(&self.state);
        let kind = state
            .injected
            .iter_mut()
            .chain(&mut state.script)
            .find_map(|active| active.take(sight));
        state.injected.retain(|active| !active.is_used_up(sight.at));
        kind
    }
}

impl Active {
    fn new(rule: Rule, loaded_at: DateTime<Utc>) -> Self {
        Self {
            rule,
            loaded_at,
            matched: 0,
            hits: 0,
            first_hit: None,
        }
    }

    fn matches(&self, sight: Sight<'_>) -> bool {
        let rule = &self.rule;
        let since = |seconds: u32| self.loaded_at + TimeDelta::seconds(seconds.into());
        rule.tenant.is_none_or(|tenant| sight.tenant == Some(tenant))
            && sight.path.contains(&rule.path_contains)
            && rule
                .method
                .as_ref()
                .is_none_or(|method| sight.method.as_str().eq_ignore_ascii_case(method))
            && rule.from_seconds.is_none_or(|from| sight.at >= since(from))
            && rule.until_seconds.is_none_or(|until| sight.at < since(until))
    }

    /// End of a storm that has begun.
    fn storm_end(&self) -> Option<DateTime<Utc>> {
        match (self.first_hit, &self.rule.fault) {
            (Some(first), FaultKind::Storm { seconds }) => {
                Some(first + TimeDelta::seconds((*seconds).into()))
            }
            _ => None,
        }
    }

    /// A storm goes by time, everything else by number.
    fn is_used_up(&self, now: DateTime<Utc>) -> bool {
        match self.rule.fault {
            FaultKind::Storm { .. } => self.storm_end().is_some_and(|end| now >= end),
            _ => self.rule.times.is_some_and(|times| self.hits >= times),
        }
    }

    fn take(&mut self, sight: Sight<'_>) -> Option<FaultKind> {
        if self.is_used_up(sight.at) || !self.matches(sight) {
            return None;
        }
        self.matched = self.matched.saturating_add(1);
        if self.matched <= self.rule.after {
            return None;
        }
        self.hits = self.hits.saturating_add(1);
        self.first_hit.get_or_insert(sight.at);
        let Some(end) = self.storm_end() else {
            return Some(self.rule.fault.clone());
        };
        let left = (end - sight.at)
            .num_milliseconds()
            .max(1)
            .unsigned_abs()
            .div_ceil(1000);
        Some(FaultKind::Storm {
            seconds: u32::try_from(left).unwrap_or(u32::MAX),
        })
    }
}
