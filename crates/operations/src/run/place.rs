//! Where a run belongs and what it holds there, and what caused it.

use provider_core::{ConnectionId, RunId};
use tenancy::EnvironmentId;

use crate::ScheduleId;

/// What a run works on. Pinned when the run is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTarget {
    /// The connection.
    pub connection_id: ConnectionId,
    /// What at most one active run may hold.
    pub scope_key: String,
}

/// Where a run belongs, and what it holds there while it is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunPlace {
    /// An environment of the workspace.
    Environment {
        /// Which.
        environment_id: EnvironmentId,
        /// What it works on there; nothing if it was blocked for want of a connection.
        target: Option<RunTarget>,
    },
    /// The workspace as a whole.
    Workspace {
        /// What at most one active run may hold.
        scope_key: String,
    },
}

impl RunPlace {
    /// The environment, if it is one.
    pub const fn environment_id(&self) -> Option<EnvironmentId> {
        match self {
            Self::Environment { environment_id, .. } => Some(*environment_id),
            Self::Workspace { .. } => None,
        }
    }

    /// The connection and its target, if the run goes through one.
    pub const fn target(&self) -> Option<&RunTarget> {
        match self {
            Self::Environment { target, .. } => target.as_ref(),
            Self::Workspace { .. } => None,
        }
    }

    /// What at most one active run may hold.
    pub fn scope_key(&self) -> Option<&str> {
        match self {
            Self::Environment { target, .. } => target.as_ref().map(|target| target.scope_key.as_str()),
            Self::Workspace { scope_key } => Some(scope_key),
        }
    }
}

/// What caused a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunTrigger {
    /// A caller started it.
    Api {
        /// The run that it tries again.
        retry_of: Option<RunId>,
    },
    /// A caller started the same over several environments.
    Bulk {
        /// The group that it belongs to; nothing for the group itself.
        parent: Option<RunId>,
    },
    /// A schedule started it.
    Schedule(ScheduleId),
    /// A consent page came back.
    Consent,
    /// The system itself.
    System,
}

impl RunTrigger {
    /// The stable strings of all triggers.
    pub const ALL: [&'static str; 5] = ["api", "bulk", "schedule", "consent", "system"];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api { .. } => "api",
            Self::Bulk { .. } => "bulk",
            Self::Schedule(_) => "schedule",
            Self::Consent => "consent",
            Self::System => "system",
        }
    }

    /// The run that this one tries again.
    pub const fn retry_of(self) -> Option<RunId> {
        match self {
            Self::Api { retry_of } => retry_of,
            Self::Bulk { .. } | Self::Schedule(_) | Self::Consent | Self::System => None,
        }
    }

    /// The group that the run belongs to.
    pub const fn parent(self) -> Option<RunId> {
        match self {
            Self::Bulk { parent } => parent,
            Self::Api { .. } | Self::Schedule(_) | Self::Consent | Self::System => None,
        }
    }

    /// The schedule that started the run.
    pub const fn schedule(self) -> Option<ScheduleId> {
        match self {
            Self::Schedule(schedule) => Some(schedule),
            Self::Api { .. } | Self::Bulk { .. } | Self::Consent | Self::System => None,
        }
    }
}
