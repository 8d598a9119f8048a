//! The sweep: what becomes of runs whose worker fell silent, that waited too long or worked too
//! long. Swept twice is swept once.

use std::{sync::Arc, time::Duration};

use integration_tests::{TestDatabase, on_both_engines};
use operations::{
    Freshness, HandBack, Heartbeat, OperationRun, QueueSettings, RunOutcome, RunQueue as _, RunStatus,
    SweepReport,
};
use provider_core::{ReasonCode, RunId};

use super::world::{Place, World};

on_both_engines!(
    what_is_alive_is_left_alone,
    a_lost_run_waits_again,
    a_second_sweep_changes_nothing_more,
    sweeps_at_once_do_the_work_once,
    after_the_last_attempt_a_run_has_failed,
    handing_back_is_not_failing,
    a_lost_run_that_somebody_wanted_canceled_is_canceled,
    a_run_that_waited_too_long_has_failed,
    a_run_that_worked_too_long_has_failed,
    a_pause_that_the_provider_asked_for_is_no_work,
    any_other_wait_is_counted,
);

async fn waiting(world: &World) -> (Place, RunId) {
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    (place, run.id)
}

const fn report(requeued: u64, failed: u64) -> SweepReport {
    SweepReport { requeued, failed }
}

async fn what_is_alive_is_left_alone(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    let waits = world.run_now(&place, id).await;
    assert_eq!(world.sweep().await, report(0, 0));
    assert_eq!(world.run_now(&place, id).await, waits);
    let claimed = world.claim_one().await;
    assert_eq!(world.sweep().await, report(0, 0));
    assert_eq!(world.run_now(&place, id).await, claimed.run);
}

async fn a_lost_run_waits_again(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    let claimed = world.claim_one().await;
    world.lose_lease(id).await;
    assert_eq!(
        world.run_now(&place, id).await.freshness(world.now),
        Freshness::LikelyStale
    );
    assert_eq!(world.sweep().await, report(1, 0));
    let run = world.run_now(&place, id).await;
    assert_eq!(
        (run.status(), run.attempt, run.not_before),
        (RunStatus::Queued, 1, None)
    );
    assert_eq!(run.context, claimed.run.context);
    assert_eq!(world.claim_one().await.lease.attempt, 2);
}

async fn a_second_sweep_changes_nothing_more(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, requeued) = waiting(&world).await;
    let (elsewhere, ended) = waiting(&world).await;
    assert_eq!(world.claim(&QueueSettings::default(), 10).await.len(), 2);
    world.lose_lease(requeued).await;
    world.lose_lease(ended).await;
    world.set_run(ended, "lost_leases = 2").await;
    assert_eq!(world.sweep().await, report(1, 1));
    let after = (
        world.run_now(&place, requeued).await,
        world.run_now(&elsewhere, ended).await,
    );
    let entries = world.journal_entries().await;
    assert_eq!(world.sweep().await, report(0, 0));
    assert_eq!(
        (
            world.run_now(&place, requeued).await,
            world.run_now(&elsewhere, ended).await
        ),
        after
    );
    assert_eq!(world.journal_entries().await, entries);
}

async fn sweeps_at_once_do_the_work_once(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    let (place, id) = waiting(&world).await;
    world.claim_one().await;
    world.lose_lease(id).await;
    let before = world.journal_entries().await;
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.sweep().await })
        })
        .collect();
    let mut requeued = 0;
    for task in tasks {
        requeued += task.await.expect("joins").requeued;
    }
    assert_eq!((requeued, world.journal_entries().await - before), (1, 1));
    let lost = "SELECT CAST(sum(lost_leases) AS BIGINT) FROM operation_runs";
    assert_eq!(world.database.number(lost).await, 1);
    assert_eq!(world.run_now(&place, id).await.status(), RunStatus::Queued);
}

async fn after_the_last_attempt_a_run_has_failed(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    for attempt in 1..=3 {
        assert_eq!(world.claim_one().await.lease.attempt, attempt);
        world.lose_lease(id).await;
        let expected = if attempt < 3 { report(1, 0) } else { report(0, 1) };
        assert_eq!(world.sweep().await, expected, "attempt {attempt}");
    }
    let run = world.run_now(&place, id).await;
    assert_ended(&run, RunOutcome::Failed, ReasonCode::WorkerLost);
    assert_eq!(
        run.context.reconciliation.as_ref().map(|one| one.attempts),
        Some(3)
    );
    assert!(world.claim(&QueueSettings::default(), 10).await.is_empty());
    let free = world
        .read()
        .await
        .runs()
        .active_on(&place.scope, "key")
        .await
        .expect("reads");
    assert!(free.is_none(), "the scope is free");
}

/// Waiting for a provider takes attempts, but only lost leases count against a run.
async fn handing_back_is_not_failing(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    for _ in 0..20 {
        let claimed = world.claim_one().await;
        let back = world.hand_back(&place, &claimed.lease, Duration::ZERO).await;
        assert_eq!(back, HandBack::Done);
    }
    world.claim_one().await;
    world.lose_lease(id).await;
    assert_eq!(world.sweep().await, report(1, 0), "the first lost lease");
    assert_eq!(world.run_now(&place, id).await.attempt, 21);
}

