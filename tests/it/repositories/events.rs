//! The event stream of a workspace: numbers without gaps in the order of the changes, whoever gives them,
//! and nothing for a reader to miss.

use futures::future::join_all;
use integration_tests::{Engine, TestDatabase, on_both_engines};
use storage::Storage as _;
use tenancy::{EventPublisher as _, StreamEvent};

use super::world::{Place, World, environment};

on_both_engines!(
    events_are_numbered_in_the_order_of_their_changes,
    publishers_at_the_same_time_leave_no_gap_and_no_double,
    what_is_not_committed_has_no_number_and_hides_nothing,
    each_workspace_has_its_own_stream,
    a_stream_that_cannot_be_numbered_holds_up_no_other,
    the_timeline_of_a_run_is_what_happened_to_it,
);

async fn stream(world: &World, place: &Place) -> Vec<StreamEvent> {
    let page = world.read().await.events().after(&place.scope, 0, 1000).await;
    let page = page.expect("reads");
    assert_eq!(page.first_kept, 1);
    let numbers: Vec<_> = page.events.iter().map(|event| event.sequence).collect();
    assert_eq!(
        numbers,
        (1..=page.last_sequence).collect::<Vec<_>>(),
        "no gap, no double"
    );
    page.events
}

async fn change(world: &World, place: &Place, slug: &str) {
    let made = environment(place, slug, world.now);
    let change = world.change(&place.scope).with("slug", slug);
    let mut unit = world.store.begin().await.expect("begins");
    let inserted = unit.environments().insert(&place.scope, &made, &change).await;
    inserted.expect("inserts");
    unit.commit().await.expect("commits");
}

async fn events_are_numbered_in_the_order_of_their_changes(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    for number in 0..5 {
        change(&world, &place, &format!("place-{number}")).await;
    }
    assert!(
        stream(&world, &place).await.is_empty(),
        "nothing has a number yet"
    );
    assert_eq!(world.store.publish().await.expect("publishes"), 6);
    assert_eq!(world.store.publish().await.expect("publishes"), 0, "once");
    let events = stream(&world, &place).await;
    let slugs: Vec<_> = events
        .iter()
        .skip(1)
        .map(|event| event.metadata["slug"].clone())
        .collect();
    assert_eq!(slugs, ["place-0", "place-1", "place-2", "place-3", "place-4"]);
    change(&world, &place, "later").await;
    world.store.publish().await.expect("publishes");
    let session = world.read().await;
    let rest = session.events().after(&place.scope, 6, 10).await.expect("reads");
    assert_eq!((rest.events.len(), rest.last_sequence), (1, 7));
    let part = session.events().after(&place.scope, 2, 3).await.expect("reads");
    let numbers: Vec<_> = part.events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, [3, 4, 5]);
}

async fn publishers_at_the_same_time_leave_no_gap_and_no_double(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    let names: Vec<_> = (0..60).map(|number| format!("place-{number}")).collect();
    let writes = join_all(names.iter().map(|name| change(&world, &place, name)));
    let publishes = join_all((0..12).map(|_| async { world.store.publish().await.expect("publishes") }));
    let ((), numbered) = futures::join!(async { drop(writes.await) }, publishes);
    let rest = world.store.publish().await.expect("publishes");
    assert_eq!(numbered.iter().sum::<u64>() + rest, 61);
    assert_eq!(stream(&world, &place).await.len(), 61);
}

/// A transaction that began earlier and commits later comes later in the stream, so a reader who is past
/// its place in time still meets it.
async fn what_is_not_committed_has_no_number_and_hides_nothing(database: TestDatabase) {
    if database.engine == Engine::Sqlite {
        // There is one writer: what is not committed keeps the others from writing at all.
        return;
    }
    let world = World::new(database).await;
    let place = world.bare_place().await;
    let early = environment(&place, "early", world.now);
    let mut open = world.store.begin().await.expect("begins");
    let written = open
        .environments()
        .insert(&place.scope, &early, &world.change(&place.scope))
        .await;
    written.expect("inserts");
    change(&world, &place, "late").await;
    assert_eq!(world.store.publish().await.expect("publishes"), 2);
    let before = stream(&world, &place).await;
    open.commit().await.expect("commits");
    assert_eq!(world.store.publish().await.expect("publishes"), 1);
    let after = world
        .read()
        .await
        .events()
        .after(&place.scope, 2, 10)
        .await
        .expect("reads");
    assert_eq!(
        (before.len(), after.events.len()),
        (2, 1),
        "a reader at 2 meets it"
    );
}

async fn a_stream_that_cannot_be_numbered_holds_up_no_other(database: TestDatabase) {
    let world = World::new(database).await;
    let mut places = [
        world.bare_place().await,
        world.bare_place().await,
        world.bare_place().await,
    ];
    world.store.publish().await.expect("publishes");
    for place in &places {
        change(&world, place, "place").await;
    }
    // SQLite looks at them in this order; PostgreSQL in one of its own, so it may look at the broken one last.
    places.sort_by_key(|place| place.scope.workspace_id().as_uuid());
    let broken = world.uuid(places[0].scope.workspace_id().as_uuid());
    let end = format!(
        "UPDATE event_streams SET last_sequence = {} WHERE workspace_id = {broken}",
        i64::MAX
    );
    assert_eq!(world.database.tamper(&end).await, 1);
    assert!(world.store.publish().await.is_err(), "it is told");
    for place in &places[1..] {
        assert_eq!(stream(&world, place).await.len(), 2);
    }
}

async fn each_workspace_has_its_own_stream(database: TestDatabase) {
    let world = World::new(database).await;
    let (here, there) = (world.bare_place().await, world.bare_place().await);
    change(&world, &here, "production").await;
    world.store.publish().await.expect("publishes");
    assert_eq!(
        (
            stream(&world, &here).await.len(),
            stream(&world, &there).await.len()
        ),
        (2, 1)
    );
    let ours = &stream(&world, &here).await[1];
    let subject = (ours.subject_kind.as_str(), ours.subject_id.as_str());
    let session = world.read().await;
    let theirs = session
        .events()
        .about(&there.scope, subject, 10)
        .await
        .expect("reads");
    let strange = theirs
        .iter()
        .find(|event| event.workspace_id != there.scope.workspace_id());
    assert_eq!(strange, None, "the same name elsewhere is another thing");
}

async fn the_timeline_of_a_run_is_what_happened_to_it(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let claimed = world.claim_one().await;
    world.store.publish().await.expect("publishes");
    let id = run.id.to_string();
    let session = world.read().await;
    let timeline = session
        .events()
        .about(&place.scope, ("operation_run", &id), 10)
        .await
        .expect("reads");
    let kinds: Vec<_> = timeline.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds.last(), Some(&"operation.started"), "{kinds:?}");
    assert_eq!(
        timeline.last().expect("started").metadata["attempt"],
        claimed.lease.attempt
    );
}
