//! Groups of runs: over with the last of their runs, exactly once, whoever ends it; worked at by nobody;
//! and started so that two that want the same targets never wait for each other in a circle.

#[path = "groups/many.rs"]
mod many;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use integration_tests::{Engine, TestDatabase, on_both_engines};
use kernel::PageRequest;
use operations::{
    BulkItem, BulkStart, Completion, Fence, OperationRun, OperationType, QueueSettings, RunFilter,
    RunOutcome, RunQueue as _, RunState, RunStatus, RunTrigger, StartOutcome, StartedBulk, bulk,
};
use provider_core::{Progress, ProviderConnection, ReasonCode, RunId};
use storage::{Storage as _, UnitOfWork};
use storage_sea_orm::Database;
use tokio::{sync::Barrier, task::JoinHandle};

use super::world::{Place, World, fresh};

on_both_engines!(
    a_group_is_over_with_the_last_of_its_runs,
    two_last_runs_that_end_at_once_end_their_group_once,
    an_end_that_does_not_arrive_is_not_counted,
    whoever_ends_a_run_its_group_hears_of_it,
    a_group_is_nobodys_work,
    a_group_that_nobody_ended_is_ended_by_the_sweep,
    a_group_without_runs_is_over_at_once,
    two_starts_over_the_same_targets_do_not_wait_in_a_circle,
);

/// A group and its runs.
struct Family {
    world: World,
    place: Place,
    group: RunId,
    children: Vec<OperationRun>,
}

async fn family(database: TestDatabase, children: usize) -> Family {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let keys: Vec<_> = (0..children).map(|number| format!("key-{number:04}")).collect();
    let started = start(
        &world.store,
        wanted(&world, &place, &connection, &keys),
        &world,
        &place,
    )
    .await;
    let children = started
        .items
        .iter()
        .map(|item| accepted(item).expect("nobody is in the way"))
        .collect();
    Family {
        group: started.run.id,
        world,
        place,
        children,
    }
}

fn accepted(item: &BulkItem) -> Option<OperationRun> {
    match &item.outcome {
        Some(StartOutcome::Accepted(run)) => Some(run.clone()),
        Some(StartOutcome::Deduplicated(_) | StartOutcome::ScopeBusy { .. } | StartOutcome::Blocked(_))
        | None => None,
    }
}

fn wanted(world: &World, place: &Place, connection: &ProviderConnection, keys: &[String]) -> BulkStart {
    let group = fresh();
    let run = |key: &String| {
        let mut new = world.new_run(place, connection, key);
        new.trigger = RunTrigger::Bulk { parent: Some(group) };
        (place.environment, Some(OperationRun::queued(new)))
    };
    BulkStart {
        group,
        trigger: RunTrigger::Bulk { parent: None },
        operation_type: OperationType::InventorySync,
        members: keys.iter().map(run).collect(),
    }
}

async fn start(store: &Database, wanted: BulkStart, world: &World, place: &Place) -> StartedBulk {
    let journal = |_: &OperationRun| world.change(&place.scope);
    let mut unit = store.begin().await.expect("begins");
    let started = bulk::start(&mut *unit.runs(), &place.scope, wanted, world.now, &journal)
        .await
        .expect("starts");
    unit.commit().await.expect("commits");
    started
}

fn end(run: &OperationRun, outcome: RunOutcome) -> Completion {
    run.complete(outcome, run.context.clone(), run.counts.clone(), Vec::new())
        .expect("active")
}

impl Family {
    async fn group_now(&self) -> OperationRun {
        self.world.run_now(&self.place, self.group).await
    }

    /// Claims every run that waits.
    async fn claim_all(&self) -> Vec<operations::ClaimedRun> {
        let plenty = QueueSettings {
            workspace_limit: 1000,
            ..QueueSettings::default()
        };
        self.world.claim(&plenty, 1000).await
    }

    /// How often the journal says that the group is over.
    async fn told(&self) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM audit_events WHERE action = 'operation.completed' AND target_id = '{}'",
            self.group
        );
        self.world.database.number(&sql).await
    }
}

