//! Limits of a running simulator: throttling, the life of page tokens, licences, and who did not wait.

use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::Control;
use crate::directory::lock;
use crate::throttle::{Early, EarlyRequest, Throttle, ThrottleClass};

/// Life of a page token. The real one is not published; lists that rest for an hour were seen to fail.
pub(super) const PAGE_TOKEN_MINUTES: u32 = 60;

impl Control {
    /// Switches the published limits on or off; all windows begin anew.
    pub fn set_throttling(&self, enabled: bool) {
        self.inner.throttle.switch(enabled);
    }

    /// Multiplies the published limits of a class, so that small lists reach them. A limit never falls below 1. False
    /// for a factor that is not above 0.
    pub fn scale_throttling(&self, class: ThrottleClass, factor: f64) -> bool {
        self.inner.throttle.scale(class, factor)
    }

    /// The requests that came although their tenant and class had been told to wait, oldest first; the newest 10,000.
    pub fn early_requests(&self) -> Vec<EarlyRequest> {
        self.inner.early.all()
    }

    /// Forgets them, and every wait that was asked for.
    pub fn clear_early_requests(&self) {
        self.inner.early.clear();
    }

    /// Sets how long page tokens live, in whole minutes of the simulator's clock; with zero each is dead at once.
    pub fn set_page_token_life(&self, life: TimeDelta) {
        let minutes = u32::try_from(life.num_minutes().max(0)).unwrap_or(u32::MAX);
        self.inner.page_minutes.store(minutes, Ordering::SeqCst);
    }

    /// Whether a tenant has Entra ID P1, which it has unless this says otherwise. Without it, sign-ins are refused.
    pub fn set_premium(&self, tenant: Uuid, premium: bool) {
        let mut without = lock(&self.inner.not_premium);
        if premium {
            without.remove(&tenant);
        } else {
            without.insert(tenant);
        }
    }

    pub(crate) fn is_premium(&self, tenant: Uuid) -> bool {
        !lock(&self.inner.not_premium).contains(&tenant)
    }

    pub(crate) fn page_token_minutes(&self) -> u32 {
        self.inner.page_minutes.load(Ordering::SeqCst)
    }

    /// Whole minutes from the start to a moment; 0 for one before it.
    pub(crate) fn minutes_since_start(&self, at: DateTime<Utc>) -> u32 {
        let minutes = (at - self.inner.started).num_minutes().max(0);
        u32::try_from(minutes).unwrap_or(u32::MAX)
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.inner.throttle
    }

    pub(crate) fn early(&self) -> &Early {
        &self.inner.early
    }
}
