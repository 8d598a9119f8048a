//! Connections: one default for each environment and provider (I9), and one connection to a target
//! in an environment.

use std::sync::Arc;

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use provider_core::{CredentialState, InsertedConnection, ProviderConnection};
use sea_orm::ConnectionTrait as _;

use super::world::{Place, World, environment};

on_both_engines!(
    the_first_connection_is_the_default_and_the_second_is_not,
    every_environment_has_a_default_of_its_own,
    a_second_connection_to_a_target_names_the_first,
    of_many_first_connections_at_once_exactly_one_is_the_default,
    of_many_connections_to_one_target_at_once_exactly_one_is_there,
    two_defaults_cannot_be_stored,
    what_is_stored_comes_back_as_it_was,
);

async fn the_first_connection_is_the_default_and_the_second_is_not(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let (first, second) = (
        world.connection(&place, "site-1"),
        world.connection(&place, "site-2"),
    );
    let inserted = world.insert_connection(&place, &first, None).await;
    assert_eq!(inserted, InsertedConnection::Inserted { is_default: true });
    let inserted = world.insert_connection(&place, &second, None).await;
    assert_eq!(inserted, InsertedConnection::Inserted { is_default: false });
    let found = (
        world.found(&place, &first).await.is_default,
        world.found(&place, &second).await.is_default,
    );
    assert_eq!(found, (true, false));
    assert_eq!(defaults(&world, &place, &first).await, [first.id]);
}

async fn every_environment_has_a_default_of_its_own(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, elsewhere) = (world.place().await, world.place().await);
    let other = environment(&place, "other", world.now);
    world.insert_environment(&place, &other).await;
    let beside = Place {
        environment: other.id,
        ..place.clone()
    };
    for place in [&place, &beside, &elsewhere] {
        let inserted = world
            .insert_connection(place, &world.connection(place, "site-1"), None)
            .await;
        assert_eq!(
            inserted,
            InsertedConnection::Inserted { is_default: true },
            "the same target, somewhere else"
        );
    }
}

async fn a_second_connection_to_a_target_names_the_first(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let first = world.connection(&place, "site-1");
    world.insert_connection(&place, &first, None).await;
    let again = world.connection(&place, "site-1");
    let mut unit = world.begin().await;
    let change = world.change(&place.scope);
    let refused = unit
        .connections()
        .insert(&place.scope, &again, Some(world.credential("x")), &change)
        .await;
    assert_eq!(
        refused.expect("answers"),
        InsertedConnection::DuplicateTarget(first.id)
    );
    let other = world.connection(&place, "site-2");
    let inserted = unit
        .connections()
        .insert(&place.scope, &other, None, &change)
        .await;
    assert_eq!(
        inserted.expect("the transaction goes on"),
        InsertedConnection::Inserted { is_default: false }
    );
    unit.commit().await.expect("commits");
    assert_eq!(
        world
            .database
            .number("SELECT count(*) FROM provider_credentials")
            .await,
        0
    );
}

async fn of_many_first_connections_at_once_exactly_one_is_the_default(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    let place = world.place().await;
    let inserted = at_once(&world, &place, |number| format!("site-{number}")).await;
    let defaults = inserted
        .iter()
        .filter(|one| **one == InsertedConnection::Inserted { is_default: true })
        .count();
    let others = inserted
        .iter()
        .filter(|one| **one == InsertedConnection::Inserted { is_default: false })
        .count();
    assert_eq!((defaults, others), (1, 15), "{inserted:?}");
    let stored = "SELECT count(*) FROM provider_connections WHERE is_default";
    assert_eq!(world.database.number(stored).await, 1);
    assert_eq!(
        world.database.number("SELECT count(*) FROM workspace_keys").await,
        1,
        "and one data key"
    );
}

async fn of_many_connections_to_one_target_at_once_exactly_one_is_there(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    let place = world.place().await;
    let inserted = at_once(&world, &place, |_| "site-1".to_owned()).await;
    let fresh = inserted
        .iter()
        .filter(|one| matches!(one, InsertedConnection::Inserted { is_default: true }))
        .count();
    let named: Vec<_> = inserted
        .iter()
        .filter_map(|one| match one {
            InsertedConnection::DuplicateTarget(id) => Some(*id),
            InsertedConnection::Inserted { .. } => None,
        })
        .collect();
    assert_eq!((fresh, named.len()), (1, 15), "{inserted:?}");
    assert!(named.iter().all(|id| *id == named[0]), "all name the same one");
}

/// Sixteen tasks that each insert a connection with a credential.
async fn at_once(
    world: &Arc<World>,
    place: &Place,
    target: impl Fn(usize) -> String,
) -> Vec<InsertedConnection> {
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let (world, place, target) = (Arc::clone(world), place.clone(), target(number));
            tokio::spawn(async move {
                let connection = world.connection(&place, &target);
                world
                    .insert_connection(&place, &connection, Some(world.credential("secret")))
                    .await
            })
        })
        .collect();
    let mut inserted = Vec::new();
    for task in tasks {
        inserted.push(task.await.expect("joins"));
    }
    inserted
}

/// Not even by somebody who goes around the product.
async fn two_defaults_cannot_be_stored(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    world
        .insert_connection(&place, &world.connection(&place, "site-1"), None)
        .await;
    world
        .insert_connection(&place, &world.connection(&place, "site-2"), None)
        .await;
    let raw = world.database.raw().await;
    let both = raw
        .execute_unprepared("UPDATE provider_connections SET is_default = true")
        .await;
    assert!(both.is_err());
    raw.close().await.expect("closes");
}

async fn what_is_stored_comes_back_as_it_was(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connection(&place, "site-1");
    world.insert_connection(&place, &connection, None).await;
    let found = world.found(&place, &connection).await;
    assert_eq!(
        found,
        ProviderConnection {
            is_default: true,
            ..connection
        }
    );
    let with_secret = world.connected(&place, "site-2", "secret").await;
    let credential = with_secret.credential.expect("one is stored");
    assert_eq!((credential.version, credential.created_at), (1, world.now));
    assert_eq!(credential.expires_at, Some(world.now + TimeDelta::days(90)));
    assert_eq!(credential.state(world.now), CredentialState::Valid);
}

async fn defaults(
    world: &World,
    place: &Place,
    like: &ProviderConnection,
) -> Vec<provider_core::ConnectionId> {
    let provider = like.target_scope.provider();
    let found = world
        .read()
        .await
        .connections()
        .defaults(&place.scope, place.environment, provider)
        .await;
    found
        .expect("reads")
        .iter()
        .map(|connection| connection.id)
        .collect()
}
