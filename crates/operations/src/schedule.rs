//! Schedules: what is started again and again, where, and in whose name.
//!
//! A schedule never piles work up: a turn at which the last run is still active is left out, and of the
//! turns that passed while nobody looked one is made up for at most.

mod repository;
mod rhythm;
mod slot;

use kernel::Timestamp;
use provider_core::{ConnectionId, ReasonCode, RunId};
use serde_json::{Map, Value};
use tenancy::{ChangeTarget, DisplayName, EnvironmentId, PrincipalId, WorkspaceId};

pub use self::{
    repository::{DueSchedule, DueSchedules, Firing, ScheduleLookup, ScheduleRepository},
    rhythm::{Rhythm, RhythmError},
    slot::{Jitter, Slot},
};
use crate::{OperationType, ScheduleId};

/// A schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The workspace around it.
    pub workspace_id: WorkspaceId,
    /// Its id.
    pub id: ScheduleId,
    /// For people.
    pub display_name: DisplayName,
    /// What it starts.
    pub operation_type: OperationType,
    /// With which parameters, in their canonical spelling.
    pub inputs: Map<String, Value>,
    /// Where.
    pub target: ScheduleTarget,
    /// When.
    pub rhythm: Rhythm,
    /// By how much its turns are put off.
    pub jitter: Jitter,
    /// Whether it goes on.
    pub state: ScheduleState,
    /// In whose name it starts: whoever made it, or resumed it last.
    pub responsible: Responsible,
    /// What became of the last turn; nothing before the first.
    pub last: Option<LastTurn>,
    /// How many turns were left out since the last start.
    pub consecutive_skips: u32,
    /// Counts the changes that people made.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody last changed it.
    pub updated_at: Timestamp,
}

/// Where a schedule starts its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleTarget {
    /// In one environment.
    Environment {
        /// Which.
        environment_id: EnvironmentId,
        /// Through which connection; the environment's default if none is named.
        connection_id: Option<ConnectionId>,
    },
    /// In all environments that there are at that moment.
    AllEnvironments,
}

/// Whether a schedule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleState {
    /// It waits for this turn.
    Active(Slot),
    /// It waits for a person to resume it.
    Paused(PauseCause),
}

/// Why a schedule does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseCause {
    /// Somebody paused it.
    Person,
    /// The system did.
    System(ReasonCode),
}

/// In whose name a schedule starts: his capability is looked at for each start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responsible {
    /// Who.
    pub principal_id: PrincipalId,
    /// The name at that time.
    pub label: String,
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastTurn {
    /// What.
    pub result: TurnResult,
    /// When.
    pub at: Timestamp,
    /// The run that it started, or that records why it did not.
    pub run_id: Option<RunId>,
}

/// How a turn went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnResult {
    /// A run was started.
    Started,
    /// Left out: what it would start was active already.
    SkippedActive,
    /// Left out: another operation held the target.
    SkippedBusy,
    /// Left out: there is no environment.
    SkippedEmpty,
    /// Refused for stored facts; the schedule is paused.
    Blocked,
}

impl TurnResult {
    /// Every result.
    pub const ALL: [Self; 5] = [
        Self::Started,
        Self::SkippedActive,
        Self::SkippedBusy,
        Self::SkippedEmpty,
        Self::Blocked,
    ];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::SkippedActive => "skipped_active",
            Self::SkippedBusy => "skipped_busy",
            Self::SkippedEmpty => "skipped_empty",
            Self::Blocked => "blocked",
        }
    }

    /// The result that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.as_str() == text)
    }

    /// Whether the turn was left out, to be followed by the next one.
    pub const fn is_skip(self) -> bool {
        match self {
            Self::SkippedActive | Self::SkippedBusy | Self::SkippedEmpty => true,
            Self::Started | Self::Blocked => false,
        }
    }
}

impl Schedule {
    /// The turn that it waits for.
    pub const fn slot(&self) -> Option<Slot> {
        match self.state {
            ScheduleState::Active(slot) => Some(slot),
            ScheduleState::Paused(_) => None,
        }
    }

    /// The first turn after `after` that is not due yet at `now`.
    pub fn next_slot(&self, after: Timestamp, now: Timestamp) -> Option<Slot> {
        Slot::next((self.id, &self.rhythm, self.jitter), after, now)
    }

    /// How it is named in the journal.
    pub fn change_target(&self) -> ChangeTarget {
        ChangeTarget {
            kind: "schedule",
            id: self.id.to_string(),
            label: self.display_name.as_str().to_owned(),
        }
    }
}
