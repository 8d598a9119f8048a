//! Lanes and clocks: each lane has slots and limits of its own, groups are in none, the time in the queue
//! is the database's, and a sweep says what it found.

use std::time::Duration;

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use operations::{
    ClaimedRun, InsertedRun, LaneDepth, OperationRun, OperationType, PerLane, QueueSettings, RunOutcome,
    RunQueue as _, RunStatus, SweepCause, SweepReport, WorkerName,
};
use provider_core::{ProviderConnection, ReasonCode};

use super::world::{Place, World};

on_both_engines!(
    a_lane_takes_its_own_runs_up_to_its_own_limit,
    a_flood_of_one_workspace_in_a_lane_is_behind_the_first_of_another,
    a_group_is_neither_taken_nor_counted_nor_swept,
    the_time_in_the_queue_is_the_database_s,
    the_depth_tells_of_each_lane_and_of_the_oldest,
    a_sweep_says_what_it_found,
    a_sweep_goes_on_until_nothing_is_left,
    what_another_version_left_behind_is_left_to_it,
);

/// So many runs of a type that wait.
async fn waiting(
    world: &World,
    (place, connection): (&Place, &ProviderConnection),
    operation_type: OperationType,
    count: usize,
) -> Vec<OperationRun> {
    let mut runs = Vec::new();
    for number in 0..count {
        let key = format!("{}-{number}", operation_type.as_str());
        let mut new = world.new_run(place, connection, &key);
        new.operation_type = operation_type;
        let run = OperationRun::queued(new);
        assert_eq!(world.insert_run(place, &run).await, InsertedRun::Inserted);
        runs.push(run);
    }
    runs
}

async fn claim(world: &World, checks: u32, work: u32) -> Vec<ClaimedRun> {
    let slots = PerLane { checks, work };
    let (queue, settings) = (world.store.queue(), QueueSettings::default());
    queue
        .claim(&WorkerName::new("one"), &settings, slots)
        .await
        .expect("claims")
}

fn of(claimed: &[ClaimedRun], operation_type: OperationType) -> usize {
    let this = |one: &&ClaimedRun| one.run.operation_type == operation_type;
    claimed.iter().filter(this).count()
}

async fn a_lane_takes_its_own_runs_up_to_its_own_limit(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    waiting(&world, (&place, &connection), OperationType::InventorySync, 4).await;
    waiting(
        &world,
        (&place, &connection),
        OperationType::ComplianceSnapshot,
        4,
    )
    .await;
    waiting(&world, (&place, &connection), OperationType::ConnectionCheck, 5).await;
    let first = claim(&world, 1, 2).await;
    assert_eq!((of(&first, OperationType::ConnectionCheck), first.len()), (1, 3));
    assert!(claim(&world, 0, 0).await.is_empty());
    let settings = QueueSettings::default();
    let rest = claim(&world, 100, 100).await;
    assert_eq!(
        of(&rest, OperationType::ConnectionCheck),
        settings.check_workspace_limit as usize - 1,
        "work does not count against checks"
    );
    assert_eq!(
        rest.len() - of(&rest, OperationType::ConnectionCheck),
        settings.workspace_limit as usize - 2,
        "nor checks against work"
    );
    assert!(
        claim(&world, 100, 100).await.is_empty(),
        "both limits are reached"
    );
}

async fn a_flood_of_one_workspace_in_a_lane_is_behind_the_first_of_another(database: TestDatabase) {
    let world = World::new(database).await;
    let (flood, quiet) = (world.place().await, world.place().await);
    for place in [&flood, &quiet] {
        let connection = world.connected(place, "site-1", "secret").await;
        let count = if std::ptr::eq(place, &raw const flood) {
            20
        } else {
            1
        };
        waiting(
            &world,
            (place, &connection),
            OperationType::ConnectionCheck,
            count,
        )
        .await;
    }
    assert_eq!(claim(&world, 1, 0).await.len(), 1);
    let next = claim(&world, 1, 0).await;
    assert_eq!(next[0].scope.workspace_id(), quiet.scope.workspace_id());
}

async fn a_group_is_neither_taken_nor_counted_nor_swept(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let runs = waiting(&world, (&place, &connection), OperationType::InventorySync, 8).await;
    world.set_run(runs[0].id, "kind = 'group', queued_at = 1").await;
    world
        .set_run(
            runs[1].id,
            "kind = 'group', status = 'running', started_at = 1, heartbeat_at = 1, queued_at = 1",
        )
        .await;
    let depth = world.store.queue().depth().await.expect("counts").work;
    assert_eq!((depth.queued, depth.running), (6, 0));
    assert!(depth.oldest < Duration::from_mins(10), "{depth:?}");
    // As many as one workspace may have at work.
    let settings = QueueSettings {
        workspace_limit: 6,
        ..QueueSettings::default()
    };
    let (queue, slots) = (world.store.queue(), PerLane { checks: 10, work: 10 });
    let claimed = queue.claim(&WorkerName::new("one"), &settings, slots).await;
    let claimed = claimed.expect("claims");
    assert_eq!(claimed.len(), 6, "the group that runs takes no place");
    assert!(claimed.iter().all(|one| one.run.id != runs[0].id));
    assert_eq!(world.sweep().await, SweepReport::default());
}

