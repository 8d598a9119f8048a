//! The time between a consent and the moment when the login side knows of it everywhere.
//!
//! No page names a limit; public reports tell of seconds to minutes in which tokens are refused with AADSTS700016
//! or come without the new roles.

use std::collections::HashMap;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::directory::lock;
use crate::options::AppOptions;

/// What has not arrived yet.
#[derive(Default)]
pub(crate) struct Replication {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By tenant and client.
    pending: HashMap<(Uuid, Uuid), Pending>,
    /// Token requests that still fail, by tenant.
    misses: HashMap<Uuid, u32>,
    /// Tokens that still come without roles, by tenant.
    role_misses: HashMap<Uuid, u32>,
}

struct Pending {
    visible_from: DateTime<Utc>,
    /// The roles before the consent; `None` when there was no usable service principal.
    before: Option<Vec<String>>,
}

fn take(counts: &mut HashMap<Uuid, u32>, tenant: Uuid) -> bool {
    match counts.get_mut(&tenant) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

impl Replication {
    /// Notes a consent that is seen later.
    pub(crate) fn delay(
        &self,
        tenant: Uuid,
        client: Uuid,
        visible_from: DateTime<Utc>,
        before: Option<Vec<String>>,
    ) {
        let pending = Pending { visible_from, before };
        lock(&self.state).pending.insert((tenant, client), pending);
    }

    /// Forgets a consent that was under way.
    pub(crate) fn forget(&self, tenant: Uuid, client: Uuid) {
        lock(&self.state).pending.remove(&(tenant, client));
    }

    pub(crate) fn set_misses(&self, tenant: Uuid, requests: u32) {
        lock(&self.state).misses.insert(tenant, requests);
    }

    pub(crate) fn set_role_misses(&self, tenant: Uuid, tokens: u32) {
        lock(&self.state).role_misses.insert(tenant, tokens);
    }

    /// The application as this token request sees it; `None` when it does not see it yet.
    pub(crate) fn seen(&self, tenant: Uuid, mut app: AppOptions, now: DateTime<Utc>) -> Option<AppOptions> {
        let mut state = lock(&self.state);
        if take(&mut state.misses, tenant) {
            return None;
        }
        match state.pending.get(&(tenant, app.client_id)) {
            Some(pending) if now < pending.visible_from => app.roles = pending.before.clone()?,
            _ => {}
        }
        Some(app)
    }

    /// Uses up one token without roles.
    pub(crate) fn take_role_miss(&self, tenant: Uuid) -> bool {
        take(&mut lock(&self.state).role_misses, tenant)
    }
}
