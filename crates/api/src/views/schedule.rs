//! Schedules as callers see them.

use chrono::{DateTime, Utc};
use kernel::Timestamp;
use operations::{LastTurn, PauseCause, Schedule, ScheduleState, ScheduleTarget};
use provider_core::{NextStepKind, ReasonCode};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    list_views,
    scope::{NextStepView, step_views},
};

/// How many times an answer looks ahead.
pub(crate) const LOOK_AHEAD: usize = 5;

/// A schedule: what is started again and again, where, and in whose name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleView {
    /// Its id.
    id: Uuid,
    /// For people.
    #[schema(example = "Nightly inventory")]
    display_name: String,
    /// What it starts.
    #[schema(example = "inventory.sync")]
    operation_type: &'static str,
    /// With which parameters.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    inputs: Map<String, Value>,
    /// Where; nothing if it is everywhere.
    environment_id: Option<Uuid>,
    /// Through which connection; nothing if it is the environment's default at that moment.
    connection_id: Option<Uuid>,
    /// Whether it starts in all environments that there are at that moment.
    all_environments: bool,
    /// When, on the wall clock of the zone.
    #[schema(example = "30 2 * * MON-FRI")]
    cron: String,
    /// The zone.
    #[schema(example = "Europe/Berlin")]
    time_zone: &'static str,
    /// By how much its turns are put off at the most.
    jitter_seconds: u32,
    /// `active` or `paused`.
    #[schema(example = "active")]
    state: &'static str,
    /// Why it does not go on; nothing while it is active.
    paused: Option<PausedView>,
    /// When its next turn is due, jitter included; nothing while it is paused.
    next_due_at: Option<DateTime<Utc>>,
    /// Its next five turns, without jitter; none while it is paused.
    next_times: Vec<DateTime<Utc>>,
    /// In whose name it starts: whoever made it, or resumed it last.
    responsible: ResponsibleView,
    /// What became of the last turn; nothing before the first.
    last_turn: Option<LastTurnView>,
    /// How many turns were left out since the last start.
    consecutive_skips: u32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When somebody last changed it.
    updated_at: DateTime<Utc>,
}

/// Why a schedule does not go on. A person resumes it: it does not go on by itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SchedulePause)]
struct PausedView {
    /// `person` or `system`.
    #[schema(example = "system")]
    by: &'static str,
    /// Why the system paused it.
    reason_code: Option<&'static str>,
    /// The catalogue's words.
    message: Option<&'static str>,
    /// What to do about it.
    next_steps: Vec<NextStepView>,
}

/// In whose name a schedule starts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleResponsible)]
struct ResponsibleView {
    /// The name at that time.
    label: String,
    /// The principal. His capability is looked at for each start.
    principal_id: Uuid,
}

/// What became of a turn.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleTurn)]
struct LastTurnView {
    /// `started`, `skipped_active`, `skipped_busy`, `skipped_empty` or `blocked`.
    #[schema(example = "started")]
    result: &'static str,
    /// When.
    at: DateTime<Utc>,
    /// The last run that the schedule started, or that records why it did not.
    run_id: Option<Uuid>,
}

/// When a schedule like this would have its turns.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SchedulePreview {
    /// The expression, with single spaces.
    #[schema(example = "30 2 * * MON-FRI")]
    pub(crate) cron: String,
    /// The zone.
    #[schema(example = "Europe/Berlin")]
    pub(crate) time_zone: &'static str,
    /// The next five turns.
    pub(crate) next_times: Vec<DateTime<Utc>>,
}

list_views! {
    /// Schedules, oldest first.
    ScheduleList of ScheduleView;
}

impl From<Schedule> for ScheduleView {
    fn from(schedule: Schedule) -> Self {
        let (environment_id, connection_id) = match schedule.target {
            ScheduleTarget::Environment {
                environment_id,
                connection_id,
            } => (
                Some(environment_id.as_uuid()),
                connection_id.map(|id| id.as_uuid()),
            ),
            ScheduleTarget::AllEnvironments => (None, None),
        };
        let (state, paused) = match schedule.state {
            ScheduleState::Active(_) => ("active", None),
            ScheduleState::Paused(cause) => ("paused", Some(PausedView::from(cause))),
        };
        Self {
            id: schedule.id.as_uuid(),
            all_environments: environment_id.is_none(),
            environment_id,
            connection_id,
            state,
            paused,
            next_due_at: schedule.slot().map(|slot| slot.due),
            next_times: turns(&schedule),
            operation_type: schedule.operation_type.as_str(),
            cron: schedule.rhythm.cron().to_owned(),
            time_zone: schedule.rhythm.zone(),
            jitter_seconds: schedule.jitter.seconds(),
            display_name: schedule.display_name.as_str().to_owned(),
            inputs: schedule.inputs,
            responsible: ResponsibleView {
                label: schedule.responsible.label,
                principal_id: schedule.responsible.principal_id.as_uuid(),
            },
            last_turn: schedule.last.map(LastTurnView::from),
            consecutive_skips: schedule.consecutive_skips,
            created_at: schedule.created_at,
            updated_at: schedule.updated_at,
        }
    }
}

/// From the row alone: what is shown changes when the schedule does, and not with the time of day.
fn turns(schedule: &Schedule) -> Vec<Timestamp> {
    let Some(slot) = schedule.slot() else {
        return Vec::new();
    };
    let after = schedule.rhythm.upcoming(slot.tick, LOOK_AHEAD - 1);
    std::iter::once(slot.tick).chain(after).collect()
}

impl From<PauseCause> for PausedView {
    fn from(cause: PauseCause) -> Self {
        let resume = NextStepKind::ResumeSchedule.step();
        match cause {
            PauseCause::Person => Self {
                by: "person",
                reason_code: None,
                message: None,
                next_steps: step_views(vec![resume]),
            },
            PauseCause::System(reason) => Self {
                by: "system",
                reason_code: Some(ReasonCode::as_str(reason)),
                message: Some(reason.message()),
                next_steps: match reason.next_step() {
                    step if step.kind == NextStepKind::None => step_views(vec![resume]),
                    step => step_views(vec![step, resume]),
                },
            },
        }
    }
}

impl From<LastTurn> for LastTurnView {
    fn from(turn: LastTurn) -> Self {
        let LastTurn { result, at, run_id } = turn;
        Self {
            result: result.as_str(),
            at,
            run_id: run_id.map(|id| id.as_uuid()),
        }
    }
}
