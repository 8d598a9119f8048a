//! The sweep: what became of runs whose worker fell silent, that waited too long, or worked too
//! long. Looks first, then ends each run with an update that repeats the whole condition, so a
//! sign of life that came in between wins.

use kernel::{StoreError, Timestamp};
use operations::{
    Completion, OperationRun, OperationType, QueueSettings, Reconciliation, RunContext, RunLease, RunOutcome,
    SweepCause, SweepReport,
};
use provider_core::ReasonCode;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Func, UpdateStatement},
};
use serde_json::json;
use tenancy::{AuditAction, SystemTask};

use super::{
    attempts::{fenced, release},
    end::end_run,
    groups,
    queue::{change, system_scope},
    rows,
};
use crate::{
    database::Database,
    entities::run::{Column, Entity, Model},
    error::OrStoreError as _,
    journal,
    scoped::installation_wide,
    time::{micros, now_sql},
};

/// How many runs one sweep looks at for each cause at a time.
const BATCH: u64 = 100;
/// How many times it looks at most: the next sweep goes on.
const ROUNDS: u32 = 50;

/// What becomes of a run that is in the sweep's hands.
#[derive(Clone, Copy)]
enum Verdict {
    Requeue,
    End(RunOutcome, ReasonCode),
}

pub(crate) async fn sweep(database: &Database, settings: &QueueSettings) -> Result<SweepReport, StoreError> {
    let mut report = SweepReport::default();
    for search in searches(database, settings) {
        for _ in 0..ROUNDS {
            let found = look(database, settings, &search, &mut report).await?;
            // What could not be settled would be found again at once.
            if found < BATCH {
                break;
            }
        }
    }
    match groups::reconcile(database).await? {
        0 => {}
        ended => tracing::warn!(ended, "ended groups whose runs were all over"),
    }
    Ok(report)
}

/// Settles a batch. Returns how many of it changed something; fewer than a batch means that there is
/// no more, or that the rest had better wait for the next sweep.
async fn look(
    database: &Database,
    settings: &QueueSettings,
    search: &Search,
    report: &mut SweepReport,
) -> Result<u64, StoreError> {
    let candidates = installation_wide::<Entity>()
        .filter(search.condition.clone())
        .limit(BATCH)
        .all(database.readers())
        .await
        .or_store_error()?;
    let mut settled = 0;
    for row in candidates {
        fail::fail_point!("reaper.after_select");
        let id = row.id;
        let mut case = Case {
            cause: search.cause,
            lease_owner: row.lease_owner.clone(),
            lost_leases: row.lost_leases + i32::from(search.cause == SweepCause::LeaseLost),
            verdict: (search.verdict)(&row, settings),
        };
        let row = readable(&mut case, row);
        match settle(database, row, &case, &search.condition).await {
            Ok(false) => continue,
            Ok(true) => settled += 1,
            Err(error) => {
                // One run that cannot be settled must not keep the others from it.
                tracing::error!(run_id = %id, %error, "a silent run cannot be settled");
                continue;
            }
        }
        match case.verdict {
            Verdict::Requeue => report.requeued += 1,
            Verdict::End(..) => report.failed += 1,
        }
    }
    Ok(settled)
}

/// What a sweep found about one run, and what becomes of it.
struct Case {
    cause: SweepCause,
    lease_owner: Option<String>,
    /// With this one, if the cause is a lost lease.
    lost_leases: i32,
    verdict: Verdict,
}

/// A run that this version made and cannot read any more is ended, with what cannot be read left
/// out: nobody could work on it, and it would hold its scope for ever.
fn readable(case: &mut Case, row: Model) -> Model {
    if rows::run(row.clone()).is_ok() {
        return row;
    }
    case.cause = SweepCause::Unreadable;
    case.verdict = Verdict::End(RunOutcome::Failed, ReasonCode::InternalError);
    Model {
        inputs: json!({}),
        context: serde_json::to_value(RunContext::default()).unwrap_or_default(),
        counts: json!({}),
        failures: json!([]),
        ..row
    }
}

/// What a sweep looks for.
struct Search {
    cause: SweepCause,
    condition: Condition,
    verdict: fn(&Model, &QueueSettings) -> Verdict,
}

