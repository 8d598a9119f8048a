//! The rotation: everything moves under the active key, nothing is lost, and what cannot be moved
//! is left where it is and said.

use integration_tests::{Engine, TestDatabase, on_both_engines};
use provider_core::{CredentialVault as _, VaultError};
use storage_sea_orm::{KeyAdminError, RotationProgress, RotationReport};

use super::{
    harness::{admin, assert_all_open, fill, rotate, rotated, secret_of, under, with_next_key},
    world::World,
};

on_both_engines!(
    everything_moves_under_the_new_key,
    a_second_rotation_finds_nothing_to_do,
    two_at_the_same_time_do_the_work_of_one,
    what_does_not_open_is_left_and_marked_and_moves_later,
    a_damaged_data_key_stops_nobody,
    an_older_key_becomes_active_again_when_named,
    what_is_sealed_after_a_rotation_is_under_the_new_key,
    the_old_version_put_back_does_not_open,
);

/// Three workspaces with seven credentials each, in every stage; some rows as old as those that
/// do not say which key they need.
async fn everything_moves_under_the_new_key(database: TestDatabase) {
    let world = with_next_key(database).await;
    let mut filled = Vec::new();
    for _ in 0..3 {
        let place = world.place().await;
        let connections = fill(&world, &place, 0, 7).await;
        filled.push((place, connections));
    }
    let (_, first) = &filled[0];
    let (a, b) = (
        world.uuid(first[0].id.as_uuid()),
        world.uuid(first[1].id.as_uuid()),
    );
    for sql in [
        format!(
            "UPDATE provider_credentials SET kid = NULL, data_key_version = NULL WHERE connection_id = {a}"
        ),
        format!("UPDATE provider_credentials SET kid = NULL WHERE connection_id = {b}"),
    ] {
        assert_eq!(world.database.tamper(&sql).await, 1);
    }
    let (c, d) = (
        world.uuid(first[2].id.as_uuid()),
        world.uuid(first[3].id.as_uuid()),
    );
    for (stage, id) in [("next", c), ("previous", d)] {
        let sql = format!("UPDATE provider_credentials SET stage = '{stage}' WHERE connection_id = {id}");
        assert_eq!(world.database.tamper(&sql).await, 1);
    }
    let keys = admin(&world.database, &world.database.ring).await;
    let mut seen = Vec::new();
    let mut note = |now: RotationProgress| seen.push((now.done, now.total));
    let report = keys.rotate(None, 5, &mut note).await.expect("rotates");
    let expected = RotationReport {
        kid: "next".to_owned(),
        resealed: 21,
        dropped: 3,
        undecryptable: 0,
        log_emptied: true,
    };
    assert_eq!(report, expected);
    assert_eq!(
        (seen.first(), seen.last()),
        (Some(&(0, 21)), Some(&(21, 21))),
        "{seen:?}"
    );
    assert!(
        seen.is_sorted() && seen.len() == 7,
        "two batches for each: {seen:?}"
    );
    if world.database.engine == Engine::Sqlite {
        let log = format!("{}-wal", world.database.url.trim_start_matches("sqlite:"));
        let length = std::fs::metadata(log).map_or(0, |metadata| metadata.len());
        assert_eq!(length, 0, "the log is empty");
    }
    assert_moved(&world, 21).await;
    assert_eq!(
        under(&world.database, "workspace_keys", "next").await,
        3,
        "one for each"
    );
    world
        .database
        .tamper("UPDATE provider_credentials SET stage = 'current'")
        .await;
    for (place, connections) in &filled {
        assert_all_open(&world.store, place, connections, 0).await;
    }
}

async fn a_second_rotation_finds_nothing_to_do(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    fill(&world, &place, 0, 3).await;
    assert_eq!(rotated(&world, None).await.resealed, 3);
    let again = rotated(&world, None).await;
    assert_eq!(
        (again.kid.as_str(), again.resealed, again.dropped),
        ("next", 0, 0)
    );
}

async fn two_at_the_same_time_do_the_work_of_one(database: TestDatabase) {
    let world = with_next_key(database).await;
    let places = [world.place().await, world.place().await];
    let mut filled = Vec::new();
    for place in &places {
        filled.push(fill(&world, place, 0, 40).await);
    }
    let (one, two) = (
        admin(&world.database, &world.database.ring).await,
        admin(&world.database, &world.database.ring).await,
    );
    let (first, second) = tokio::join!(
        tokio::spawn(async move { rotate(&one, None).await }),
        tokio::spawn(async move { rotate(&two, None).await }),
    );
    for report in [first, second] {
        let report = report.expect("joins").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.undecryptable, 0);
    }
    assert_moved(&world, 80).await;
    assert_eq!(under(&world.database, "workspace_keys", "next").await, 2);
    for (place, connections) in places.iter().zip(&filled) {
        assert_all_open(&world.store, place, connections, 0).await;
    }
}

