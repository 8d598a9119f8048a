//! The journal: every write that did something has its one entry, in the same transaction; a
//! write that was refused has none; what is not committed never was (I2).

use std::time::Duration;

use integration_tests::{TestDatabase, on_both_engines};
use inventory::ItemFilter;
use kernel::PageRequest;
use operations::{Fence, HandBack, InsertedRun, OperationRun, RunFilter, RunLease, RunOutcome, SweepReport};
use provider_core::{
    ConsentState, InsertedConnection, Observation, ProviderConnection, ReasonCode, StoredCredential,
};
use storage::UnitOfWork;
use tenancy::{AddedMember, InsertedEnvironment, Role};

use super::world::{Place, World, environment, item};

on_both_engines!(
    every_write_of_a_caller_has_its_entry,
    every_write_to_a_run_has_its_entry,
    a_refused_write_of_a_caller_has_none,
    a_refused_write_to_a_run_has_none,
    what_is_not_committed_leaves_nothing,
    a_failed_write_leaves_nothing_of_its_transaction,
    what_is_not_committed_is_seen_by_nobody,
);

/// Lets something happen and asserts how many entries it made.
async fn assert_entries<T>(world: &World, expected: i64, what: &str, happens: impl Future<Output = T>) -> T {
    let before = world.journal_entries().await;
    let result = happens.await;
    assert_eq!(world.journal_entries().await - before, expected, "{what}");
    result
}

async fn every_write_of_a_caller_has_its_entry(database: TestDatabase) {
    let world = World::new(database).await;
    let place = assert_entries(&world, 1, "a workspace", world.bare_place()).await;
    let made = environment(&place, "production", world.now);
    assert_entries(
        &world,
        1,
        "an environment",
        world.insert_environment(&place, &made),
    )
    .await;
    let place = Place {
        environment: made.id,
        ..place
    };
    let member = world.member("somebody", Role::Operator);
    assert_entries(&world, 1, "a member", world.add_member(&place, &member)).await;
    let connection = world.connection(&place, "site-1");
    let inserts = world.insert_connection(&place, &connection, Some(world.credential("one")));
    assert_entries(&world, 1, "a connection with its credential", inserts).await;
    let replaces = world.put_credential(&place, &connection, world.credential("two"));
    let stored = assert_entries(&world, 1, "a credential", replaces).await;
    assert_eq!(stored, StoredCredential::Stored { version: 2 });
    let run = world.run(&place, &connection, "key");
    assert_entries(&world, 1, "a run", world.insert_run(&place, &run)).await;
    let observation = Observation {
        run_id: run.id,
        identity_version: connection.identity_version + 1,
        at: world.now,
        consent: Some((ConsentState::Granted, None)),
        verification: None,
        next_at: None,
        requirements: Vec::new(),
        credential_opened: Some(false),
        hint_at: None,
    };
    let observes = world.observe(&place, connection.id, &observation);
    assert_entries(&world, 1, "an observation", observes)
        .await
        .expect("records");
    let new = world.new_run(&place, &connection, "key");
    let blocked = OperationRun::blocked(new, ReasonCode::ProviderConsentMissing);
    assert_entries(&world, 1, "a blocked run", world.insert_blocked(&place, &blocked)).await;
}

async fn every_write_to_a_run_has_its_entry(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let claimed = assert_entries(&world, 1, "a claim", world.claim_one()).await;
    let hands_back = world.hand_back(&place, &claimed.lease, Duration::ZERO);
    assert_eq!(
        assert_entries(&world, 1, "a run handed back", hands_back).await,
        HandBack::Done
    );
    let claimed = world.claim_one().await;
    let asks = world.request_cancel(&place, run.id);
    assert!(assert_entries(&world, 1, "a request to cancel", asks).await);
    let end = run
        .end_because(RunOutcome::Failed, ReasonCode::ProviderUnavailable)
        .expect("active");
    let finishes = world.finish(&place, &claimed.lease, &end);
    assert_eq!(assert_entries(&world, 1, "an end", finishes).await, Fence::Held);
    let waiting = world.queued(&place, &connection, "key").await;
    let ends = world.end_queued(&place, waiting.id, &end);
    assert!(assert_entries(&world, 1, "a canceled run", ends).await);
    let lost = world.queued(&place, &connection, "key").await;
    let held = world.claim_one().await;
    let confirms = world.confirm(&held.lease);
    assert_eq!(
        assert_entries(&world, 0, "a sign of life", confirms).await,
        Fence::Held
    );
    world.lose_lease(lost.id).await;
    assert_eq!(
        assert_entries(&world, 1, "a sweep", world.sweep()).await.requeued,
        1
    );
}

async fn a_refused_write_of_a_caller_has_none(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let taken = world.workspace("taken");
    world
        .insert_workspace(&taken, world.member("founder", Role::Owner))
        .await;
    let entries = world.journal_entries().await;
    let again = world.workspace("taken");
    world
        .insert_workspace(&again, world.member("late", Role::Owner))
        .await;
    let environment = environment(&place, "production", world.now);
    assert_eq!(
        world.insert_environment(&place, &environment).await,
        InsertedEnvironment::SlugTaken
    );
    let mut member = world.member("x", Role::Readonly);
    member.principal = place.owner.member().principal.clone();
    assert_eq!(
        world.add_member(&place, &member).await,
        AddedMember::AlreadyMember
    );
    let double = world.connection(&place, "site-1");
    let inserted = world
        .insert_connection(&place, &double, Some(world.credential("unused")))
        .await;
    assert_eq!(inserted, InsertedConnection::DuplicateTarget(connection.id));
    let stale = ProviderConnection {
        version: 7,
        ..connection.clone()
    };
    let stored = world
        .put_credential(&place, &stale, world.credential("unused"))
        .await;
    assert_eq!(stored, StoredCredential::VersionMismatch);
    assert_eq!(
        world.journal_entries().await,
        entries,
        "nothing was done, so nothing is told"
    );
    let credentials = "SELECT count(*) FROM provider_credentials";
    assert_eq!(world.database.number(credentials).await, 1);
    assert_eq!(world.found(&place, &connection).await, connection);
}

