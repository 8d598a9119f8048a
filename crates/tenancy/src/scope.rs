//! The proof that somebody may act in a workspace. Every repository asks for it first, so a
//! query that forgets the workspace cannot be written.
//!
//! A scope is made in two ways only: from a [`Membership`] that holds the capability asked for,
//! or for a task of the system itself. The second way is banned by `clippy.toml` outside the
//! places that are listed there.

use crate::{Actor, Capability, Membership, WorkspaceId};

/// A workspace, and who acts in it.
#[derive(Debug, Clone)]
pub struct WorkspaceScope {
    workspace_id: WorkspaceId,
    actor: Actor,
}

/// The member is known here, but the role does not hold the capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the role does not hold {}", .0.as_str())]
pub struct Denied(pub Capability);

/// Work that the system does by itself, named in audit events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemTask {
    /// Executes operation runs.
    Worker,
    /// Ends runs whose worker is gone.
    Sweep,
    /// Writes down what came back from a provider's consent page. Who sat before it is not known.
    Consent,
    /// Removes credentials whose time is over, and announces ends.
    Upkeep,
    /// Starts what schedules ask for.
    Scheduler,
    /// Removes what is older than it is kept.
    Housekeeping,
    /// Delivers events to webhooks.
    Webhooks,
}

impl SystemTask {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Sweep => "sweep",
            Self::Consent => "consent",
            Self::Upkeep => "upkeep",
            Self::Scheduler => "scheduler",
            Self::Housekeeping => "housekeeping",
            Self::Webhooks => "webhooks",
        }
    }
}

impl WorkspaceScope {
    /// The scope of a member who needs `capability` for what follows.
    pub fn authorize(membership: &Membership, capability: Capability) -> Result<Self, Denied> {
        if !membership.role().holds(capability) {
            return Err(Denied(capability));
        }
        Ok(Self {
            workspace_id: membership.workspace_id(),
            actor: membership.actor(),
        })
    }

    /// The scope of the system's own work. Banned by lint except where a run is claimed.
    pub const fn for_system(workspace_id: WorkspaceId, task: SystemTask) -> Self {
        Self {
            workspace_id,
            actor: Actor::System(task),
        }
    }

    /// The workspace.
    pub const fn workspace_id(&self) -> WorkspaceId {
        self.workspace_id
    }

    /// Who acts.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }
}
