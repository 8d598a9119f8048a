//! The commands as an operator runs them: the product's own binary, one command after another.

use std::{fs, sync::Arc};

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::Value;

use super::{
    harness::{Said, assert_all_open, command_with, fill, line, run, said, succeed},
    world::World,
};

on_both_engines!(
    a_key_lives_from_add_to_retire,
    a_key_that_came_with_the_file_is_registered,
    a_missing_ring_and_a_wrong_one_are_explained,
    undecryptable_credentials_show_in_the_exit_code,
    keys_are_added_one_after_the_other,
);

fn status(database: &TestDatabase) -> Value {
    serde_json::from_str(&succeed(database, &["keys", "status", "--json"])).expect("JSON")
}

/// `kid state in_file data_keys credentials` of each key.
fn lines(status: &Value) -> Vec<String> {
    let keys = status["keys"].as_array().expect("a list");
    let word = |value: &Value| value.to_string().replace('"', "");
    let fields = ["kid", "state", "in_file", "data_keys", "credentials"];
    keys.iter()
        .map(|key| fields.map(|field| word(&key[field])).join(" "))
        .collect()
}

/// No line of the ring file and no key of it is in what was said.
fn assert_silent(database: &TestDatabase, said: &str) {
    for line in fs::read_to_string(database.ring_file()).expect("a ring").lines() {
        let (_, key) = line.split_once(':').expect("a key");
        assert!(!said.contains(&key[..16]), "a key was shown");
    }
}

async fn a_key_lives_from_add_to_retire(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 25).await;
    let database = &world.database;
    let path = database.ring_file();
    let mut heard = String::new();

    assert_eq!(lines(&status(database)), ["test active true 1 25"]);
    heard += &succeed(database, &["keys", "add", "--kid", "second"]);
    assert!(heard.contains("copy") && heard.contains("keys rotate"), "{heard}");
    assert_eq!(
        lines(&status(database)),
        ["test active true 1 25", "second registered true 0 0"]
    );
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = fs::read_to_string(&path).expect("a ring");
    heard += &succeed(database, &["keys", "add", "--kid", "second"]);
    assert_eq!(
        fs::read_to_string(&path).expect("a ring"),
        before,
        "the same again changes nothing"
    );

    let early = run(database, &["keys", "retire", "test"]);
    assert_eq!(early.code, Some(1));
    assert!(early.error.contains("keys rotate"), "{}", early.error);
    let out = succeed(database, &["keys", "rotate", "--batch", "10"]);
    assert!(
        out.contains("re-encrypted 0 of 25") && out.contains("re-encrypted 25 of 25"),
        "{out}"
    );
    assert!(
        out.contains("key 'second' is active; re-encrypted 25 credentials and dropped 1"),
        "{out}"
    );
    heard += &out;
    assert_eq!(
        lines(&status(database)),
        ["test registered true 0 0", "second active true 1 25"]
    );
    let busy = run(database, &["keys", "retire", "second"]);
    assert!(
        busy.code == Some(1) && busy.error.contains("is the active one"),
        "{}",
        busy.error
    );
    heard += &succeed(database, &["keys", "retire", "test"]);

    // The line may go, and with it nothing.
    let left: String = before
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("test:"))
        .collect();
    server::files::replace_private(&path, left.as_bytes()).expect("written");
    assert_eq!(
        lines(&status(database)),
        ["test retired false 0 0", "second active true 1 25"]
    );
    let store = super::harness::opened_with(database, &left).await;
    assert_all_open(&store, &place, &connections, 0).await;
    heard += &succeed(database, &["keys", "status"]);
    assert!(
        heard.contains("25 of 25 credentials are under the active key"),
        "{heard}"
    );
    assert_silent(database, &heard);
}

