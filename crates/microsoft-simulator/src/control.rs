//! What a test may do to a running simulator, in process: read the call log, inject faults, hold requests,
//! change applications.

mod apps;
mod calls;
mod faults;
mod holds;
mod limits;
mod replays;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::directory::{Directory, lock};
use crate::exchange::now;
use crate::options::{AppState, TenantOptions};
use crate::registration::{AppRegistration, Registrations};
use crate::replication::Replication;
use crate::script::Rules;
use crate::throttle::{Early, Throttle};

pub(crate) use calls::CallLog;
pub use calls::{Call, CallCount, CallFilter};
pub use holds::Hold;
pub(crate) use holds::Holds;
use replays::Replays;

/// Handle on a running simulator; clones share everything.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Directory,
    registrations: Registrations,
    replication: Replication,
    replays: Replays,
    /// How far the clock is ahead of the real one, in milliseconds.
    clock_offset: AtomicI64,
    /// The real time at which the clock was stopped.
    stopped: OnceLock<DateTime<Utc>>,
    log: CallLog,
    rules: Rules,
    throttle: Throttle,
    early: Early,
    /// Tenants without Entra ID P1.
    not_premium: Mutex<HashSet<Uuid>>,
    /// When the simulator was started, by its clock.
    started: DateTime<Utc>,
    /// How many minutes a page token lives.
    page_minutes: AtomicU32,
    holds: Arc<Holds>,
    /// Holds that another process asked for; dropped on its request.
    remote_holds: Mutex<HashMap<u64, Hold>>,
    /// Tokens issued so far, and how many of the first ones are no longer accepted.
    issued: AtomicU64,
    expired: AtomicU64,
}

impl Control {
    pub(crate) fn new(tenants: Vec<TenantOptions>, registered: Vec<AppRegistration>) -> Self {
        let registrations = Registrations::default();
        for registration in registered {
            registrations.put(registration);
        }
        Self {
            inner: Arc::new(Inner {
                directory: Directory::new(tenants),
                registrations,
                replication: Replication::default(),
                replays: Replays::default(),
                clock_offset: AtomicI64::new(0),
                stopped: OnceLock::new(),
                log: CallLog::default(),
                rules: Rules::default(),
                throttle: Throttle::default(),
                early: Early::default(),
                not_premium: Mutex::default(),
                started: now(),
                page_minutes: AtomicU32::new(limits::PAGE_TOKEN_MINUTES),
                holds: Arc::default(),
                remote_holds: Mutex::default(),
                issued: AtomicU64::new(0),
                expired: AtomicU64::new(0),
            }),
        }
    }

    /// Makes requests whose path and query contain the text wait until the hold is released or dropped.
    pub fn hold(&self, path_contains: &str) -> Hold {
        self.inner.holds.add(path_contains)
    }

    /// Ends the life of every token issued so far: Graph answers 401 to them from now on.
    pub fn expire_tokens(&self) {
        self.inner
            .expired
            .store(self.inner.issued.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Changes the state of an application; false when the tenant does not list it.
    pub fn set_app_state(&self, tenant: Uuid, client: Uuid, state: AppState) -> bool {
        self.inner
            .directory
            .change_app(tenant, client, |app| app.state = state)
    }

    /// Replaces the granted permissions; tokens issued before keep theirs.
    pub fn set_app_roles<R: Into<String>>(
        &self,
        tenant: Uuid,
        client: Uuid,
        roles: impl IntoIterator<Item = R>,
    ) -> bool {
        let roles = roles.into_iter().map(Into::into).collect();
        self.inner
            .directory
            .change_app(tenant, client, |app| app.roles = roles)
    }

    /// Replaces the accepted secret.
    pub fn set_client_secret(&self, tenant: Uuid, client: Uuid, secret: impl Into<String>) -> bool {
        let secret = secret.into();
        self.inner
            .directory
            .change_app(tenant, client, |app| app.client_secret = secret)
    }

    /// Sets how far the simulator's clock is ahead of the real one; negative for behind. Tokens, assertions,
    /// secrets, replication and the `Date` header go by it.
    pub fn set_clock_offset(&self, offset: TimeDelta) {
        self.inner
            .clock_offset
            .store(offset.num_milliseconds(), Ordering::SeqCst);
    }

    /// Stops the clock for good, so that it moves by [`Self::set_clock_offset`] alone: on a busy machine, seconds pass
    /// between two requests of a test.
    pub fn stop_clock(&self) {
        self.inner.stopped.get_or_init(now);
    }

    /// The time by the simulator's clock.
    pub fn now(&self) -> DateTime<Utc> {
        let real = self.inner.stopped.get().copied().unwrap_or_else(now);
        real + TimeDelta::milliseconds(self.inner.clock_offset.load(Ordering::SeqCst))
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    pub(crate) fn log(&self) -> &CallLog {
        &self.inner.log
    }

    pub(crate) fn holds(&self) -> &Arc<Holds> {
        &self.inner.holds
    }

    /// Number of the token that is about to be issued, from 1.
    pub(crate) fn next_token(&self) -> u64 {
        self.inner.issued.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn token_expired(&self, number: u64) -> bool {
        number <= self.inner.expired.load(Ordering::SeqCst)
    }

    pub(crate) fn keep_remote_hold(&self, path_contains: &str) -> u64 {
        let hold = self.hold(path_contains);
        let id = hold.id();
        lock(&self.inner.remote_holds).insert(id, hold);
        id
    }

    pub(crate) fn drop_remote_hold(&self, id: u64) -> bool {
        let hold = lock(&self.inner.remote_holds).remove(&id);
        hold.is_some()
    }

    pub(crate) fn remote_waiting(&self, id: u64) -> Option<usize> {
        lock(&self.inner.remote_holds).get(&id).map(Hold::waiting)
    }
}