async fn a_lost_run_that_somebody_wanted_canceled_is_canceled(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    world.claim_one().await;
    assert!(world.request_cancel(&place, id).await);
    world.lose_lease(id).await;
    assert_eq!(world.sweep().await, report(0, 1));
    assert_ended(
        &world.run_now(&place, id).await,
        RunOutcome::Canceled,
        ReasonCode::RunCanceled,
    );
}

async fn a_run_that_waited_too_long_has_failed(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    let patient = QueueSettings {
        queue_timeout: Duration::from_hours(48),
        ..QueueSettings::default()
    };
    let yesterday = (world.now - chrono::TimeDelta::hours(25)).timestamp_micros();
    world.set_run(id, &format!("queued_at = {yesterday}")).await;
    assert_eq!(
        world.store.queue().sweep(&patient).await.expect("sweeps"),
        report(0, 0)
    );
    assert_eq!(world.sweep().await, report(0, 1));
    let run = world.run_now(&place, id).await;
    assert_ended(&run, RunOutcome::Failed, ReasonCode::RunQueueTimeout);
    assert!(world.claim(&QueueSettings::default(), 10).await.is_empty());
}

/// However alive its worker is.
async fn a_run_that_worked_too_long_has_failed(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    let claimed = world.claim_one().await;
    let timeout = chrono::TimeDelta::from_std(claimed.run.operation_type.run_timeout()).expect("in range");
    let almost = (world.now - timeout + chrono::TimeDelta::minutes(5)).timestamp_micros();
    world.set_run(id, &format!("started_at = {almost}")).await;
    assert_eq!(world.sweep().await, report(0, 0));
    let over = (world.now - timeout - chrono::TimeDelta::minutes(5)).timestamp_micros();
    world.set_run(id, &format!("started_at = {over}")).await;
    assert_eq!(world.sweep().await, report(0, 1));
    assert_ended(
        &world.run_now(&place, id).await,
        RunOutcome::Failed,
        ReasonCode::RunTimeout,
    );
    let heard = world
        .store
        .queue()
        .heartbeat(&claimed.lease, Duration::from_secs(30), None)
        .await;
    assert_eq!(heard.expect("answers"), Heartbeat::Lost, "its worker hears of it");
}

/// A run waits for nearly all of its limit, twice, and is worked at for nearly all of it.
async fn a_pause_that_the_provider_asked_for_is_no_work(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    for _ in 0..2 {
        wait_nearly(&world, &place, id, ReasonCode::ProviderThrottled).await;
        assert_eq!(world.sweep().await, report(0, 0), "while it waits");
    }
    let claimed = world.claim_one().await;
    assert_eq!(world.sweep().await, report(0, 0));
    let worked = claimed.run.worked(world.now);
    assert!(worked < Duration::from_mins(1), "{worked:?}");
    let nearly = nearly_all(&claimed.run);
    for failed in [0, 1] {
        world
            .set_run(id, &format!("started_at = started_at - {nearly}"))
            .await;
        assert_eq!(world.sweep().await, report(0, failed));
    }
    assert_ended(
        &world.run_now(&place, id).await,
        RunOutcome::Failed,
        ReasonCode::RunTimeout,
    );
}

async fn any_other_wait_is_counted(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    for failed in [0, 1] {
        wait_nearly(&world, &place, id, ReasonCode::InternalError).await;
        world.claim_one().await;
        assert_eq!(world.sweep().await, report(0, failed));
        if failed == 0 {
            let run = world.run_now(&place, id).await;
            assert!(run.worked(world.now) > Duration::from_mins(1));
            world.lose_lease(id).await;
            assert_eq!(world.sweep().await, report(1, 0));
        }
    }
}

/// All but five minutes of what a run may work, in microseconds.
fn nearly_all(run: &OperationRun) -> i64 {
    let limit = run.operation_type.run_timeout();
    i64::try_from(limit.saturating_sub(Duration::from_mins(5)).as_micros()).expect("in range")
}

/// Takes the run, hands it back, and lets nearly all of its limit pass.
async fn wait_nearly(world: &World, place: &Place, id: RunId, reason: ReasonCode) {
    let claimed = world.claim_one().await;
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let back = unit
        .attempts()
        .hand_back(
            &place.scope,
            &claimed.lease,
            (Duration::ZERO, Some(reason)),
            &change,
        )
        .await;
    assert_eq!(back.expect("answers"), HandBack::Done);
    unit.commit().await.expect("commits");
    let nearly = nearly_all(&claimed.run);
    let columns = format!("started_at = started_at - {nearly}, waiting_since = waiting_since - {nearly}");
    world.set_run(id, &columns).await;
}

/// Over, for one reason, with how it came to that.
fn assert_ended(run: &OperationRun, outcome: RunOutcome, reason: ReasonCode) {
    assert_eq!(
        (run.status(), run.outcome()),
        (RunStatus::Completed, Some(outcome))
    );
    assert_eq!(run.context.reason_code, Some(reason));
    let codes: Vec<_> = run.failures.iter().map(operations::RunFailure::code).collect();
    assert_eq!(codes, [reason]);
    let reconciliation = run
        .context
        .reconciliation
        .as_ref()
        .expect("the sweep says that it was the sweep");
    assert_eq!(
        (reconciliation.reason_code, reconciliation.attempts),
        (reason, run.attempt)
    );
    assert_eq!(run.freshness(run.created_at), Freshness::ReconciledFailed);
    assert!(run.context.target_scope.is_some(), "what it was about stays");
}
