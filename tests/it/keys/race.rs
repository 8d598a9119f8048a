//! Rotation beside writers and readers, step by step where one is held, and in a crowd where
//! nobody can be.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use integration_tests::{Engine, TestDatabase, on_both_engines};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use storage_sea_orm::KeyAdmin;
use tokio::task::JoinHandle;

use super::{
    harness::{admin, assert_all_open, fill, rotate, secret_of, under, with_next_key},
    world::World,
};

on_both_engines!(
    a_credential_that_is_being_stored_keeps_its_data_key,
    a_data_key_that_is_being_made_is_seen_by_the_rotation,
    nobody_notices_rotations_while_reading,
    whoever_writes_meanwhile_wins,
);

/// A writer sealed with the old data key and has not committed: the rotation neither drops the
/// key nor forgets the row.
async fn a_credential_that_is_being_stored_keeps_its_data_key(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    fill(&world, &place, 0, 3).await;
    // A connection of its own: no row that the rotation looks at is held by this writer.
    let connection = world.connection(&place, "site-9");
    let mut unit = world.begin().await;
    let (credential, change) = (world.credential(&secret_of(9)), world.change(&place.scope));
    unit.connections()
        .insert(&place.scope, &connection, Some(credential), &change)
        .await
        .expect("inserts");
    let rotation = begin_rotation(&world).await;
    until_it_waits(&world, &rotation).await;
    unit.commit().await.expect("commits");
    rotation.await.expect("rotates");
    assert_all_open(&world.store, &place, &[connection], 9).await;
    assert_eq!(under(&world.database, "provider_credentials", "next").await, 4);
    assert_eq!(under(&world.database, "workspace_keys", "test").await, 0);
}

/// A writer wraps the first data key of a workspace with the key that is active now, and has not
/// committed when another one is to become active.
async fn a_data_key_that_is_being_made_is_seen_by_the_rotation(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    let connection = world.connection(&place, "site-0");
    let mut unit = world.begin().await;
    let (credential, change) = (world.credential(&secret_of(0)), world.change(&place.scope));
    unit.connections()
        .insert(&place.scope, &connection, Some(credential), &change)
        .await
        .expect("inserts");
    let rotation = begin_rotation(&world).await;
    until_it_waits(&world, &rotation).await;
    unit.commit().await.expect("commits");
    rotation.await.expect("rotates");
    assert_all_open(&world.store, &place, &[connection], 0).await;
    assert_eq!(under(&world.database, "provider_credentials", "next").await, 1);
    assert_eq!(under(&world.database, "workspace_keys", "test").await, 0);
}

/// The row says one data key, and by the time that it is asked for there is only the next one.
async fn nobody_notices_rotations_while_reading(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 2).await;
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, place, connections, over) = (
                world.store.clone(),
                place.clone(),
                connections.clone(),
                Arc::clone(&over),
            );
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    assert_all_open(&store, &place, &connections, 0).await;
                }
            })
        })
        .collect();
    let keys = admin(&world.database, &world.database.ring).await;
    for turn in 0..60 {
        let to = ["next", "test"][turn % 2];
        let report = rotate(&keys, Some(to)).await;
        assert_eq!(report.unwrap_or_else(|error| panic!("{error}")).resealed, 2);
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.expect("every read opens");
    }
}

/// Somebody changes the sealed bytes of a row that the rotation is about to write. Theirs stay,
/// and are looked at in turn: here they are no record, so the row is marked.
async fn whoever_writes_meanwhile_wins(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 3).await;
    let bytes = match world.database.engine {
        Engine::Sqlite => "x'7468656972'",
        Engine::Postgres => "'theirs'::bytea",
    };
    let id = world.uuid(connections[1].id.as_uuid());
    let raw = world.database.raw().await;
    let theirs = raw.begin().await.expect("begins");
    let write = format!("UPDATE provider_credentials SET sealed = {bytes} WHERE connection_id = {id}");
    theirs.execute_unprepared(&write).await.expect("writes");
    let rotation = begin_rotation(&world).await;
    until_it_waits(&world, &rotation).await;
    theirs.commit().await.expect("commits");
    rotation.await.expect("rotates");
    raw.close().await.expect("closes");
    let kept = format!("SELECT count(*) FROM provider_credentials WHERE sealed = {bytes} AND undecryptable");
    assert_eq!(world.database.number(&kept).await, 1);
    assert_all_open(&world.store, &place, &connections[..1], 0).await;
    assert_all_open(&world.store, &place, &connections[2..], 2).await;
}

/// The rotation in a task of its own, on a handle of its own.
async fn begin_rotation(world: &World) -> JoinHandle<()> {
    let keys: KeyAdmin = admin(&world.database, &world.database.ring).await;
    tokio::spawn(async move {
        rotate(&keys, None)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    })
}

/// Until the rotation waits for a lock of the writer. SQLite cannot say who waits; there the
/// writer holds the one lock that there is from its first statement on.
async fn until_it_waits(world: &World, rotation: &JoinHandle<()>) {
    if world.database.engine == Engine::Sqlite {
        return;
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while world.database.number(waiting).await == 0 {
        assert!(
            !rotation.is_finished(),
            "the rotation did not wait for the writer"
        );
    }
}