async fn what_does_not_open_is_left_and_marked_and_moves_later(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 12).await;
    let turned = world.uuid(connections[5].id.as_uuid());
    let turn = |to: &str| format!("UPDATE provider_connections SET realm = '{to}' WHERE id = {turned}");
    assert_eq!(world.database.tamper(&turn("elsewhere")).await, 1);
    let report = rotated(&world, None).await;
    assert_eq!(
        (report.resealed, report.undecryptable, report.dropped),
        (11, 1, 0)
    );
    let marked = format!(
        "SELECT count(*) FROM provider_credentials WHERE undecryptable AND connection_id = {turned} AND kid = 'test'"
    );
    assert_eq!(world.database.number(&marked).await, 1);
    let keys = admin(&world.database, &world.database.ring).await;
    match keys.retire("test").await {
        Err(KeyAdminError::InUse { usage, .. }) => {
            assert_eq!(
                (usage.data_keys, usage.credentials, usage.undecryptable),
                (1, 1, 1)
            );
        }
        other => panic!("{:?}", other.map_err(|error| error.to_string())),
    }
    // Put right again, it moves, and the mark goes.
    assert_eq!(world.database.tamper(&turn("main")).await, 1);
    let report = rotated(&world, None).await;
    assert_eq!((report.resealed, report.undecryptable, report.dropped), (1, 0, 1));
    assert_all_open(&world.store, &place, &connections, 0).await;
    keys.retire("test").await.expect("protects nothing");
}

async fn a_damaged_data_key_stops_nobody(database: TestDatabase) {
    let world = with_next_key(database).await;
    let (broken, whole) = (world.place().await, world.place().await);
    let lost = fill(&world, &broken, 0, 2).await;
    let kept = fill(&world, &whole, 0, 2).await;
    let workspace = world.uuid(broken.scope.workspace_id().as_uuid());
    let empty = match world.database.engine {
        Engine::Sqlite => "x''",
        Engine::Postgres => "''::bytea",
    };
    let damage = format!("UPDATE workspace_keys SET wrapped_key = {empty} WHERE workspace_id = {workspace}");
    assert_eq!(world.database.tamper(&damage).await, 1);
    let report = rotated(&world, None).await;
    assert_eq!((report.resealed, report.undecryptable), (2, 2));
    assert_all_open(&world.store, &whole, &kept, 0).await;
    let opened = world.store.vault().open(&broken.scope, &lost[0]).await;
    assert!(matches!(opened, Err(VaultError::Undecryptable)));
    // The workspace has a key again that can be trusted.
    let later = fill(&world, &broken, 5, 1).await;
    assert_all_open(&world.store, &broken, &later, 5).await;
}

async fn an_older_key_becomes_active_again_when_named(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 3).await;
    rotated(&world, None).await;
    let report = rotated(&world, Some("test")).await;
    assert_eq!((report.kid.as_str(), report.resealed), ("test", 3));
    assert_eq!(under(&world.database, "provider_credentials", "next").await, 0);
    assert_all_open(&world.store, &place, &connections, 0).await;
    let keys = admin(&world.database, &world.database.ring).await;
    keys.retire("next").await.expect("protects nothing");
    for (kid, expected) in [("next", "keys add --kid next"), ("none", "keys status")] {
        let refused = rotate(&keys, Some(kid)).await.expect_err(kid).to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

/// By a process that was there before, and for workspaces old and new.
async fn what_is_sealed_after_a_rotation_is_under_the_new_key(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    fill(&world, &place, 0, 1).await;
    rotated(&world, None).await;
    fill(&world, &place, 1, 1).await;
    let later = world.place().await;
    fill(&world, &later, 0, 1).await;
    assert_moved(&world, 3).await;
}

/// G12: what was sealed under the old key, and saved by somebody, is worth nothing afterwards.
async fn the_old_version_put_back_does_not_open(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 1).await;
    world
        .database
        .tamper("CREATE TABLE saved AS SELECT * FROM provider_credentials")
        .await;
    world
        .database
        .tamper("CREATE TABLE saved_keys AS SELECT * FROM workspace_keys")
        .await;
    rotated(&world, None).await;
    let back = "UPDATE provider_credentials SET sealed = (SELECT sealed FROM saved),
        kid = (SELECT kid FROM saved), data_key_version = (SELECT data_key_version FROM saved)";
    assert_eq!(world.database.tamper(back).await, 1);
    let open = async || world.store.vault().open(&place.scope, &connections[0]).await;
    assert!(matches!(open().await, Err(VaultError::Undecryptable)));
    // With its data key it opens as long as the ring has the key: that is why a key is retired.
    let key_back = "INSERT INTO workspace_keys SELECT * FROM saved_keys";
    assert_eq!(world.database.tamper(key_back).await, 1);
    assert_eq!(open().await.expect("opens").secret.expose(), secret_of(0));
}

/// All of `count` credentials are under the new key, by column and in truth, and no data key of
/// the old one is left.
async fn assert_moved(world: &World, count: i64) {
    assert_eq!(
        under(&world.database, "provider_credentials", "next").await,
        count
    );
    assert_eq!(
        world
            .database
            .number("SELECT count(*) FROM provider_credentials")
            .await,
        count
    );
    assert_eq!(under(&world.database, "workspace_keys", "test").await, 0);
    let lying = "SELECT count(*) FROM provider_credentials c WHERE NOT EXISTS (SELECT 1 FROM workspace_keys k
        WHERE k.workspace_id = c.workspace_id AND k.version = c.data_key_version AND k.kid = c.kid)";
    assert_eq!(world.database.number(lying).await, 0);
}
