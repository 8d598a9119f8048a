//! The sweep: what became of runs whose worker fell silent, that waited too long, or worked too
//! long. Looks first, then ends each run with an update that repeats the whole condition, so a
//! sign of life that came in between wins.

use kernel::StoreError;
use operations::{
    Completion, OperationRun, OperationType, QueueSettings, Reconciliation, RunContext, RunLease, RunOutcome,
    SweepReport,
};
use provider_core::ReasonCode;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, UpdateStatement},
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

/// How many runs one sweep looks at for each cause.
const BATCH: u64 = 100;

/// Why a run is in the sweep's hands, and therefore what becomes of it.
#[derive(Clone, Copy)]
enum Verdict {
    Requeue,
    End(RunOutcome, ReasonCode),
}

pub(crate) async fn sweep(database: &Database, settings: &QueueSettings) -> Result<SweepReport, StoreError> {
    let mut report = SweepReport::default();
    for cause in causes(database, settings) {
        let candidates = installation_wide::<Entity>()
            .filter(cause.condition.clone())
            .limit(BATCH)
            .all(database.readers())
            .await
            .or_store_error()?;
        for row in candidates {
            let id = row.id;
            let (row, verdict) = readable((cause.verdict)(&row, settings), row);
            match settle(database, row, verdict, &cause.condition).await {
                Ok(false) => {}
                Ok(true) => match verdict {
                    Verdict::Requeue => report.requeued += 1,
                    Verdict::End(..) => report.failed += 1,
                },
                // One run that cannot be settled must not keep the others from it.
                Err(error) => tracing::error!(run_id = %id, %error, "a silent run cannot be settled"),
            }
        }
    }
    match groups::reconcile(database).await? {
        0 => {}
        ended => tracing::warn!(ended, "ended groups whose runs were all over"),
    }
    Ok(report)
}

/// A run that this version made and cannot read any more is ended, with what cannot be read left
/// out: nobody could work on it, and it would hold its scope for ever. What a later version made
/// is left to that version's processes.
fn readable(verdict: Verdict, row: Model) -> (Model, Verdict) {
    let ours = OperationType::parse(&row.operation_type).is_some();
    if !ours || rows::run(row.clone()).is_ok() {
        return (row, verdict);
    }
    let mended = Model {
        inputs: json!({}),
        context: serde_json::to_value(RunContext::default()).unwrap_or_default(),
        counts: json!({}),
        failures: json!([]),
        ..row
    };
    (
        mended,
        Verdict::End(RunOutcome::Failed, ReasonCode::InternalError),
    )
}

struct Cause {
    condition: Condition,
    verdict: fn(&Model, &QueueSettings) -> Verdict,
}

fn causes(database: &Database, settings: &QueueSettings) -> Vec<Cause> {
    let now = || Expr::cust(now_sql(database.readers().get_database_backend()));
    // A group has no worker that could be lost, and waits for its runs: those are looked after.
    let status = |status: &str| {
        Condition::all()
            .add(Column::Status.eq(status))
            .add(Column::Kind.eq("job"))
    };
    let mut causes = vec![
        Cause {
            condition: status("running").add(Expr::col(Column::LeaseUntil).lt(now())),
            verdict: after_lost_lease,
        },
        Cause {
            condition: status("queued")
                .add(Expr::col(Column::CreatedAt).lt(now().sub(micros(settings.queue_timeout)))),
            verdict: |_, _| Verdict::End(RunOutcome::Failed, ReasonCode::RunQueueTimeout),
        },
    ];
    causes.extend(OperationType::ALL.map(|operation| {
        Cause {
            condition: status("running")
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
    causes
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
    verdict: Verdict,
    condition: &Condition,
) -> Result<bool, StoreError> {
    let run = rows::run(row)?;
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
            let change = change(database.context(), &scope, &run, AuditAction::OperationRequeued);
            let met = db.execute(&statement).await.or_store_error()?.rows_affected() == 1;
            if met {
                journal::record(&db, run.workspace_id, &change).await?;
            }
            met
        }
        Verdict::End(outcome, reason) => {
            let Some(completion) = completion(&run, outcome, reason) else {
                return Ok(false);
            };
            let mut statement = guarded(&lease);
            statement.cond_where(condition.clone());
            let mut change = change(database.context(), &scope, &run, AuditAction::OperationCompleted)
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

fn completion(run: &OperationRun, outcome: RunOutcome, reason: ReasonCode) -> Option<Completion> {
    let mut completion = run.end_because(outcome, reason).ok()?;
    completion.context.reconciliation = Some(Reconciliation {
        reason_code: reason,
        attempts: run.attempt,
    });
    Some(completion)
}
