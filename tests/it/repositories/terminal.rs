//! Nothing leads out of `completed` (I4), and the schema refuses rows that contradict themselves,
//! whoever writes them.

use integration_tests::{TestDatabase, on_both_engines};
use operations::{
    Completion, Fence, OperationRun, QueueSettings, RunOutcome, RunQueue as _, RunStatus, SweepReport,
};
use provider_core::ReasonCode;
use sea_orm::ConnectionTrait as _;

use super::world::{Place, World};

on_both_engines!(
    a_queued_run_is_ended_once,
    a_running_run_is_not_ended_from_outside,
    a_completed_run_never_changes,
    rows_that_contradict_themselves_are_refused,
);

async fn queued(world: &World) -> (Place, OperationRun) {
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    (place, run)
}

fn canceled(run: &OperationRun) -> Completion {
    run.end_because(RunOutcome::Canceled, ReasonCode::RunCanceled)
        .expect("active")
}

async fn a_queued_run_is_ended_once(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, run) = queued(&world).await;
    assert!(
        !world.request_cancel(&place, run.id).await,
        "there is no worker to ask"
    );
    assert!(world.end_queued(&place, run.id, &canceled(&run)).await);
    let over = world.run_now(&place, run.id).await;
    assert_eq!(
        (over.status(), over.outcome()),
        (RunStatus::Completed, Some(RunOutcome::Canceled))
    );
    assert_eq!(over.context.reason_code, Some(ReasonCode::RunCanceled));
    let other = run
        .end_because(RunOutcome::Failed, ReasonCode::InternalError)
        .expect("it was active once");
    assert!(!world.end_queued(&place, run.id, &other).await);
    assert_eq!(world.run_now(&place, run.id).await, over);
}

async fn a_running_run_is_not_ended_from_outside(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, run) = queued(&world).await;
    let claimed = world.claim_one().await;
    assert!(
        !world.end_queued(&place, run.id, &canceled(&run)).await,
        "the worker was faster"
    );
    assert_eq!(world.run_now(&place, run.id).await, claimed.run);
    assert!(world.request_cancel(&place, run.id).await);
    let asked = world.run_now(&place, run.id).await;
    assert_eq!(asked.status(), RunStatus::Running);
    // By the clock of the database, as the leases are.
    assert!(asked.cancel_requested_at.is_some());
}

async fn a_completed_run_never_changes(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, run) = queued(&world).await;
    let claimed = world.claim_one().await;
    let end = claimed
        .run
        .end_because(RunOutcome::Succeeded, ReasonCode::RunCanceled)
        .expect("active");
    assert_eq!(world.finish(&place, &claimed.lease, &end).await, Fence::Held);
    let over = world.run_now(&place, run.id).await;
    let entries = world.journal_entries().await;

    assert!(
        over.end_because(RunOutcome::Failed, ReasonCode::InternalError)
            .is_err(),
        "the model offers no way"
    );
    assert!(!world.end_queued(&place, run.id, &canceled(&run)).await);
    assert!(!world.request_cancel(&place, run.id).await);
    assert_eq!(
        world.finish(&place, &claimed.lease, &canceled(&run)).await,
        Fence::Lost
    );
    assert!(world.claim(&QueueSettings::default(), 10).await.is_empty());
    let swept = world
        .store
        .queue()
        .sweep(&QueueSettings::default())
        .await
        .expect("sweeps");
    assert_eq!(swept, SweepReport::default());
    assert_eq!(world.run_now(&place, run.id).await, over);
    assert_eq!(world.journal_entries().await, entries);
}

async fn rows_that_contradict_themselves_are_refused(database: TestDatabase) {
    let world = World::new(database).await;
    let (_, waits) = queued(&world).await;
    let raw = world.database.raw().await;
    let refused = async |columns: &str| {
        let id = world.uuid(waits.id.as_uuid());
        raw.execute_unprepared(&format!("UPDATE operation_runs SET {columns} WHERE id = {id}"))
            .await
            .is_err()
    };
    let nonsense_while_queued = [
        "status = 'completed'",
        "status = 'completed', outcome = 'succeeded'",
        "status = 'completed', completed_at = 1",
        "status = 'completed', outcome = 'pending', completed_at = 1",
        "status = 'paused'",
        "outcome = 'succeeded'",
        "outcome = 'unheard_of'",
        "completed_at = 1",
        "scope_key = NULL",
        "connection_id = NULL",
        "status = 'running'",
        "lease_owner = 'worker-1', lease_until = 1",
        "lease_owner = 'worker-1'",
    ];
    for columns in nonsense_while_queued {
        assert!(refused(columns).await, "queued, {columns}");
    }
    world.claim_one().await;
    let nonsense_while_running = [
        "status = 'queued'",
        "lease_until = NULL",
        "lease_owner = NULL",
        "status = 'completed', outcome = 'failed', completed_at = 1",
        "status = 'completed', lease_until = NULL, lease_owner = NULL",
    ];
    for columns in nonsense_while_running {
        assert!(refused(columns).await, "running, {columns}");
    }
    let sense =
        "status = 'completed', outcome = 'failed', completed_at = 1, lease_until = NULL, lease_owner = NULL";
    assert!(!refused(sense).await, "an end is an end");
    for columns in [
        "status = 'queued'",
        "status = 'running'",
        "outcome = 'pending'",
        "completed_at = NULL",
    ] {
        assert!(refused(columns).await, "completed, {columns}");
    }
    raw.close().await.expect("closes");
}
