//! Rows of runs, turned into the domain's type and back.

use kernel::{Id, StoreError};
use operations::{
    Completion, Initiator, OperationRun, OperationType, RunFailure, RunOutcome, RunPlace, RunState,
    RunStatus, RunTarget, RunTrigger, Waiting, run::NewRun,
};
use provider_core::{Progress, ReasonCode};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, Iterable as _,
    sea_query::{Expr, InsertStatement, Query},
};
use serde_json::{Map, Value, json};
use tenancy::WorkspaceScope;
use uuid::Uuid;

use crate::{
    entities::run::{ActiveModel, Column, Entity, Model},
    time::{duration, from_micros, from_optional, to_micros},
};

const TABLE: &str = "operation_runs";
const JOB: &str = "job";
const GROUP: &str = "group";

const fn broken(column: &'static str) -> StoreError {
    StoreError::Inconsistent { table: TABLE, column }
}

/// The run of a row.
pub(crate) fn run(row: Model) -> Result<OperationRun, StoreError> {
    let state = state(&row)?;
    let trigger = trigger(&row)?;
    let place = place(row.environment_id, row.connection_id, row.scope_key)?;
    let new = NewRun {
        workspace_id: Id::from_uuid(row.workspace_id),
        place,
        trigger,
        id: Id::from_uuid(row.id),
        operation_type: OperationType::parse(&row.operation_type).ok_or(broken("operation_type"))?,
        identity_hash: row.identity_hash,
        inputs: match row.inputs {
            Value::Object(map) => map,
            _ => Map::new(),
        },
        initiator: Initiator {
            principal_id: row.initiator_principal_id.map(Id::from_uuid),
            label: row.initiator_label,
        },
        context: serde_json::from_value(row.context).map_err(|_| broken("context"))?,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
    };
    let mut run = OperationRun::restore(new, state);
    run.attempt = row.attempt;
    run.counts = serde_json::from_value(row.counts).map_err(|_| broken("counts"))?;
    run.failures = failures(&row.failures);
    run.progress = progress(row.progress_processed, row.progress_total);
    run.not_before = from_optional(row.not_before, TABLE, "not_before")?;
    run.cancel_requested_at = from_optional(row.cancel_requested_at, TABLE, "cancel_requested_at")?;
    run.waiting = waiting(row.waiting_since, row.waiting_reason.as_deref())?;
    run.waited = duration(row.waited);
    Ok(run)
}

fn place(
    environment: Option<Uuid>,
    connection: Option<Uuid>,
    scope_key: Option<String>,
) -> Result<RunPlace, StoreError> {
    let target = match (connection, scope_key) {
        (Some(connection), Some(scope_key)) => Some(RunTarget {
            connection_id: Id::from_uuid(connection),
            scope_key,
        }),
        (None, None) => None,
        (None, Some(scope_key)) if environment.is_none() => return Ok(RunPlace::Workspace { scope_key }),
        (Some(_), None) | (None, Some(_)) => return Err(broken("scope_key")),
    };
    let environment_id = environment.map(Id::from_uuid).ok_or(broken("environment_id"))?;
    Ok(RunPlace::Environment {
        environment_id,
        target,
    })
}

/// What caused the run of a row.
pub(crate) fn trigger(row: &Model) -> Result<RunTrigger, StoreError> {
    match row.trigger_kind.as_str() {
        "api" => Ok(RunTrigger::Api {
            retry_of: row.retry_of.map(Id::from_uuid),
        }),
        "bulk" => Ok(RunTrigger::Bulk {
            parent: row.parent_run_id.map(Id::from_uuid),
        }),
        "schedule" => {
            let schedule = row.schedule_id.ok_or(broken("schedule_id"))?;
            Ok(RunTrigger::Schedule(Id::from_uuid(schedule)))
        }
        "consent" => Ok(RunTrigger::Consent),
        "system" => Ok(RunTrigger::System),
        _ => Err(broken("trigger_kind")),
    }
}

fn waiting(since: Option<i64>, reason: Option<&str>) -> Result<Option<Waiting>, StoreError> {
    let since = from_optional(since, TABLE, "waiting_since")?;
    Ok(since.zip(reason).map(|(since, reason)| Waiting {
        reason: ReasonCode::parse(reason),
        since,
    }))
}

fn state(row: &Model) -> Result<RunState, StoreError> {
    let started_at = from_optional(row.started_at, TABLE, "started_at")?;
    match RunStatus::parse(&row.status).ok_or(broken("status"))? {
        RunStatus::Queued => Ok(RunState::Queued),
        RunStatus::Running if row.kind == GROUP => Ok(RunState::Gathering {
            started_at: started_at.ok_or(broken("started_at"))?,
        }),
        RunStatus::Running => Ok(RunState::Running {
            started_at: started_at.ok_or(broken("started_at"))?,
            heartbeat_at: from_optional(row.heartbeat_at, TABLE, "heartbeat_at")?
                .ok_or(broken("heartbeat_at"))?,
            lease_until: from_optional(row.lease_until, TABLE, "lease_until")?
                .ok_or(broken("lease_until"))?,
        }),
        RunStatus::Completed => Ok(RunState::Completed {
            outcome: RunOutcome::parse(&row.outcome).ok_or(broken("outcome"))?,
            started_at,
            completed_at: from_optional(row.completed_at, TABLE, "completed_at")?
                .ok_or(broken("completed_at"))?,
        }),
    }
}

