//! Resume points: the holder of a run writes them, the last one counts, and they go with their run.

use std::time::Duration;

use integration_tests::{Engine, TestDatabase, on_both_engines};
use operations::{Fence, HandBack, RunOutcome, SweepReport};
use provider_core::{CredentialVault as _, ReasonCode, ResumePoint, RunId};

use super::world::{Place, World};

on_both_engines!(
    the_last_point_of_the_holder_counts,
    a_point_outlives_its_attempt_and_not_its_run,
    every_end_takes_the_point_along,
    what_does_not_fit_leaves_the_point_before,
    a_point_is_sealed_for_its_run,
    a_point_that_is_not_committed_is_not_there,
    a_run_that_was_handed_back_says_why_it_waits,
);

async fn waiting(world: &World) -> (Place, RunId) {
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    (place, run.id)
}

async fn the_last_point_of_the_holder_counts(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    assert_eq!(world.point_now(&place, id).await, None);
    let claimed = world.claim_one().await;
    for text in ["one", "two", "", "drei \u{1F642}"] {
        assert_eq!(world.save_point(&claimed.lease, text).await, Fence::Held);
        assert_eq!(world.point_now(&place, id).await.as_deref(), Some(text));
    }
    let point = world
        .store
        .vault()
        .resume_point(&place.scope, id)
        .await
        .expect("reads");
    let written_at = point.expect("is there").written_at;
    assert_eq!(written_at.timestamp_micros(), world.now.timestamp_micros());
}

async fn a_point_outlives_its_attempt_and_not_its_run(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    let first = world.claim_one().await;
    assert_eq!(world.save_point(&first.lease, "one").await, Fence::Held);
    world.lose_lease(id).await;
    let swept = world.sweep().await;
    assert_eq!((swept.requeued, swept.failed), (1, 0));
    assert_eq!(world.point_now(&place, id).await.as_deref(), Some("one"));
    assert_eq!(world.save_point(&first.lease, "late").await, Fence::Lost);
    let second = world.claim_one().await;
    assert_eq!(world.save_point(&first.lease, "late").await, Fence::Lost);
    assert_eq!(world.save_point(&second.lease, "two").await, Fence::Held);
    let back = world.hand_back(&place, &second.lease, Duration::ZERO).await;
    assert_eq!(back, HandBack::Done);
    assert_eq!(world.save_point(&second.lease, "late").await, Fence::Lost);
    assert_eq!(world.point_now(&place, id).await.as_deref(), Some("two"));
    let third = world.claim_one().await;
    let end = third
        .run
        .end_because(RunOutcome::Failed, ReasonCode::ProviderUnavailable)
        .expect("active");
    assert_eq!(world.finish(&place, &third.lease, &end).await, Fence::Held);
    assert_eq!(world.point_now(&place, id).await, None);
    assert_eq!(world.save_point(&third.lease, "late").await, Fence::Lost);
    assert_eq!(world.point_now(&place, id).await, None);
}

/// Each way in which a run can end beside its own worker's.
async fn every_end_takes_the_point_along(database: TestDatabase) {
    let world = World::new(database).await;
    for (columns, reason) in [
        ("queued_at = 1", ReasonCode::RunQueueTimeout),
        ("lease_until = 1, lost_leases = 2", ReasonCode::WorkerLost),
        ("started_at = 1", ReasonCode::RunTimeout),
        (
            "lease_until = 1, cancel_requested_at = 1",
            ReasonCode::RunCanceled,
        ),
    ] {
        let (place, id) = waiting(&world).await;
        let claimed = world.claim_one().await;
        assert_eq!(world.save_point(&claimed.lease, "one").await, Fence::Held);
        if reason == ReasonCode::RunQueueTimeout {
            let back = world.hand_back(&place, &claimed.lease, Duration::ZERO).await;
            assert_eq!(back, HandBack::Done);
        }
        world.set_run(id, columns).await;
        let failed = SweepReport {
            requeued: 0,
            failed: 1,
        };
        assert_eq!(world.sweep().await, failed, "{reason:?}");
        assert_eq!(world.run_now(&place, id).await.context.reason_code, Some(reason));
        assert_eq!(world.point_now(&place, id).await, None, "{reason:?}");
    }
    for queued in [true, false] {
        let (place, id) = waiting(&world).await;
        let claimed = world.claim_one().await;
        assert_eq!(world.save_point(&claimed.lease, "one").await, Fence::Held);
        let end = claimed
            .run
            .end_because(RunOutcome::Canceled, ReasonCode::RunCanceled)
            .expect("active");
        if queued {
            let back = world.hand_back(&place, &claimed.lease, Duration::ZERO).await;
            assert_eq!(back, HandBack::Done);
            assert!(world.end_queued(&place, id, &end).await);
        } else {
            assert!(!world.end_queued(&place, id, &end).await, "it is not queued");
            assert!(world.point_now(&place, id).await.is_some());
            assert!(world.end_active(&place, id, &end).await);
        }
        assert_eq!(world.point_now(&place, id).await, None);
    }
    let points = "SELECT count(*) FROM run_resume_points";
    assert_eq!(world.database.number(points).await, 0);
}

