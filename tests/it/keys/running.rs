//! A process that runs finds keys that were added to its file, and uses only those that the
//! database knows.

use std::path::{Path, PathBuf};

use integration_tests::{TestDatabase, on_both_engines};
use provider_core::{CredentialVault as _, VaultError};
use storage::Storage as _;
use storage_sea_orm::{Database, KeyRing};

use super::{
    harness::{admin, assert_all_open, fill, line, open_with, rotate, under},
    world::World,
};

on_both_engines!(
    a_running_process_finds_a_key_that_was_added,
    a_running_process_does_not_use_another_key_of_the_same_name,
);

/// A ring file of one host.
fn file(database: &TestDatabase, name: &str, text: &str) -> PathBuf {
    let path = database.folder.path().join(name);
    server::files::replace_private(&path, text.as_bytes()).expect("written");
    path
}

async fn opened(database: &TestDatabase, path: &Path) -> Database {
    let ring = KeyRing::load(path).expect("a ring");
    let opened = open_with(database, ring).await;
    opened.unwrap_or_else(|error| panic!("{error}"))
}

async fn a_running_process_finds_a_key_that_was_added(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 2).await;
    let old = world.database.ring.clone();
    let both = format!("{old}{}", line("next"));
    let (here, there) = (
        file(&world.database, "here", &old),
        file(&world.database, "there", &old),
    );
    let (runs, lags) = (
        opened(&world.database, &here).await,
        opened(&world.database, &there).await,
    );
    file(&world.database, "here", &both);
    let keys = admin(&world.database, &both).await;
    keys.add("next").await.expect("registers");
    rotate(&keys, None).await.expect("rotates");
    assert_all_open(&runs, &place, &connections, 0).await;
    // The host that did not get the file yet says so and marks nothing, until it has it.
    let missing = lags.vault().open(&place.scope, &connections[0]).await;
    assert!(matches!(missing, Err(VaultError::KeyMissing)));
    let mut unit = lags.begin().await.expect("begins");
    let connection = world.connection(&place, "site-7");
    let change = world.change(&place.scope);
    let stored = unit
        .connections()
        .insert(&place.scope, &connection, Some(world.credential("x")), &change)
        .await;
    assert!(
        stored.is_err_and(|error| error.retryable()),
        "nothing is sealed meanwhile"
    );
    drop(unit);
    file(&world.database, "there", &both);
    assert_all_open(&lags, &place, &connections, 0).await;
    let later = World { store: lags, ..world };
    let new = later.place().await;
    fill(&later, &new, 0, 1).await;
    assert_eq!(under(&later.database, "workspace_keys", "next").await, 2);
}

/// Nothing is sealed with it, and nothing is marked because it does not open.
async fn a_running_process_does_not_use_another_key_of_the_same_name(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 1).await;
    let (right, wrong) = (line("next"), line("next"));
    let old = world.database.ring.clone();
    // The file holds the wrong one from the beginning, when nobody can know that.
    let path = file(&world.database, "host", &format!("{old}{wrong}"));
    let runs = opened(&world.database, &path).await;
    let keys = admin(&world.database, &format!("{old}{right}")).await;
    keys.add("next").await.expect("registers");
    rotate(&keys, None).await.expect("rotates");
    let missing = runs.vault().open(&place.scope, &connections[0]).await;
    assert!(matches!(missing, Err(VaultError::KeyMissing)));
    file(&world.database, "host", &format!("{old}{right}"));
    assert_all_open(&runs, &place, &connections, 0).await;
}
