//! Seats of those who watch: how many there are, and whether their membership still stands. One question to
//! the store is for all of them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kernel::StoreError;
use prometheus_client::metrics::gauge::Gauge;
use storage::Watching;
use tenancy::{PrincipalId, Role, WorkspaceId};
use tokio::{sync::watch, time::Instant};

use crate::metrics::Metrics;

/// A principal in a workspace.
type Member = (WorkspaceId, PrincipalId);

/// All seats of the process.
pub(crate) struct Seats {
    table: Mutex<Table>,
    per_principal: usize,
    per_process: usize,
    open: Gauge,
}

#[derive(Default)]
struct Table {
    total: usize,
    of: HashMap<PrincipalId, usize>,
    standings: HashMap<Member, Standing>,
    checked: Option<Instant>,
}

/// The role of a member who watches, and in how many seats.
struct Standing {
    seats: usize,
    role: watch::Sender<Option<Role>>,
}

/// A seat. Free again when it is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    member: Member,
    role: watch::Receiver<Option<Role>>,
}

impl Seats {
    pub(super) fn new(per_principal: usize, per_process: usize, metrics: &Metrics) -> Self {
        let open = Gauge::default();
        metrics.register(|registry| {
            registry.register("event_streams", "Event streams that are open", open.clone());
        });
        Self {
            table: Mutex::default(),
            per_principal,
            per_process,
            open,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a member whose role was read a moment ago; nothing if there are too many.
    pub(crate) fn take(
        self: &Arc<Self>,
        workspace: WorkspaceId,
        principal: PrincipalId,
        role: Role,
    ) -> Option<Seat> {
        let member = (workspace, principal);
        let mut table = self.table();
        let own = table.of.get(&principal).copied().unwrap_or_default();
        if own >= self.per_principal || table.total >= self.per_process {
            return None;
        }
        table.total += 1;
        table.of.insert(principal, own + 1);
        let standing = table.standings.entry(member).or_insert_with(|| Standing {
            seats: 0,
            role: watch::Sender::new(Some(role)),
        });
        standing.seats += 1;
        standing.role.send_replace(Some(role));
        let role = standing.role.subscribe();
        self.open.inc();
        Some(Seat {
            seats: Arc::clone(self),
            member,
            role,
        })
    }

    fn free(&self, member: Member) {
        let mut table = self.table();
        table.total = table.total.saturating_sub(1);
        self.open.dec();
        if let Some(own) = table.of.get_mut(&member.1) {
            *own -= 1;
            if *own == 0 {
                table.of.remove(&member.1);
            }
        }
        if let Some(standing) = table.standings.get_mut(&member) {
            standing.seats -= 1;
            if standing.seats == 0 {
                table.standings.remove(&member);
            }
        }
    }

    /// Whether the roles were read longer than `age` ago.
    pub(super) fn is_due(&self, age: Duration) -> bool {
        self.table().checked.is_none_or(|at| at.elapsed() >= age)
    }

    /// Reads every watcher's role again. If that has not worked for `patience`, nobody watches any more: a
    /// membership that cannot be read does not count.
    pub(super) async fn check(&self, store: &dyn Watching, patience: Duration) -> Result<(), StoreError> {
        let members: Vec<_> = self.table().standings.keys().copied().collect();
        let read = store.roles(&members).await;
        let checked = {
            let mut table = self.table();
            if read.is_ok() {
                table.checked = Some(Instant::now());
            }
            table.checked
        };
        if read.is_ok() || checked.is_none_or(|at| at.elapsed() >= patience) {
            self.settle(members, read.as_deref().unwrap_or_default());
        }
        read.map(drop)
    }

    /// The same for those who watch something of these workspaces, of which news are about to be told.
    pub(super) async fn check_in(
        &self,
        workspaces: &HashSet<WorkspaceId>,
        store: &dyn Watching,
    ) -> Result<(), StoreError> {
        let mut members: Vec<_> = self.table().standings.keys().copied().collect();
        members.retain(|(of, _)| workspaces.contains(of));
        if members.is_empty() {
            return Ok(());
        }
        let read = store.roles(&members).await?;
        self.settle(members, &read);
        Ok(())
    }

    /// Tells `members` what was read of them. Who is missing there is no member any more.
    fn settle(&self, members: Vec<Member>, read: &[(WorkspaceId, PrincipalId, Role)]) {
        let roles: HashMap<Member, Role> = read
            .iter()
            .map(|(workspace, principal, role)| ((*workspace, *principal), *role))
            .collect();
        let table = self.table();
        for member in members {
            if let Some(standing) = table.standings.get(&member) {
                let now = roles.get(&member).copied();
                standing
                    .role
                    .send_if_modified(|role| std::mem::replace(role, now) != now);
            }
        }
    }
}

impl Seat {
    /// The role at present; nothing once it was lost.
    pub(crate) fn role(&self) -> Option<Role> {
        *self.role.borrow()
    }

    /// The role as the store has it now. Only the one task that looks for all writes down what it read: a read that
    /// was overtaken must not give back a role.
    pub(super) async fn stored_role(&self, store: &dyn Watching) -> Result<Option<Role>, StoreError> {
        let read = store.roles(&[self.member]).await?;
        Ok(read.first().map(|(.., role)| *role))
    }

    /// Waits until the role is another one.
    pub(crate) async fn changed(&mut self) {
        // The sender lives as long as the seat.
        let _ = self.role.changed().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.free(self.member);
    }
}