async fn what_does_not_fit_leaves_the_point_before(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    let claimed = world.claim_one().await;
    let longest = "x".repeat(ResumePoint::LONGEST);
    assert_eq!(world.save_point(&claimed.lease, &longest).await, Fence::Held);
    let longer = format!("{longest}x");
    assert_eq!(world.save_point(&claimed.lease, &longer).await, Fence::Held);
    assert_eq!(world.point_now(&place, id).await, Some(longest));
}

/// A page link may hold names: nobody reads it in the rows, and it fits no other run.
async fn a_point_is_sealed_for_its_run(database: TestDatabase) {
    let world = World::new(database).await;
    let text = "https://provider.example/people?after=ada.ahorn@contoso.example\0";
    let (place, id) = waiting(&world).await;
    let claimed = world.claim_one().await;
    assert_eq!(world.save_point(&claimed.lease, text).await, Fence::Held);
    let connection = world.connected(&place, "site-2", "secret").await;
    let other = world.queued(&place, &connection, "another key").await.id;
    let claimed = world.claim_one().await;
    assert_eq!(world.save_point(&claimed.lease, text).await, Fence::Held);
    assert_eq!(world.point_now(&place, id).await.as_deref(), Some(text));
    assert_eq!(world.point_now(&place, other).await.as_deref(), Some(text));
    let found = match world.database.engine {
        Engine::Sqlite => "instr(sealed, CAST('ada.ahorn' AS BLOB))",
        Engine::Postgres => "position(convert_to('ada.ahorn', 'UTF8') IN sealed)",
    };
    let readable = format!("SELECT count(*) FROM run_resume_points WHERE {found} > 0");
    assert_eq!(world.database.number(&readable).await, 0);
    let same = "UPDATE run_resume_points SET sealed =
        (SELECT p.sealed FROM run_resume_points p ORDER BY p.run_id LIMIT 1)";
    assert_eq!(world.database.tamper(same).await, 2);
    let first = world.point_now(&place, id).await;
    let second = world.point_now(&place, other).await;
    assert_eq!(
        u8::from(first.is_some()) + u8::from(second.is_some()),
        1,
        "what was sealed for one run opens for no other"
    );
}

async fn a_point_that_is_not_committed_is_not_there(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    let claimed = world.claim_one().await;
    let point = ResumePoint {
        text: "one".to_owned(),
        written_at: world.now,
    };
    let mut unit = world.begin().await;
    let saved = unit.attempts().save_point(&claimed.lease, &point).await;
    assert_eq!(saved.expect("answers"), Fence::Held);
    drop(unit);
    assert_eq!(world.point_now(&place, id).await, None);
}

async fn a_run_that_was_handed_back_says_why_it_waits(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, id) = waiting(&world).await;
    for reason in [Some(ReasonCode::ProviderThrottled), None] {
        let claimed = world.claim_one().await;
        assert_eq!(claimed.run.waiting, None);
        let change = world.change(&place.scope);
        let mut unit = world.begin().await;
        let back = unit
            .attempts()
            .hand_back(&place.scope, &claimed.lease, (Duration::ZERO, reason), &change)
            .await;
        assert_eq!(back.expect("answers"), HandBack::Done);
        unit.commit().await.expect("commits");
        let waits = world.run_now(&place, id).await;
        assert_eq!(waits.waiting.map(|waiting| waiting.reason), reason);
        // As if it had been handed back for a minute, an hour ago, and no worker had been free since.
        let hour = "waiting_since = waiting_since - 3600000000, not_before = waiting_since - 3540000000";
        world.set_run(id, hour).await;
    }
    let again = world.claim_one().await;
    assert_eq!(
        again.run.waited,
        Duration::from_mins(1),
        "the pause, and not the wait for a worker"
    );
}