/// A process whose clock is a day slow queues a run: it has not been waiting for a day.
async fn the_time_in_the_queue_is_the_database_s(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let mut new = world.new_run(&place, &connection, "key");
    new.created_at = world.now - TimeDelta::hours(25);
    let run = OperationRun::queued(new);
    assert_eq!(world.insert_run(&place, &run).await, InsertedRun::Inserted);
    assert_eq!(world.sweep().await, SweepReport::default());
    let day = 25 * 3600 * 1_000_000_i64;
    world
        .set_run(run.id, &format!("queued_at = queued_at - {day}"))
        .await;
    assert_eq!(world.sweep().await.failed, 1);
    // A row that another version inserted says when it was made, and nothing else.
    let other = waiting(&world, (&place, &connection), OperationType::InventorySync, 1).await;
    world.set_run(other[0].id, "queued_at = NULL").await;
    assert_eq!(world.sweep().await, SweepReport::default());
    world.set_run(other[0].id, "created_at = 1").await;
    assert_eq!(world.sweep().await.failed, 1);
}

async fn the_depth_tells_of_each_lane_and_of_the_oldest(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let checks = waiting(&world, (&place, &connection), OperationType::ConnectionCheck, 2).await;
    let work = waiting(&world, (&place, &connection), OperationType::InventorySync, 1).await;
    world
        .set_run(checks[1].id, "queued_at = queued_at - 90000000")
        .await;
    // Its time has not come: it is not waiting for a worker.
    let later = (world.now + TimeDelta::hours(1)).timestamp_micros();
    let column = format!("queued_at = 1, not_before = {later}");
    world.set_run(work[0].id, &column).await;
    let depth = world.store.queue().depth().await.expect("counts");
    assert!((90..600).contains(&depth.checks.oldest.as_secs()), "{depth:?}");
    assert_eq!((depth.checks.queued, depth.checks.running), (2, 0));
    let waits = LaneDepth {
        queued: 1,
        running: 0,
        oldest: Duration::ZERO,
    };
    assert_eq!(depth.work, waits);
}

async fn a_sweep_says_what_it_found(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let runs = waiting(&world, (&place, &connection), OperationType::InventorySync, 3).await;
    assert_eq!(claim(&world, 0, 2).await.len(), 2);
    world
        .set_run(runs[0].id, "lease_until = 1, lost_leases = 2")
        .await;
    world.set_run(runs[1].id, "started_at = 1").await;
    world.set_run(runs[2].id, "queued_at = 1").await;
    assert_eq!(world.sweep().await.failed, 3);
    let expected = [
        (SweepCause::LeaseLost, ReasonCode::WorkerLost, Some("one"), 1, 3),
        (SweepCause::RunTimeout, ReasonCode::RunTimeout, Some("one"), 1, 0),
        (SweepCause::QueueTimeout, ReasonCode::RunQueueTimeout, None, 0, 0),
    ];
    for (run, (cause, reason, owner, attempts, lost)) in runs.iter().zip(expected) {
        let ended = world.run_now(&place, run.id).await;
        let found = ended.context.reconciliation.expect("the sweep says so");
        assert_eq!(
            (found.cause, found.reason_code, found.lease_owner.as_deref()),
            (Some(cause), reason, owner)
        );
        assert_eq!((found.attempts, found.lost_leases), (attempts, lost));
        assert!(found.at.is_some_and(|at| at >= world.now));
    }
}

/// More than one look finds, of which the first ones cannot be settled.
async fn a_sweep_goes_on_until_nothing_is_left(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    waiting(&world, (&place, &connection), OperationType::InventorySync, 130).await;
    let sql = "UPDATE operation_runs SET status = 'running', attempt = 1, lease_owner = 'gone', lease_until = 1, \
        heartbeat_at = 1, started_at = queued_at";
    assert_eq!(world.database.tamper(sql).await, 130);
    assert_eq!(world.sweep().await.requeued, 130);
    assert_eq!(world.sweep().await, SweepReport::default());
}

async fn what_another_version_left_behind_is_left_to_it(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let runs = waiting(&world, (&place, &connection), OperationType::InventorySync, 3).await;
    assert_eq!(claim(&world, 0, 2).await.len(), 2);
    world
        .set_run(runs[0].id, "operation_type = 'something.later', lease_until = 1")
        .await;
    world
        .set_run(runs[2].id, "operation_type = 'something.later', queued_at = 1")
        .await;
    assert_eq!(world.sweep().await, SweepReport::default());
    let untouched = "SELECT count(*) FROM operation_runs WHERE operation_type = 'something.later' AND status <> 'completed'";
    assert_eq!(world.database.number(untouched).await, 2);
    let ours = world.run_now(&place, runs[1].id).await;
    assert_eq!(
        (ours.status(), ours.outcome()),
        (RunStatus::Running, None::<RunOutcome>)
    );
}