async fn a_refused_write_to_a_run_has_none(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let waiting = world.queued(&place, &connection, "key").await;
    let end = waiting
        .end_because(RunOutcome::Canceled, ReasonCode::RunCanceled)
        .expect("active");
    let dead = RunLease {
        workspace_id: place.scope.workspace_id(),
        run_id: waiting.id,
        attempt: 9,
    };
    let entries = world.journal_entries().await;
    let other = world.run(&place, &connection, "key");
    assert_eq!(world.insert_run(&place, &other).await, InsertedRun::ScopeTaken);
    assert!(!world.request_cancel(&place, waiting.id).await, "it does not run");
    assert_eq!(world.finish(&place, &dead, &end).await, Fence::Lost);
    assert_eq!(
        world.hand_back(&place, &dead, Duration::ZERO).await,
        HandBack::Lost
    );
    assert_eq!(world.sweep().await, SweepReport::default());
    assert_eq!(
        world.journal_entries().await,
        entries,
        "nothing was done, so nothing is told"
    );
    assert_eq!(world.run_now(&place, waiting.id).await, waiting);
    world.claim_one().await;
    let entries = world.journal_entries().await;
    assert!(
        !world.end_queued(&place, waiting.id, &end).await,
        "it does not wait"
    );
    assert_eq!(world.journal_entries().await, entries);
}

/// Writes a bit of everything.
async fn write_much(world: &World, place: &Place, unit: &mut dyn UnitOfWork) {
    let (scope, change) = (&place.scope, || world.change(&place.scope));
    unit.environments()
        .insert(scope, &environment(place, "other", world.now), &change())
        .await
        .expect("inserts");
    unit.members()
        .add(scope, &world.member("somebody", Role::Operator), &change())
        .await
        .expect("adds");
    let connection = world.connection(place, "site-1");
    let secret = Some(world.credential("secret"));
    unit.connections()
        .insert(scope, &connection, secret, &change())
        .await
        .expect("inserts");
    let run = world.run(place, &connection, "key");
    unit.runs().insert(scope, &run, &change()).await.expect("inserts");
    unit.inventory()
        .upsert(scope, connection.id, run.id, world.now, &[item("1", 1)])
        .await
        .expect("stores");
}

async fn what_is_not_committed_leaves_nothing(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let before = counts(&world).await;
    let mut unit = world.begin().await;
    write_much(&world, &place, unit.as_mut()).await;
    drop(unit);
    assert_eq!(counts(&world).await, before);
    // The store goes on as if nothing had been: nobody holds a lock, no key is half made.
    let mut unit = world.begin().await;
    write_much(&world, &place, unit.as_mut()).await;
    unit.commit().await.expect("commits");
    assert_ne!(counts(&world).await, before);
}

/// A statement that the database refuses takes the whole transaction with it.
async fn a_failed_write_leaves_nothing_of_its_transaction(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let before = counts(&world).await;
    let mut unit = world.begin().await;
    write_much(&world, &place, unit.as_mut()).await;
    let nowhere = world.connection(&place, "site-9");
    let broken = world.run(&place, &nowhere, "broken");
    let refused = unit
        .runs()
        .insert(&place.scope, &broken, &world.change(&place.scope))
        .await;
    assert!(refused.is_err(), "there is no such connection");
    drop(unit);
    assert_eq!(counts(&world).await, before);
}

async fn what_is_not_committed_is_seen_by_nobody(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let mut unit = world.begin().await;
    write_much(&world, &place, unit.as_mut()).await;
    let (session, all) = (world.read().await, PageRequest::default());
    let runs = session
        .runs()
        .list(&place.scope, RunFilter::default(), all)
        .await
        .expect("reads")
        .items
        .len();
    let items = session
        .inventory()
        .items(&place.scope, ItemFilter::default(), all)
        .await
        .expect("reads")
        .items
        .len();
    assert_eq!((runs, items), (0, 0), "before");
    unit.commit().await.expect("commits");
    let runs = session
        .runs()
        .list(&place.scope, RunFilter::default(), all)
        .await
        .expect("reads")
        .items
        .len();
    let items = session
        .inventory()
        .items(&place.scope, ItemFilter::default(), all)
        .await
        .expect("reads")
        .items
        .len();
    assert_eq!((runs, items), (1, 1), "after");
}

/// How many rows every table has.
async fn counts(world: &World) -> Vec<i64> {
    let tables = [
        "workspaces",
        "principals",
        "members",
        "environments",
        "workspace_keys",
        "provider_connections",
        "provider_credentials",
        "connection_requirements",
        "operation_runs",
        "inventory_items",
        "compliance_snapshots",
        "audit_events",
        "outbox_events",
    ];
    let mut counts = Vec::new();
    for table in tables {
        counts.push(
            world
                .database
                .number(&format!("SELECT count(*) FROM {table}"))
                .await,
        );
    }
    counts
}
