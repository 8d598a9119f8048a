//! The filters of the run list as SQL. Freshness is derived in memory
//! ([`operations::OperationRun::freshness`]); a filter on it must narrow in the database, so the same
//! rule stands here a second time, and a test compares the two over every kind of run.

use kernel::Timestamp;
use operations::{Freshness, RunFilter, RunStatus};
use sea_orm::{
    ColumnTrait as _, Condition,
    sea_query::{Expr, ExprTrait as _},
};

use crate::{entities::run::Column, time::to_micros};

/// That a run is active, in the words of the index that lists active runs alone (the schema has it that what is
/// active has no end). Engines use such an index when they read the same words, with no parameter in them.
pub(super) fn active() -> Expr {
    Expr::cust("completed_at IS NULL")
}

/// The same, in the words of the index that lets one active run hold a scope.
pub(super) fn holding() -> Expr {
    Expr::cust("status IN ('queued', 'running')")
}

/// Everything that `filter` asks for.
pub(super) fn condition(filter: &RunFilter) -> Condition {
    let RunFilter {
        environment_id,
        connection_id,
        operation_type,
        status,
        group,
        outcome,
        initiator,
        trigger,
        freshness,
        parent_run_id,
        schedule_id,
        created_after,
        created_before,
    } = filter;
    let only_active = status.is_some_and(RunStatus::is_active)
        || group.is_some_and(|group| group.statuses().iter().all(|status| status.is_active()))
        || freshness.is_some_and(|(freshness, _)| match freshness {
            Freshness::FreshActive | Freshness::LikelyStale => true,
            Freshness::ReconciledFailed | Freshness::TerminalNormal => false,
        });
    Condition::all()
        .add_option(only_active.then(active))
        .add_option(environment_id.map(|id| Column::EnvironmentId.eq(id.as_uuid())))
        .add_option(connection_id.map(|id| Column::ConnectionId.eq(id.as_uuid())))
        .add_option(operation_type.map(|operation| Column::OperationType.eq(operation.as_str())))
        .add_option(status.map(|status| Column::Status.eq(status.as_str())))
        .add_option(group.map(|group| Column::Status.is_in(group.statuses().iter().map(|s| s.as_str()))))
        .add_option(outcome.map(|outcome| Column::Outcome.eq(outcome.as_str())))
        .add_option(initiator.map(|id| Column::InitiatorPrincipalId.eq(id.as_uuid())))
        .add_option(trigger.map(|trigger| Column::TriggerKind.eq(trigger)))
        .add_option(freshness.map(|(freshness, now)| says(freshness, now)))
        .add_option(parent_run_id.map(|id| Column::ParentRunId.eq(id.as_uuid())))
        .add_option(schedule_id.map(|id| Column::ScheduleId.eq(id.as_uuid())))
        .add_option(created_after.map(|at| Column::CreatedAt.gt(to_micros(at))))
        .add_option(created_before.map(|at| Column::CreatedAt.lt(to_micros(at))))
}

fn says(freshness: Freshness, now: Timestamp) -> Condition {
    let lapsed = || Column::LeaseUntil.lt(to_micros(now));
    let completed = || Column::Status.eq(RunStatus::Completed.as_str());
    let running = || Column::Status.eq(RunStatus::Running.as_str());
    // Both engines read a field of a JSON document like this; null is "not there" for both.
    let reconciled = || Expr::cust("context ->> 'reconciliation' IS NOT NULL");
    match freshness {
        Freshness::FreshActive => Condition::any()
            .add(Column::Status.eq(RunStatus::Queued.as_str()))
            .add(running().and(lapsed().not().or(Column::LeaseUntil.is_null()))),
        Freshness::LikelyStale => Condition::all().add(running()).add(lapsed()),
        Freshness::ReconciledFailed => Condition::all().add(completed()).add(reconciled()),
        Freshness::TerminalNormal => Condition::all().add(completed()).add(reconciled().not()),
    }
}
