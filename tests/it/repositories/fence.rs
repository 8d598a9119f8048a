//! The fence: only the holder of the present attempt writes (I3). A late worker's signs of life,
//! confirmations, ends and returns are refused, and the row stays as it is.

use std::time::Duration;

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use operations::{
    ClaimedRun, CountKey, Fence, HandBack, Heartbeat, OperationRun, RunFailure, RunLease, RunOutcome,
    RunQueue as _, RunState, RunStatus, SummaryCounts, SweepReport,
};
use provider_core::{Progress, ReasonCode};

use super::world::{Place, World, fresh};

on_both_engines!(
    a_holder_is_heard,
    a_sign_of_life_renews_the_lease,
    a_sign_of_life_tells_progress_and_hears_of_a_cancel,
    a_dead_attempt_writes_nothing_while_the_run_waits_again,
    a_dead_attempt_writes_nothing_while_another_has_the_run,
    no_attempt_writes_to_a_run_that_is_over,
    a_run_that_was_handed_back_is_out_of_hand,
    a_run_that_somebody_wants_canceled_is_not_handed_back,
    a_lease_of_no_run_is_lost,
    an_end_that_is_not_committed_does_not_end,
);

const LEASE: Duration = Duration::from_secs(30);

async fn begun(world: &World) -> (Place, ClaimedRun) {
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    world.queued(&place, &connection, "key").await;
    let claimed = world.claim_one().await;
    (place, claimed)
}

/// A run whose first attempt is dead and that waits again.
async fn lost(world: &World) -> (Place, ClaimedRun) {
    let (place, claimed) = begun(world).await;
    world.lose_lease(claimed.run.id).await;
    assert_eq!(
        world.sweep().await,
        SweepReport {
            requeued: 1,
            failed: 0
        }
    );
    (place, claimed)
}

async fn beat(world: &World, lease: &RunLease, progress: Option<Progress>) -> Heartbeat {
    world
        .store
        .queue()
        .heartbeat(lease, LEASE, progress)
        .await
        .expect("answers")
}

async fn a_holder_is_heard(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, claimed) = begun(&world).await;
    assert_eq!(world.confirm(&claimed.lease).await, Fence::Held);
    let context = claimed.run.context.clone().because(ReasonCode::ProviderThrottled);
    let mut counts = SummaryCounts::default();
    counts.add(CountKey::Created, 7);
    let failures = vec![RunFailure::of(ReasonCode::ProviderThrottled)];
    let parts = (context.clone(), counts.clone(), failures.clone());
    let end = claimed
        .run
        .complete(RunOutcome::PartiallySucceeded, context, counts, failures)
        .expect("active");
    assert_eq!(world.finish(&place, &claimed.lease, &end).await, Fence::Held);
    let run = world.run_now(&place, claimed.run.id).await;
    assert_eq!(run.outcome(), Some(RunOutcome::PartiallySucceeded));
    assert!(matches!(
        run.state(),
        RunState::Completed {
            started_at: Some(_),
            ..
        }
    ));
    assert_eq!((run.context, run.counts, run.failures), parts);
}

async fn a_sign_of_life_renews_the_lease(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, claimed) = begun(&world).await;
    // The lease is over, but nobody swept: whoever holds it may still renew it.
    world.lose_lease(claimed.run.id).await;
    let heard = beat(&world, &claimed.lease, None).await;
    assert_eq!(
        heard,
        Heartbeat::Renewed {
            cancel_requested: false
        }
    );
    let run = world.run_now(&place, claimed.run.id).await;
    let RunState::Running {
        lease_until,
        heartbeat_at,
        ..
    } = run.state()
    else {
        panic!("running")
    };
    // PostgreSQL's clock moves between two readings of one statement.
    let off = (lease_until - heartbeat_at - TimeDelta::seconds(30)).abs();
    assert!(off < TimeDelta::seconds(1), "{off}");
    assert_eq!(world.sweep().await, SweepReport::default());
}

async fn a_sign_of_life_tells_progress_and_hears_of_a_cancel(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, claimed) = begun(&world).await;
    let id = claimed.run.id;
    let progress = Some(Progress {
        processed: 3,
        total: 10,
    });
    beat(&world, &claimed.lease, progress).await;
    assert_eq!(world.run_now(&place, id).await.progress, progress);
    beat(&world, &claimed.lease, None).await;
    assert_eq!(
        world.run_now(&place, id).await.progress,
        progress,
        "no news is no change"
    );
    assert!(world.request_cancel(&place, id).await);
    assert!(!world.request_cancel(&place, id).await, "asked before");
    let heard = beat(&world, &claimed.lease, progress).await;
    assert_eq!(
        heard,
        Heartbeat::Renewed {
            cancel_requested: true
        }
    );
}

