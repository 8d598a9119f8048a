//! G13: a database beside a ring that does not hold its keys. It says so and does not start; once
//! somebody said that the key is lost, everything works but what the key protected.

use integration_tests::{TestDatabase, on_both_engines, process::Process};
use kernel::StoreError;
use provider_core::{CredentialVault as _, VaultError};
use server::files;
use storage_sea_orm::KeyRing;

use super::{
    harness::{assert_all_open, binary, command_with, fill, line, open_with, run, said, secret_of},
    world::World,
};
use crate::wire::{Request, Wire};

on_both_engines!(
    a_backup_beside_another_ring,
    a_backup_beside_a_ring_with_the_same_names,
    a_key_that_is_there_is_not_given_up,
    a_record_that_names_an_unknown_key_does_not_open,
);

async fn a_backup_beside_another_ring(database: TestDatabase) {
    restored(database, "other", "other").await;
}

async fn a_backup_beside_a_ring_with_the_same_names(database: TestDatabase) {
    restored(database, "test", "k1").await;
}

/// The ring beside the database has one key, `kid`; `active` is the one that is active at the end.
async fn restored(database: TestDatabase, kid: &str, active: &str) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 3).await;
    // One row is as old as those that do not say which key they need.
    let old = world.uuid(connections[1].id.as_uuid());
    let forget = format!(
        "UPDATE provider_credentials SET kid = NULL, data_key_version = NULL WHERE connection_id = {old}"
    );
    assert_eq!(world.database.tamper(&forget).await, 1);
    let ring = world.database.folder.path().join("restored");
    files::create_private(&ring, line(kid).as_bytes()).expect("written");
    let with_ring = |arguments: &[&str]| {
        said(
            command_with(&world.database, &ring, arguments)
                .output()
                .expect("runs"),
        )
    };

    let token_key = world.database.folder.path().join("token.key");
    let key = files::encode_key(&files::random_key());
    files::create_private(&token_key, key.as_bytes()).expect("written");
    let refused = command_with(&world.database, &ring, &["serve", "--no-worker"])
        .env("TENANTATLAS__ACCESS__LOCAL_KEY_FILE", &token_key)
        .output();
    let refused = said(refused.expect("runs"));
    assert_eq!(refused.code, Some(78), "{}", refused.error);
    assert!(
        refused.error.contains("tenantatlas keys forget test --lost"),
        "{}",
        refused.error
    );

    let careless = with_ring(&["keys", "forget", "test"]);
    assert_eq!(careless.code, Some(78));
    assert!(
        careless.error.contains("--lost") && careless.error.contains("undecryptable"),
        "{}",
        careless.error
    );
    assert_eq!(marked(&world).await, 0, "nothing happened yet");
    let done = with_ring(&["keys", "forget", "test", "--lost"]);
    assert_eq!(done.code, Some(0), "{}", done.error);
    assert!(
        done.out.contains("3 credentials") && done.out.contains(&format!("'{active}' is active")),
        "{}",
        done.out
    );
    assert_eq!(marked(&world).await, 3, "and all of them are marked");
    let told =
        "SELECT count(*) FROM audit_events WHERE action = 'credential.undecryptable' AND outcome = 'failure'";
    assert_eq!(
        world.database.number(told).await,
        3,
        "and the audit log knows of each"
    );
    // A process that still holds the lost key in memory seals nothing under it: what it stored
    // would be unreadable after its next start.
    let late = world.connection(&place, "late");
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let stored = unit
        .connections()
        .insert(&place.scope, &late, Some(world.credential("late")), &change)
        .await;
    assert!(matches!(stored, Err(StoreError::Unavailable(_))), "{stored:?}");
    drop(unit);
    assert_serves(&world.database, &ring, &token_key).await;

    let ring = KeyRing::load(&ring).expect("a ring");
    let store = open_with(&world.database, ring).await.expect("opens");
    let world = World { store, ..world };
    for connection in &connections {
        let listed = world.found(&place, connection).await;
        assert!(
            listed
                .credential
                .is_some_and(|credential| credential.undecryptable)
        );
        let opened = world.store.vault().open(&place.scope, connection).await;
        assert!(
            matches!(opened, Err(VaultError::Undecryptable)),
            "blocked, not put off"
        );
    }
    // What is stored from now on opens, in the old workspace too.
    let later = fill(&world, &place, 7, 1).await;
    assert_all_open(&world.store, &place, &later, 7).await;
}

async fn marked(world: &World) -> i64 {
    let sql = "SELECT count(*) FROM provider_credentials WHERE undecryptable";
    world.database.number(sql).await
}

/// It starts, and says that it is ready.
async fn assert_serves(database: &TestDatabase, ring: &std::path::Path, token_key: &std::path::Path) {
    let settings = [
        ("KEYS__RING_FILE", ring.to_str().expect("text")),
        ("ACCESS__LOCAL_KEY_FILE", token_key.to_str().expect("text")),
    ];
    let process = Process::start(binary(), &["serve", "--no-worker"], database, &settings);
    let wire = Wire::to(&process.base_url());
    let reply = wire.send(&Request::get("/readyz")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

async fn a_key_that_is_there_is_not_given_up(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    fill(&world, &place, 0, 1).await;
    let refused = run(&world.database, &["keys", "forget", "test", "--lost"]);
    assert_eq!(refused.code, Some(1), "{}", refused.out);
    assert!(refused.error.contains("nothing is lost"), "{}", refused.error);
    assert_eq!(marked(&world).await, 0);
    let unknown = run(&world.database, &["keys", "forget", "none", "--lost"]);
    assert!(unknown.error.contains("knows no key 'none'"), "{}", unknown.error);
}

/// G11: the name of the key within the record is bound like everything else.
async fn a_record_that_names_an_unknown_key_does_not_open(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 1).await;
    // Version, suite and length stand before the name, which is as long as `test`.
    let rename = match world.database.engine {
        integration_tests::Engine::Sqlite => {
            "UPDATE provider_credentials SET sealed = CAST(substr(sealed, 1, 3) || x'6e6f6e65' || substr(sealed, 8) AS BLOB), kid = 'none'"
        }
        integration_tests::Engine::Postgres => {
            "UPDATE provider_credentials SET sealed = overlay(sealed PLACING 'none'::bytea FROM 4), kid = 'none'"
        }
    };
    assert_all_open(&world.store, &place, &connections, 0).await;
    assert_eq!(world.database.tamper(rename).await, 1);
    let opened = world.store.vault().open(&place.scope, &connections[0]).await;
    assert!(matches!(opened, Err(VaultError::Undecryptable)));
    assert!(!secret_of(0).is_empty());
}