async fn a_group_is_over_with_the_last_of_its_runs(database: TestDatabase) {
    let family = family(database, 3).await;
    let waits = family.group_now().await;
    assert_eq!(waits.operation_type, OperationType::Bulk);
    assert!(matches!(waits.state(), RunState::Gathering { .. }));
    let progress = |processed| Some(Progress { processed, total: 3 });
    assert_eq!(waits.progress, progress(0));
    let claimed = family.claim_all().await;
    assert_eq!(claimed.len(), 3);
    for (number, (one, outcome)) in claimed
        .iter()
        .zip([
            RunOutcome::Succeeded,
            RunOutcome::Failed,
            RunOutcome::PartiallySucceeded,
        ])
        .enumerate()
    {
        let open = family.group_now().await;
        assert_eq!(
            (open.status(), open.progress),
            (RunStatus::Running, progress(number as u64))
        );
        let held = family
            .world
            .finish(&family.place, &one.lease, &end(&one.run, outcome))
            .await;
        assert_eq!(held, Fence::Held);
    }
    let over = family.group_now().await;
    assert_eq!(over.outcome(), Some(RunOutcome::PartiallySucceeded));
    assert_eq!(over.progress, progress(3));
    assert_eq!(over.context.reason_code, Some(ReasonCode::GroupIncomplete));
    assert_eq!(family.told().await, 1);
    let filter = RunFilter {
        parent_run_id: Some(family.group),
        ..RunFilter::default()
    };
    let listed = family.world.read().await;
    let listed = listed
        .runs()
        .list(&family.place.scope, filter, PageRequest::default())
        .await;
    assert_eq!(listed.expect("lists").items.len(), 3);
}

/// On PostgreSQL both ends are written before either is committed: each sees the other's run still at
/// work unless the group's row makes the later one wait.
async fn two_last_runs_that_end_at_once_end_their_group_once(database: TestDatabase) {
    let family = family(database, 2).await;
    let claimed = family.claim_all().await;
    let (first, second) = (claimed[0].clone(), claimed[1].clone());
    let mut unit = family.world.begin().await;
    let change = family.world.change(&family.place.scope);
    let held = unit
        .attempts()
        .finish(
            &family.place.scope,
            &first.lease,
            &end(&first.run, RunOutcome::Succeeded),
            &change,
        )
        .await;
    assert_eq!(held.expect("answers"), Fence::Held);
    let (store, scope) = (family.world.store.clone(), family.place.scope.clone());
    let change = family.world.change(&scope);
    let other: JoinHandle<Box<dyn UnitOfWork>> = tokio::spawn(async move {
        let mut unit = store.begin().await.expect("begins");
        let end = end(&second.run, RunOutcome::Succeeded);
        let held = unit.attempts().finish(&scope, &second.lease, &end, &change).await;
        assert_eq!(held.expect("answers"), Fence::Held);
        unit
    });
    if family.world.database.engine == Engine::Postgres {
        until_waiting_or(&family.world, &other).await;
    }
    unit.commit().await.expect("commits");
    let unit = other.await.expect("joins");
    unit.commit().await.expect("commits");
    let over = family.group_now().await;
    assert_eq!(over.outcome(), Some(RunOutcome::Succeeded));
    assert_eq!(family.told().await, 1, "exactly once");
}

/// Until somebody waits for a lock, or `task` did not have to.
async fn until_waiting_or<T>(world: &World, task: &JoinHandle<T>) {
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.database.number(waiting).await == 0 && !task.is_finished() {
        assert!(Instant::now() < deadline, "nobody waits");
    }
}

async fn an_end_that_does_not_arrive_is_not_counted(database: TestDatabase) {
    let family = family(database, 1).await;
    let claimed = family.claim_all().await.remove(0);
    let over = end(&claimed.run, RunOutcome::Succeeded);
    let mut unit = family.world.begin().await;
    let change = family.world.change(&family.place.scope);
    let held = unit
        .attempts()
        .finish(&family.place.scope, &claimed.lease, &over, &change)
        .await;
    assert_eq!(held.expect("answers"), Fence::Held);
    // The process dies here.
    drop(unit);
    let open = family.group_now().await;
    assert_eq!(
        open.progress,
        Some(Progress {
            processed: 0,
            total: 1
        })
    );
    assert_eq!((open.status(), family.told().await), (RunStatus::Running, 0));
    let held = family.world.finish(&family.place, &claimed.lease, &over).await;
    assert_eq!(held, Fence::Held);
    assert_eq!(family.group_now().await.outcome(), Some(RunOutcome::Succeeded));
}