async fn a_dead_attempt_writes_nothing_while_the_run_waits_again(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, old) = lost(&world).await;
    assert_all_lost(&world, &place, &old.lease, &old.run).await;
}

async fn a_dead_attempt_writes_nothing_while_another_has_the_run(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, old) = lost(&world).await;
    let new = world.claim_one().await;
    assert_eq!(
        new.lease,
        RunLease {
            attempt: 2,
            ..old.lease
        }
    );
    assert_all_lost(&world, &place, &old.lease, &old.run).await;
    assert_eq!(world.run_now(&place, new.run.id).await, new.run);
    assert_eq!(
        beat(&world, &new.lease, None).await,
        Heartbeat::Renewed {
            cancel_requested: false
        }
    );
    assert_eq!(
        world.confirm(&new.lease).await,
        Fence::Held,
        "the new one is not disturbed"
    );
}

async fn no_attempt_writes_to_a_run_that_is_over(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, old) = lost(&world).await;
    let new = world.claim_one().await;
    let end = new
        .run
        .end_because(RunOutcome::Failed, ReasonCode::ProviderUnavailable)
        .expect("active");
    assert_eq!(world.finish(&place, &new.lease, &end).await, Fence::Held);
    assert_all_lost(&world, &place, &old.lease, &old.run).await;
    assert_all_lost(&world, &place, &new.lease, &new.run).await;
}

async fn a_run_that_was_handed_back_is_out_of_hand(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, claimed) = begun(&world).await;
    assert_eq!(
        world.hand_back(&place, &claimed.lease, Duration::ZERO).await,
        HandBack::Done
    );
    assert_all_lost(&world, &place, &claimed.lease, &claimed.run).await;
}

async fn a_run_that_somebody_wants_canceled_is_not_handed_back(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, claimed) = begun(&world).await;
    assert!(world.request_cancel(&place, claimed.run.id).await);
    let entries = world.journal_entries().await;
    let back = world.hand_back(&place, &claimed.lease, Duration::ZERO).await;
    assert_eq!(back, HandBack::CancelRequested);
    assert_eq!(
        world.run_now(&place, claimed.run.id).await.status(),
        RunStatus::Running
    );
    assert_eq!(world.journal_entries().await, entries);
    let end = claimed
        .run
        .end_because(RunOutcome::Canceled, ReasonCode::RunCanceled)
        .expect("active");
    assert_eq!(
        world.finish(&place, &claimed.lease, &end).await,
        Fence::Held,
        "its worker ends it"
    );
}

async fn a_lease_of_no_run_is_lost(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, claimed) = begun(&world).await;
    let other = world.bare_place().await;
    let strange = [
        RunLease {
            run_id: fresh(),
            ..claimed.lease
        },
        RunLease {
            workspace_id: other.scope.workspace_id(),
            ..claimed.lease
        },
        RunLease {
            attempt: 0,
            ..claimed.lease
        },
        RunLease {
            attempt: 2,
            ..claimed.lease
        },
    ];
    for lease in strange {
        assert_all_lost(&world, &place, &lease, &claimed.run).await;
    }
}

async fn an_end_that_is_not_committed_does_not_end(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, claimed) = begun(&world).await;
    let end = claimed
        .run
        .end_because(RunOutcome::Failed, ReasonCode::InternalError)
        .expect("active");
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let done = unit
        .attempts()
        .finish(&place.scope, &claimed.lease, &end, &change)
        .await
        .expect("answers");
    assert_eq!(done, Fence::Held);
    drop(unit);
    assert_eq!(world.run_now(&place, claimed.run.id).await, claimed.run);
    assert_eq!(world.confirm(&claimed.lease).await, Fence::Held);
}

/// Everything that an attempt can write, tried with `lease`: nothing of it arrives.
async fn assert_all_lost(world: &World, place: &Place, lease: &RunLease, run: &OperationRun) {
    let point = world.point_now(place, run.id).await;
    let before = (world.run_now(place, run.id).await, world.journal_entries().await);
    let progress = Some(Progress {
        processed: 1,
        total: 2,
    });
    assert_eq!(beat(world, lease, progress).await, Heartbeat::Lost);
    assert_eq!(world.confirm(lease).await, Fence::Lost);
    assert_eq!(world.save_point(lease, "too late").await, Fence::Lost);
    assert_eq!(world.point_now(place, run.id).await, point);
    let end = run
        .end_because(RunOutcome::Failed, ReasonCode::InternalError)
        .expect("it was active once");
    assert_eq!(world.finish(place, lease, &end).await, Fence::Lost);
    assert_eq!(
        world.hand_back(place, lease, Duration::ZERO).await,
        HandBack::Lost
    );
    assert_eq!(
        (world.run_now(place, run.id).await, world.journal_entries().await),
        before
    );
}
