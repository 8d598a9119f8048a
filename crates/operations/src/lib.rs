//! Operation runs: what can be started, the gate that lets one run at a time onto a target, the
//! states of a run, and what may be said about one that failed.
//!
//! Neutral: no provider's word, no SQL, no HTTP. The database decides the race at the gate
//! through [`run_repository::RunRepository::insert`]; this crate decides what the answer means.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod actions;
pub mod bulk;
pub mod catalogue;
pub mod choice;
pub mod context;
pub mod counts;
pub mod entry;
pub mod execution_gate;
pub mod gate;
pub mod ids;
pub mod inputs;
pub mod lane;
pub mod notification;
pub mod queue;
pub mod readiness;
pub mod retention;
pub mod run;
pub mod run_repository;
pub mod sanitizer;
pub mod schedule;

pub use actions::{ActionTimes, RunAction};
pub use bulk::{BulkItem, BulkStart, StartedBulk};
pub use catalogue::{OperationDefinition, OperationType};
pub use choice::choose;
pub use context::{Reconciliation, RunContext, SweepCause};
pub use counts::{CountKey, SummaryCounts};
pub use entry::StartEntry;
pub use gate::{ConnectionChoice, GateError, StartOutcome, StartRequest};
pub use ids::{NotificationId, ScheduleId};
pub use inputs::UnknownInput;
pub use lane::{Lane, PerLane};
pub use notification::{Notification, NotificationLookup, NotificationRepository, is_told};
pub use queue::{
    ClaimedRun, Fence, HandBack, Heartbeat, LaneDepth, QueueSettings, RunAttempts, RunLease, RunQueue,
    SweepReport, WorkerName,
};
pub use readiness::OperationReadiness;
pub use retention::{KeepDays, Retention, RetentionKind, RetentionSettings, RetentionTurns};
pub use run::{
    ChildOutcomes, Completion, Freshness, GroupTally, Initiator, InvalidTransition, OperationRun, RunOutcome,
    RunPlace, RunState, RunStatus, RunTarget, RunTrigger, StatusGroup, Waiting, audit_outcome, change_target,
};
pub use run_repository::{InsertedRun, RunFilter, RunLookup, RunRepository};
pub use sanitizer::RunFailure;
pub use schedule::{
    DueSchedule, DueSchedules, Firing, Jitter, LastTurn, PauseCause, Responsible, Rhythm, RhythmError,
    Schedule, ScheduleLookup, ScheduleRepository, ScheduleState, ScheduleTarget, Slot, TurnResult,
};