async fn whoever_ends_a_run_its_group_hears_of_it(database: TestDatabase) {
    let family = family(database, 4).await;
    let (world, place) = (&family.world, &family.place);
    let ids: Vec<_> = family.children.iter().map(|run| run.id).collect();
    let over = async || family.group_now().await.progress.expect("known").processed;
    let canceled = |run: &OperationRun| end(run, RunOutcome::Canceled);
    assert!(
        world
            .end_queued(place, ids[0], &canceled(&family.children[0]))
            .await
    );
    assert_eq!(over().await, 1, "a run that waited was ended");
    assert!(
        world
            .end_active(place, ids[1], &canceled(&family.children[1]))
            .await
    );
    assert_eq!(over().await, 2, "a run was ended whoever held it");
    world.set_run(ids[2], "queued_at = 1").await;
    assert_eq!(world.sweep().await.failed, 1);
    assert_eq!(over().await, 3, "a run was swept");
    let last = world.claim_one().await;
    let held = world
        .finish(place, &last.lease, &end(&last.run, RunOutcome::Succeeded))
        .await;
    assert_eq!(held, Fence::Held);
    assert_eq!(over().await, 4, "a run came to its own end");
    let group = family.group_now().await;
    assert_eq!(group.outcome(), Some(RunOutcome::PartiallySucceeded));
    assert!(
        !world
            .end_active(place, ids[0], &canceled(&family.children[0]))
            .await
    );
    assert_eq!(family.group_now().await, group, "nothing is counted twice");
}

async fn a_group_is_nobodys_work(database: TestDatabase) {
    let family = family(database, 2).await;
    let world = &family.world;
    let depth = async || {
        let depth = world.store.queue().depth().await.expect("counts");
        (
            depth.checks.queued + depth.work.queued,
            depth.checks.running + depth.work.running,
        )
    };
    assert_eq!(depth().await, (2, 0), "a group neither waits nor works");
    world
        .set_run(family.group, "created_at = 1, started_at = 1")
        .await;
    world.sweep().await;
    assert_eq!(
        family.group_now().await.status(),
        RunStatus::Running,
        "it has no time of its own"
    );
    let one = QueueSettings {
        workspace_limit: 1,
        ..QueueSettings::default()
    };
    let claimed = world.claim(&one, 10).await;
    assert_eq!(claimed.len(), 1, "it takes nobody's place");
    assert!(!claimed[0].run.operation_type.is_group());
    assert_eq!(depth().await, (1, 1));
}

async fn a_group_that_nobody_ended_is_ended_by_the_sweep(database: TestDatabase) {
    let family = family(database, 2).await;
    let world = &family.world;
    let by_hand = "status = 'completed', outcome = 'succeeded', completed_at = 2";
    world.set_run(family.children[0].id, by_hand).await;
    world.sweep().await;
    assert_eq!(
        family.group_now().await.status(),
        RunStatus::Running,
        "one is left"
    );
    world.set_run(family.children[1].id, by_hand).await;
    world.sweep().await;
    let over = family.group_now().await;
    assert_eq!(over.outcome(), Some(RunOutcome::Succeeded));
    assert_eq!(
        over.progress,
        Some(Progress {
            processed: 2,
            total: 2
        })
    );
    world.sweep().await;
    assert_eq!((family.group_now().await, family.told().await), (over, 1));
}

async fn a_group_without_runs_is_over_at_once(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let nowhere = BulkStart {
        group: fresh(),
        trigger: RunTrigger::Bulk { parent: None },
        operation_type: OperationType::InventorySync,
        members: vec![(fresh(), None)],
    };
    let started = start(&world.store, nowhere, &world, &place).await;
    let stored = world.run_now(&place, started.run.id).await;
    assert_eq!(stored, started.run);
    assert_eq!(stored.outcome(), Some(RunOutcome::Failed));
    assert_eq!(stored.context.group.map(|tally| tally.not_found), Some(1));
}

/// Two callers want the same targets, one from the first to the last and one the other way round.
async fn two_starts_over_the_same_targets_do_not_wait_in_a_circle(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    for round in 0..4 {
        let keys: Vec<_> = (0..60).map(|number| format!("key-{round}-{number:04}")).collect();
        let backwards: Vec<_> = keys.iter().rev().cloned().collect();
        let barrier = Arc::new(Barrier::new(2));
        let both = [keys, backwards].map(|keys| {
            let wanted = wanted(&world, &place, &connection, &keys);
            let (world, place, barrier) = (Arc::clone(&world), place.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                start(&world.store, wanted, &world, &place).await
            })
        });
        let mut new = 0;
        for task in both {
            let started = task.await.expect("neither is refused");
            let runs = started.items.iter().filter_map(accepted).count();
            let total = started.run.progress.map_or(0, |progress| progress.total);
            assert_eq!(total, runs as u64);
            new += runs;
        }
        assert_eq!(new, 60, "each target has one run");
    }
}
