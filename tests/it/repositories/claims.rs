//! The worker's claim: each run to one worker, the oldest first, and nobody's flood in front of
//! everybody else.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use operations::{
    ClaimedRun, Completion, Fence, HandBack, InsertedRun, LaneDepth, OperationRun, QueueSettings, RunOutcome,
    RunQueue as _, RunState, RunStatus,
};
use provider_core::{ReasonCode, RunId};

use super::world::{Place, World};

on_both_engines!(
    a_claim_takes_the_oldest_first_and_at_most_what_was_asked,
    a_claim_serves_the_workspace_with_the_fewest_running_first,
    a_workspace_has_at_most_so_many_running,
    a_workspace_has_at_most_so_many_running_whoever_claims,
    a_run_is_claimed_by_one_worker,
    a_run_that_was_handed_back_waits_its_time,
    what_another_version_queued_is_left_to_it,
    a_row_that_cannot_be_read_holds_up_nobody,
    the_depth_counts_what_waits_and_what_runs,
);

fn settings() -> QueueSettings {
    QueueSettings::default()
}

/// A place with a connection and so many runs that wait, the first one the oldest.
async fn waiting(world: &World, count: i64, minutes_ago: i64) -> (Place, Vec<OperationRun>) {
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let mut runs = Vec::new();
    for number in 0..count {
        let mut new = world.new_run(&place, &connection, &format!("key-{number}"));
        new.created_at = world.now - TimeDelta::minutes(minutes_ago) + TimeDelta::seconds(number);
        let run = OperationRun::queued(new);
        assert_eq!(world.insert_run(&place, &run).await, InsertedRun::Inserted);
        runs.push(run);
    }
    (place, runs)
}

/// The claimed runs of a place.
fn of_place<'a>(claimed: &'a [ClaimedRun], place: &Place) -> Vec<&'a ClaimedRun> {
    claimed
        .iter()
        .filter(|one| one.scope.workspace_id() == place.scope.workspace_id())
        .collect()
}

fn ids(claimed: &[ClaimedRun]) -> Vec<RunId> {
    claimed.iter().map(|one| one.run.id).collect()
}

fn failed(run: &OperationRun) -> Completion {
    run.end_because(RunOutcome::Failed, ReasonCode::ProviderUnavailable)
        .expect("active")
}

async fn a_claim_takes_the_oldest_first_and_at_most_what_was_asked(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, runs) = waiting(&world, 5, 10).await;
    let claimed = world.claim(&settings(), 2).await;
    assert_eq!(ids(&claimed), [runs[0].id, runs[1].id]);
    for one in &claimed {
        assert_eq!(
            (one.run.status(), one.run.attempt, one.lease.attempt),
            (RunStatus::Running, 1, 1)
        );
        assert_eq!(one.scope.workspace_id(), place.scope.workspace_id());
        assert_eq!(one.run, world.run_now(&place, one.run.id).await);
    }
    assert!(world.claim(&settings(), 0).await.is_empty());
    assert_eq!(
        ids(&world.claim(&settings(), 10).await),
        [runs[2].id, runs[3].id, runs[4].id]
    );
    assert!(world.claim(&settings(), 10).await.is_empty());
}

async fn a_claim_serves_the_workspace_with_the_fewest_running_first(database: TestDatabase) {
    let world = World::new(database).await;
    let (flood, flooded) = waiting(&world, 5, 60).await;
    let (_, late) = waiting(&world, 2, 10).await;
    assert_eq!(
        ids(&world.claim(&settings(), 1).await),
        [flooded[0].id],
        "nobody runs: the oldest"
    );
    assert_eq!(
        ids(&world.claim(&settings(), 1).await),
        [late[0].id],
        "the one that has none running"
    );
    assert_eq!(
        ids(&world.claim(&settings(), 2).await),
        [flooded[1].id, late[1].id],
        "one each"
    );
    let rest = world.claim(&settings(), 10).await;
    assert_eq!((rest.len(), of_place(&rest, &flood).len()), (3, 3));
}

async fn a_workspace_has_at_most_so_many_running(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, _) = waiting(&world, 4, 60).await;
    let (others, _) = waiting(&world, 1, 10).await;
    let two = QueueSettings {
        workspace_limit: 2,
        ..settings()
    };
    let claimed = world.claim(&two, 10).await;
    assert_eq!(of_place(&claimed, &place).len(), 2);
    assert_eq!(
        of_place(&claimed, &others).len(),
        1,
        "the other workspace is not held up"
    );
    assert!(world.claim(&two, 10).await.is_empty(), "the limit is reached");
    let ours = of_place(&claimed, &place)[0];
    assert_eq!(
        world.finish(&place, &ours.lease, &failed(&ours.run)).await,
        Fence::Held
    );
    assert_eq!(world.claim(&two, 10).await.len(), 1, "one place is free again");
}

