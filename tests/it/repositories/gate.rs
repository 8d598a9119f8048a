//! The gate's insert: at most one active run for a scope, decided by the index (I1).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use integration_tests::{TestDatabase, on_both_engines};
use kernel::PageRequest;
use operations::{
    Fence, HandBack, InsertedRun, OperationRun, OperationType, RunFilter, RunOutcome, RunPlace, RunStatus,
};
use provider_core::ReasonCode;

use super::world::{World, environment};

on_both_engines!(
    a_taken_scope_leaves_the_transaction_usable,
    a_scope_is_held_until_the_run_is_over,
    a_scope_is_a_matter_of_its_workspace,
    of_many_starts_at_once_exactly_one_is_inserted,
    a_blocked_run_holds_nothing,
    what_is_stored_comes_back_as_it_was,
    runs_are_listed_by_what_they_are,
);

async fn a_taken_scope_leaves_the_transaction_usable(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let holder = world.queued(&place, &connection, "key").await;
    let (scope, change) = (&place.scope, world.change(&place.scope));
    let late = world.run(&place, &connection, "key");
    let mut unit = world.begin().await;
    let inserted = unit.runs().insert(scope, &late, &change).await.expect("answers");
    assert_eq!(inserted, InsertedRun::ScopeTaken);
    let found = unit.runs().active_on(scope, "key").await.expect("reads");
    assert_eq!(found, Some(holder), "the one look after a refusal finds who");
    let made = environment(&place, "other", world.now);
    unit.environments()
        .insert(scope, &made, &change)
        .await
        .expect("the transaction goes on");
    unit.commit().await.expect("commits");
    let session = world.read().await;
    assert!(
        session
            .environments()
            .find(scope, made.id)
            .await
            .expect("reads")
            .is_some()
    );
    assert!(
        session
            .runs()
            .find(scope, late.id)
            .await
            .expect("reads")
            .is_none()
    );
}

async fn a_scope_is_held_until_the_run_is_over(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let again = || async {
        world
            .insert_run(&place, &world.run(&place, &connection, "key"))
            .await
    };
    assert_eq!(again().await, InsertedRun::ScopeTaken, "queued");
    let claimed = world.claim_one().await;
    assert_eq!(again().await, InsertedRun::ScopeTaken, "running");
    assert_eq!(
        world.hand_back(&place, &claimed.lease, Duration::ZERO).await,
        HandBack::Done
    );
    assert_eq!(again().await, InsertedRun::ScopeTaken, "handed back");
    world.claim_one().await;
    world.lose_lease(run.id).await;
    assert_eq!(again().await, InsertedRun::ScopeTaken, "its worker is gone");
    assert_eq!(world.sweep().await.requeued, 1);
    assert_eq!(again().await, InsertedRun::ScopeTaken, "swept");
    let claimed = world.claim_one().await;
    let end = claimed
        .run
        .end_because(RunOutcome::Failed, ReasonCode::ProviderUnavailable)
        .expect("active");
    assert_eq!(world.finish(&place, &claimed.lease, &end).await, Fence::Held);
    assert_eq!(again().await, InsertedRun::Inserted, "over");
}

async fn a_scope_is_a_matter_of_its_workspace(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.place().await, world.place().await);
    for place in [&ours, &theirs] {
        let connection = world.connected(place, "site-1", "secret").await;
        world.queued(place, &connection, "key").await;
    }
}

async fn of_many_starts_at_once_exactly_one_is_inserted(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (world, place, connection) = (Arc::clone(&world), place.clone(), connection.clone());
            tokio::spawn(async move {
                world
                    .insert_run(&place, &world.run(&place, &connection, "key"))
                    .await
            })
        })
        .collect();
    let mut inserted = 0;
    for task in tasks {
        inserted += usize::from(task.await.expect("joins") == InsertedRun::Inserted);
    }
    assert_eq!(inserted, 1);
    assert_eq!(
        world.database.number("SELECT count(*) FROM operation_runs").await,
        1
    );
}

async fn a_blocked_run_holds_nothing(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    for with_target in [true, false] {
        let mut new = world.new_run(&place, &connection, "key");
        if !with_target {
            new.place = RunPlace::Environment {
                environment_id: place.environment,
                target: None,
            };
        }
        let run = OperationRun::blocked(new, ReasonCode::ProviderConsentMissing);
        world.insert_blocked(&place, &run).await;
        assert_eq!(world.run_now(&place, run.id).await, run);
    }
    let session = world.read().await;
    assert!(
        session
            .runs()
            .active_on(&place.scope, "key")
            .await
            .expect("reads")
            .is_none()
    );
    world.queued(&place, &connection, "key").await;
    world.claim_one().await;
}

async fn what_is_stored_comes_back_as_it_was(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let mut new = world.new_run(&place, &connection, "key");
    new.inputs = [("depth".to_owned(), serde_json::json!({ "a": [1, "two", null] }))]
        .into_iter()
        .collect();
    let run = OperationRun::queued(new);
    assert_eq!(world.insert_run(&place, &run).await, InsertedRun::Inserted);
    assert_eq!(world.run_now(&place, run.id).await, run);
    assert_eq!(
        run.initiator.principal_id,
        Some(place.owner.member().principal.id)
    );
}

async fn runs_are_listed_by_what_they_are(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let other = world.connected(&place, "site-2", "secret").await;
    let mut new = world.new_run(&place, &connection, "check");
    new.operation_type = OperationType::ConnectionCheck;
    let check = OperationRun::queued(new);
    world.insert_run(&place, &check).await;
    let claimed = world.claim_one().await;
    let sync = world.queued(&place, &connection, "sync").await;
    let elsewhere = world.queued(&place, &other, "elsewhere").await;
    let ids = async |filter: RunFilter| {
        let session = world.read().await;
        let page = session
            .runs()
            .list(&place.scope, filter, PageRequest::default())
            .await
            .expect("reads");
        page.items.iter().map(|run| run.id).collect::<BTreeSet<_>>()
    };
    let none = RunFilter::default();
    assert_eq!(ids(none).await, BTreeSet::from([check.id, sync.id, elsewhere.id]));
    let running = RunFilter {
        status: Some(RunStatus::Running),
        ..none
    };
    assert_eq!(ids(running).await, BTreeSet::from([claimed.run.id]));
    let queued = RunFilter {
        status: Some(RunStatus::Queued),
        ..none
    };
    assert_eq!(ids(queued).await, BTreeSet::from([sync.id, elsewhere.id]));
    let of_other = RunFilter {
        connection_id: Some(other.id),
        ..none
    };
    assert_eq!(ids(of_other).await, BTreeSet::from([elsewhere.id]));
    let checks = RunFilter {
        operation_type: Some(OperationType::ConnectionCheck),
        ..none
    };
    assert_eq!(ids(checks).await, BTreeSet::from([check.id]));
    let both = RunFilter {
        connection_id: Some(connection.id),
        ..queued
    };
    assert_eq!(ids(both).await, BTreeSet::from([sync.id]));
}