/// The stored codes, with the words of the present catalogue.
fn failures(stored: &Value) -> Vec<RunFailure> {
    let codes = stored
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("code")?.as_str());
    codes
        .map(|code| RunFailure::of(ReasonCode::parse(code)))
        .collect()
}

fn progress(processed: Option<i64>, total: Option<i64>) -> Option<Progress> {
    Some(Progress {
        processed: u64::try_from(processed?).ok()?,
        total: u64::try_from(total?).ok()?,
    })
}

/// The row of a new run.
pub(crate) fn new_row(scope: &WorkspaceScope, run: &OperationRun) -> ActiveModel {
    let (started_at, completed_at) = match run.state() {
        RunState::Completed {
            started_at,
            completed_at,
            outcome: _,
        } => (started_at, Some(completed_at)),
        RunState::Gathering { started_at } => (Some(started_at), None),
        RunState::Queued | RunState::Running { .. } => (None, None),
    };
    let kind = if run.operation_type.is_group() { GROUP } else { JOB };
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    ActiveModel {
        workspace_id: Set(scope.workspace_id().as_uuid()),
        id: Set(run.id.as_uuid()),
        environment_id: Set(run.place.environment_id().map(|id| id.as_uuid())),
        connection_id: Set(run.target().map(|target| target.connection_id.as_uuid())),
        operation_type: Set(run.operation_type.as_str().to_owned()),
        status: Set(run.status().as_str().to_owned()),
        outcome: Set(run
            .outcome()
            .map_or(RunOutcome::PENDING, RunOutcome::as_str)
            .to_owned()),
        scope_key: Set(run.place.scope_key().map(str::to_owned)),
        identity_hash: Set(run.identity_hash.clone()),
        inputs: Set(Value::Object(run.inputs.clone())),
        initiator_principal_id: Set(run.initiator.principal_id.map(|id| id.as_uuid())),
        initiator_label: Set(run.initiator.label.clone()),
        attempt: Set(run.attempt),
        lost_leases: Set(0),
        lease_owner: Set(None),
        lease_until: Set(None),
        heartbeat_at: Set(None),
        started_at: Set(started_at.map(to_micros)),
        completed_at: Set(completed_at.map(to_micros)),
        not_before: Set(run.not_before.map(to_micros)),
        cancel_requested_at: Set(None),
        retry_of: Set(run.trigger.retry_of().map(|id| id.as_uuid())),
        context: Set(serde_json::to_value(&run.context).expect("the context serializes")),
        counts: Set(serde_json::to_value(&run.counts).expect("the counts serialize")),
        failures: Set(failures_json(&run.failures)),
        progress_processed: Set(run.progress.map(|progress| number(progress.processed))),
        progress_total: Set(run.progress.map(|progress| number(progress.total))),
        created_at: Set(to_micros(run.created_at)),
        waiting_since: Set(None),
        waiting_reason: Set(None),
        waited: Set(0),
        kind: Set(kind.to_owned()),
        trigger_kind: Set(run.trigger.as_str().to_owned()),
        parent_run_id: Set(run.trigger.parent().map(|id| id.as_uuid())),
        schedule_id: Set(run.trigger.schedule().map(|id| id.as_uuid())),
        // The database says it: see `queued_now`.
        queued_at: NotSet,
    }
}

/// The statement that inserts the row of a run that waits from now on, on the database's clock.
pub(crate) fn queued_now(row: &ActiveModel, now: &'static str) -> InsertStatement {
    let mut columns = vec![Column::QueuedAt];
    let mut values = vec![Expr::cust(now)];
    for column in Column::iter() {
        if let Set(value) = row.get(column) {
            columns.push(column);
            values.push(column.save_as(Expr::val(value)));
        }
    }
    Query::insert()
        .into_table(Entity)
        .columns(columns)
        .values_panic(values)
        .to_owned()
}

/// Failures as they are stored.
fn failures_json(failures: &[RunFailure]) -> Value {
    failures
        .iter()
        .map(|failure| json!({ "code": failure.code(), "message": failure.message() }))
        .collect()
}

/// What the end of a run writes beside its status: context, counts, failures.
pub(crate) fn completion_json(completion: &Completion) -> (Value, Value, Value) {
    (
        serde_json::to_value(&completion.context).expect("the context serializes"),
        serde_json::to_value(&completion.counts).expect("the counts serialize"),
        failures_json(completion.failures()),
    )
}