async fn a_workspace_has_at_most_so_many_running_whoever_claims(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    waiting(&world, 30, 60).await;
    let few = QueueSettings {
        workspace_limit: 3,
        ..settings()
    };
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.claim(&few, 1).await.len() })
        })
        .collect();
    let mut claimed = 0;
    for task in tasks {
        claimed += task.await.expect("joins");
    }
    claimed += world.claim(&few, 10).await.len();
    assert_eq!(claimed, 3);
}

async fn a_run_is_claimed_by_one_worker(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    let (_, runs) = waiting(&world, 24, 60).await;
    let all = QueueSettings {
        workspace_limit: 100,
        ..settings()
    };
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = world.claim(&all, 2).await;
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(claimed);
                }
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.expect("joins"));
    }
    // A claim that met only rows of other claims comes back empty before everything is taken.
    claimed.extend(world.claim(&all, 100).await);
    assert!(claimed.iter().all(|one| one.lease.attempt == 1));
    let distinct: BTreeSet<_> = ids(&claimed).into_iter().collect();
    assert_eq!((claimed.len(), distinct.len()), (runs.len(), runs.len()));
}

async fn a_run_that_was_handed_back_waits_its_time(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, runs) = waiting(&world, 1, 10).await;
    let claimed = world.claim_one().await;
    assert_eq!(
        world
            .hand_back(&place, &claimed.lease, Duration::from_hours(1))
            .await,
        HandBack::Done
    );
    let waits = world.run_now(&place, runs[0].id).await;
    assert_eq!(waits.status(), RunStatus::Queued);
    assert!(
        waits
            .not_before
            .is_some_and(|moment| moment > world.now + TimeDelta::minutes(59))
    );
    assert!(world.claim(&settings(), 10).await.is_empty(), "not yet");
    world.set_run(runs[0].id, "not_before = 1").await;
    let again = world.claim_one().await;
    assert_eq!((again.run.attempt, again.run.not_before), (2, None));
    let started = |run: &OperationRun| match run.state() {
        RunState::Running { started_at, .. } => Some(started_at),
        RunState::Queued | RunState::Gathering { .. } | RunState::Completed { .. } => None,
    };
    assert_eq!(
        started(&again.run),
        started(&claimed.run),
        "the first start counts"
    );
}

async fn what_another_version_queued_is_left_to_it(database: TestDatabase) {
    let world = World::new(database).await;
    let (_, runs) = waiting(&world, 2, 10).await;
    world
        .set_run(runs[0].id, "operation_type = 'something.later'")
        .await;
    assert_eq!(ids(&world.claim(&settings(), 10).await), [runs[1].id]);
    let queued = "SELECT count(*) FROM operation_runs WHERE status = 'queued' AND attempt = 0";
    assert_eq!(world.database.number(queued).await, 1);
}

async fn a_row_that_cannot_be_read_holds_up_nobody(database: TestDatabase) {
    let world = World::new(database).await;
    let (_, runs) = waiting(&world, 3, 10).await;
    world.set_run(runs[0].id, "context = '[]'").await;
    assert_eq!(ids(&world.claim(&settings(), 10).await), [runs[1].id, runs[2].id]);
    for run in &runs {
        world.lose_lease(run.id).await;
    }
    let swept = world.sweep().await;
    assert_eq!((swept.requeued, swept.failed), (2, 1), "nor is the sweep held up");
    let active = "SELECT count(*) FROM operation_runs WHERE status <> 'completed'";
    assert_eq!(
        world.database.number(active).await,
        2,
        "what nobody can read holds its scope no longer"
    );
    assert_eq!(ids(&world.claim(&settings(), 10).await), [runs[1].id, runs[2].id]);
}

async fn the_depth_counts_what_waits_and_what_runs(database: TestDatabase) {
    let world = World::new(database).await;
    let depth = || async {
        let depth = world.store.queue().depth().await.expect("counts");
        assert_eq!(depth.checks, LaneDepth::default(), "no check is there");
        (depth.work.queued, depth.work.running)
    };
    assert_eq!(depth().await, (0, 0));
    let (place, _) = waiting(&world, 3, 10).await;
    waiting(&world, 2, 10).await;
    assert_eq!(depth().await, (5, 0));
    let claimed = world.claim(&settings(), 2).await;
    assert_eq!(depth().await, (3, 2));
    let ours = of_place(&claimed, &place)[0];
    assert_eq!(
        world.finish(&place, &ours.lease, &failed(&ours.run)).await,
        Fence::Held
    );
    assert_eq!(depth().await, (3, 1));
}