/// Copied from another host, or written by hand.
async fn a_key_that_came_with_the_file_is_registered(database: TestDatabase) {
    database.open().await.close().await.expect("closes");
    let path = database.ring_file();
    let text = format!("{}{}", database.ring, line("copied"));
    server::files::replace_private(&path, text.as_bytes()).expect("written");
    assert_eq!(
        lines(&status(&database)),
        ["test active true 0 0", "copied unregistered true 0 0"]
    );
    let out = succeed(&database, &["keys", "add"]);
    assert!(out.contains("key 'copied' is registered"), "{out}");
    assert_eq!(
        fs::read_to_string(&path).expect("a ring"),
        text,
        "no key was made"
    );
    assert_eq!(
        lines(&status(&database)),
        ["test active true 0 0", "copied registered true 0 0"]
    );
    // Nothing is left to register: now a key is made, and named.
    let out = succeed(&database, &["keys", "add"]);
    assert!(out.contains("made a new key 'k1'"), "{out}");
}

async fn a_missing_ring_and_a_wrong_one_are_explained(database: TestDatabase) {
    database.open().await.close().await.expect("closes");
    let nowhere = database.folder.path().join("nowhere");
    let wrong = database.folder.path().join("wrong");
    server::files::create_private(&wrong, line("test").as_bytes()).expect("written");
    let with = |path: &std::path::Path, arguments: &[&str]| -> Said {
        said(command_with(&database, path, arguments).output().expect("runs"))
    };
    for arguments in [&["worker"][..], &["migrate"], &["keys", "rotate"]] {
        let missing = with(&nowhere, arguments);
        assert_eq!(missing.code, Some(78), "{}", missing.error);
        assert!(
            missing.error.contains("cannot be read") && missing.error.contains("keys new"),
            "{}",
            missing.error
        );
        let wrong = with(&wrong, arguments);
        assert_eq!(wrong.code, Some(78), "{}", wrong.error);
        assert!(
            wrong
                .error
                .contains("not the key that this database was used with"),
            "{}",
            wrong.error
        );
    }
    assert_eq!(with(&wrong, &["keys", "add", "--kid", "test"]).code, Some(78));
    let named = with(&wrong, &["keys", "add", "--kid", "no good"]);
    assert!(
        named.code == Some(78) && named.error.contains("--kid"),
        "{}",
        named.error
    );
    assert_eq!(database.number("SELECT count(*) FROM key_ring").await, 1);
}

async fn undecryptable_credentials_show_in_the_exit_code(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connections = fill(&world, &place, 0, 4).await;
    let id = world.uuid(connections[2].id.as_uuid());
    world
        .database
        .tamper(&format!(
            "UPDATE provider_connections SET realm = 'elsewhere' WHERE id = {id}"
        ))
        .await;
    succeed(&world.database, &["keys", "add"]);
    let rotated = run(&world.database, &["keys", "rotate"]);
    assert_eq!(rotated.code, Some(65), "{}{}", rotated.out, rotated.error);
    assert!(
        rotated.error.contains("1 credentials are marked undecryptable"),
        "{}",
        rotated.error
    );
    assert!(
        rotated.out.contains("re-encrypted 3 credentials"),
        "{}",
        rotated.out
    );
    assert_eq!(status(&world.database)["undecryptable"], 1);
}

/// Commands that run at the same time lose no line of the file.
async fn keys_are_added_one_after_the_other(database: TestDatabase) {
    database.open().await.close().await.expect("closes");
    let database = Arc::new(database);
    database.ring_file();
    let names: Vec<_> = (0..6).map(|number| format!("at-once-{number}")).collect();
    let running: Vec<_> = names
        .iter()
        .map(|kid| {
            let (database, kid) = (Arc::clone(&database), kid.clone());
            std::thread::spawn(move || succeed(&database, &["keys", "add", "--kid", &kid]))
        })
        .collect();
    for one in running {
        one.join().expect("adds");
    }
    let text = fs::read_to_string(database.ring_file()).expect("a ring");
    assert_eq!(text.lines().count(), 7);
    let store = super::harness::opened_with(&database, &text).await;
    store.close().await.expect("closes");
    assert_eq!(lines(&status(&database)).len(), 7);
}
