//! Rows of schedules, turned into the domain's type and back.

use kernel::{Id, StoreError};
use operations::{
    Jitter, LastTurn, OperationType, PauseCause, Responsible, Rhythm, Schedule, ScheduleState,
    ScheduleTarget, Slot, TurnResult,
};
use provider_core::ReasonCode;
use sea_orm::ActiveValue::Set;
use serde_json::{Map, Value};
use tenancy::{DisplayName, WorkspaceScope};

use crate::{
    entities::schedule::{ActiveModel, Model},
    time::{from_micros, from_optional, to_micros},
};

const TABLE: &str = "schedules";

const fn broken(column: &'static str) -> StoreError {
    StoreError::Inconsistent { table: TABLE, column }
}

/// The schedule of a row.
pub(super) fn schedule(row: Model) -> Result<Schedule, StoreError> {
    let state = state(&row)?;
    let last = last(&row)?;
    let target = match (row.environment_id, row.connection_id) {
        (Some(environment), connection) => ScheduleTarget::Environment {
            environment_id: Id::from_uuid(environment),
            connection_id: connection.map(Id::from_uuid),
        },
        (None, None) => ScheduleTarget::AllEnvironments,
        (None, Some(_)) => return Err(broken("connection_id")),
    };
    Ok(Schedule {
        workspace_id: Id::from_uuid(row.workspace_id),
        id: Id::from_uuid(row.id),
        display_name: DisplayName::new(&row.display_name).map_err(|_| broken("display_name"))?,
        operation_type: OperationType::parse(&row.operation_type).ok_or(broken("operation_type"))?,
        inputs: match row.inputs {
            Value::Object(map) => map,
            _ => Map::new(),
        },
        target,
        rhythm: Rhythm::parse(&row.cron, &row.time_zone).map_err(|_| broken("cron"))?,
        jitter: Jitter::stored(u32::try_from(row.jitter_seconds).map_err(|_| broken("jitter_seconds"))?),
        state,
        responsible: Responsible {
            principal_id: Id::from_uuid(row.responsible_principal_id),
            label: row.responsible_label,
        },
        last,
        consecutive_skips: u32::try_from(row.consecutive_skips).unwrap_or(u32::MAX),
        version: row.version,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
        updated_at: from_micros(row.updated_at, TABLE, "updated_at")?,
    })
}

fn state(row: &Model) -> Result<ScheduleState, StoreError> {
    match row.state.as_str() {
        "active" => Ok(ScheduleState::Active(Slot {
            tick: from_optional(row.next_tick_at, TABLE, "next_tick_at")?.ok_or(broken("next_tick_at"))?,
            due: from_optional(row.next_due_at, TABLE, "next_due_at")?.ok_or(broken("next_due_at"))?,
        })),
        "paused" => Ok(ScheduleState::Paused(match row.paused_reason.as_deref() {
            Some(reason) => PauseCause::System(ReasonCode::parse(reason)),
            None => PauseCause::Person,
        })),
        _ => Err(broken("state")),
    }
}

fn last(row: &Model) -> Result<Option<LastTurn>, StoreError> {
    let at = from_optional(row.last_turn_at, TABLE, "last_turn_at")?;
    let Some((text, at)) = row.last_result.as_deref().zip(at) else {
        return Ok(None);
    };
    Ok(Some(LastTurn {
        result: TurnResult::parse(text).ok_or(broken("last_result"))?,
        at,
        run_id: row.last_run_id.map(Id::from_uuid),
    }))
}

/// What a state is in columns: `state`, `paused_reason`, `next_tick_at`, `next_due_at`.
pub(super) type StateColumns = (&'static str, Option<String>, Option<i64>, Option<i64>);

pub(super) fn state_columns(state: ScheduleState) -> StateColumns {
    match state {
        ScheduleState::Active(slot) => (
            "active",
            None,
            Some(to_micros(slot.tick)),
            Some(to_micros(slot.due)),
        ),
        ScheduleState::Paused(PauseCause::Person) => ("paused", None, None, None),
        ScheduleState::Paused(PauseCause::System(reason)) => {
            ("paused", Some(reason.as_str().to_owned()), None, None)
        }
    }
}

/// The row of a new schedule.
pub(super) fn new_row(scope: &WorkspaceScope, schedule: &Schedule) -> ActiveModel {
    let (state, paused_reason, next_tick_at, next_due_at) = state_columns(schedule.state);
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
    ActiveModel {
        workspace_id: Set(scope.workspace_id().as_uuid()),
        id: Set(schedule.id.as_uuid()),
        display_name: Set(schedule.display_name.as_str().to_owned()),
        operation_type: Set(schedule.operation_type.as_str().to_owned()),
        inputs: Set(Value::Object(schedule.inputs.clone())),
        environment_id: Set(environment_id),
        connection_id: Set(connection_id),
        cron: Set(schedule.rhythm.cron().to_owned()),
        time_zone: Set(schedule.rhythm.zone().to_owned()),
        jitter_seconds: Set(schedule.jitter.seconds().into()),
        state: Set(state.to_owned()),
        paused_reason: Set(paused_reason),
        next_tick_at: Set(next_tick_at),
        next_due_at: Set(next_due_at),
        responsible_principal_id: Set(schedule.responsible.principal_id.as_uuid()),
        responsible_label: Set(schedule.responsible.label.clone()),
        last_result: Set(None),
        last_turn_at: Set(None),
        last_run_id: Set(None),
        consecutive_skips: Set(schedule.consecutive_skips.into()),
        version: Set(schedule.version),
        created_at: Set(to_micros(schedule.created_at)),
        updated_at: Set(to_micros(schedule.updated_at)),
    }
}