fn searches(database: &Database, settings: &QueueSettings) -> Vec<Search> {
    let now = || Expr::cust(now_sql(database.readers().get_database_backend()));
    // Groups have no worker to lose. What a later version made is left to that version's processes.
    let jobs = |status: &str| {
        Condition::all()
            .add(Column::Status.eq(status))
            .add(Column::Kind.eq("job"))
            .add(Column::OperationType.is_in(OperationType::ALL.map(OperationType::as_str)))
    };
    let queued_at = Func::coalesce([Expr::col(Column::QueuedAt), Expr::col(Column::CreatedAt)]);
    let mut searches = vec![
        Search {
            cause: SweepCause::LeaseLost,
            condition: jobs("running").add(Expr::col(Column::LeaseUntil).lt(now())),
            verdict: after_lost_lease,
        },
        Search {
            cause: SweepCause::QueueTimeout,
            condition: jobs("queued")
                .add(Expr::expr(queued_at).lt(now().sub(micros(settings.queue_timeout)))),
            verdict: |_, _| Verdict::End(RunOutcome::Failed, ReasonCode::RunQueueTimeout),
        },
    ];
    searches.extend(OperationType::ALL.map(|operation| {
        Search {
            cause: SweepCause::RunTimeout,
            condition: jobs("running")
                .add(Column::OperationType.eq(operation.as_str()))
                // The time for which the provider made it wait is no work.
                .add(
                    Expr::col(Column::StartedAt)
                        .add(Expr::col(Column::Waited))
                        .lt(now().sub(micros(operation.run_timeout()))),
                ),
            verdict: |_, _| Verdict::End(RunOutcome::Failed, ReasonCode::RunTimeout),
        }
    }));
    searches
}

fn after_lost_lease(row: &Model, settings: &QueueSettings) -> Verdict {
    if row.cancel_requested_at.is_some() {
        Verdict::End(RunOutcome::Canceled, ReasonCode::RunCanceled)
    } else if row.lost_leases + 1 >= settings.max_attempts {
        Verdict::End(RunOutcome::Failed, ReasonCode::WorkerLost)
    } else {
        Verdict::Requeue
    }
}

/// Settles one run. `false` when it changed since it was looked at.
async fn settle(
    database: &Database,
    row: Model,
    case: &Case,
    condition: &Condition,
) -> Result<bool, StoreError> {
    let (run, verdict) = (rows::run(row)?, case.verdict);
    let db = database.transaction().await?;
    let lease = RunLease {
        workspace_id: run.workspace_id,
        run_id: run.id,
        attempt: run.attempt,
    };
    let scope = system_scope(&run, SystemTask::Sweep);
    let settled = match verdict {
        Verdict::Requeue => {
            let mut statement = requeue(&lease);
            statement.cond_where(condition.clone());
            let change = change(database.context(), &scope, &run, AuditAction::OperationRequeued)
                .with("cause", case.cause.as_str())
                .with("lost_leases", case.lost_leases);
            let met = db.execute(&statement).await.or_store_error()?.rows_affected() == 1;
            if met {
                journal::record(&db, run.workspace_id, &change).await?;
            }
            met
        }
        Verdict::End(outcome, reason) => {
            let Some(completion) =
                completion(&run, (outcome, reason), (case, database.context().clock.now()))
            else {
                return Ok(false);
            };
            let mut statement = guarded(&lease);
            statement.cond_where(condition.clone());
            let mut change = change(database.context(), &scope, &run, AuditAction::OperationCompleted)
                .with("cause", case.cause.as_str())
                .with("lost_leases", case.lost_leases)
                .with("outcome", outcome.as_str())
                .with("reason_code", reason.as_str());
            change.outcome = operations::audit_outcome(outcome);
            let told = (run.workspace_id, &change);
            end_run((&db, database.context()), statement, &completion, told).await?
        }
    };
    if settled {
        db.commit().await.or_store_error()?;
        database.context().committed.notify_one();
    }
    Ok(settled)
}

fn requeue(lease: &RunLease) -> UpdateStatement {
    let mut statement = fenced(lease);
    statement
        .value(Column::Status, "queued")
        .and_where(Expr::col(Column::CancelRequestedAt).is_null())
        .value(Column::LostLeases, Expr::col(Column::LostLeases).add(1));
    release(&mut statement);
    statement
}

/// Like the fence, but for runs in any status; the sweep's condition says which.
fn guarded(lease: &RunLease) -> UpdateStatement {
    let mut statement = sea_orm::sea_query::Query::update();
    statement
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(lease.workspace_id.as_uuid()))
        .and_where(Expr::col(Column::Id).eq(lease.run_id.as_uuid()))
        .and_where(Expr::col(Column::Attempt).eq(lease.attempt));
    statement
}

fn completion(
    run: &OperationRun,
    (outcome, reason): (RunOutcome, ReasonCode),
    (case, at): (&Case, Timestamp),
) -> Option<Completion> {
    let mut completion = run.end_because(outcome, reason).ok()?;
    completion.context.reconciliation = Some(Reconciliation {
        reason_code: reason,
        cause: Some(case.cause),
        at: Some(at),
        lease_owner: case.lease_owner.clone(),
        attempts: run.attempt,
        lost_leases: case.lost_leases,
    });
    Some(completion)
}
