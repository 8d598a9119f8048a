//! Which keys there are and what they are, is a fact of the database. A file cannot make a key
//! known or active, and nothing starts without the keys that are needed.

use integration_tests::{TestDatabase, on_both_engines};
use migration::{Migrator, MigratorTrait as _};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use storage_sea_orm::{Added, KeyAdminError, KeyState};

use super::{
    harness::{admin, fill, line, opened_with, refusal, rotated, with_next_key},
    world::World,
};

on_both_engines!(
    the_first_ring_is_registered_and_its_last_line_is_active,
    a_line_that_nobody_registered_is_not_used,
    at_most_one_key_is_active,
    a_ring_without_a_needed_key_says_what_to_do,
    what_is_not_needed_may_be_missing,
    adding_compares_what_is_known,
    a_key_that_protects_something_is_not_retired,
    the_migration_makes_the_key_that_came_last_active,
    the_cursor_key_outlives_a_rotation,
);

/// Names and states, in the order of registration.
async fn states(database: &TestDatabase) -> Vec<(String, String)> {
    let raw = database.raw().await;
    let found = read(&raw).await;
    raw.close().await.expect("closes");
    found
}

async fn read(raw: &DatabaseConnection) -> Vec<(String, String)> {
    let sql = "SELECT kid, state FROM key_ring ORDER BY registered_at, kid";
    let statement = Statement::from_string(raw.get_database_backend(), sql);
    let rows = raw.query_all_raw(statement).await.expect("runs");
    let text = |row: &sea_orm::QueryResult, index| row.try_get_by_index::<String>(index).expect("text");
    rows.iter().map(|row| (text(row, 0), text(row, 1))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(kid, state)| ((*kid).to_owned(), (*state).to_owned()))
        .collect()
}

async fn the_first_ring_is_registered_and_its_last_line_is_active(database: TestDatabase) {
    database.tamper("DELETE FROM key_ring").await;
    let text = [line("b"), line("c"), line("a")].concat();
    let store = opened_with(&database, &text).await;
    let expected = pairs(&[("b", "registered"), ("c", "registered"), ("a", "active")]);
    assert_eq!(states(&database).await, expected);
    // The order of the lines says nothing from then on.
    let turned: String = text.split_inclusive('\n').rev().collect();
    opened_with(&database, &turned)
        .await
        .close()
        .await
        .expect("closes");
    assert_eq!(states(&database).await, expected);
    store.close().await.expect("closes");
}

async fn a_line_that_nobody_registered_is_not_used(database: TestDatabase) {
    database.open().await.close().await.expect("closes");
    let text = format!("{}{}", database.ring, line("next"));
    let store = opened_with(&database, &text).await;
    assert_eq!(states(&database).await, pairs(&[("test", "active")]));
    store.close().await.expect("closes");
    let world = World::new(database).await;
    let place = world.place().await;
    fill(&world, &place, 0, 1).await;
    assert_eq!(
        super::harness::under(&world.database, "workspace_keys", "test").await,
        1
    );
}

async fn at_most_one_key_is_active(database: TestDatabase) {
    let world = with_next_key(database).await;
    let raw = world.database.raw().await;
    let second = raw
        .execute_unprepared("UPDATE key_ring SET state = 'active' WHERE kid = 'next'")
        .await;
    assert!(second.is_err(), "the index says no");
    let unknown = raw
        .execute_unprepared("UPDATE key_ring SET state = 'other' WHERE kid = 'next'")
        .await;
    assert!(unknown.is_err(), "the states are closed");
    raw.close().await.expect("closes");
}

async fn a_ring_without_a_needed_key_says_what_to_do(database: TestDatabase) {
    let world = with_next_key(database).await;
    let only_the_first: String = world.database.ring.split_inclusive('\n').take(1).collect();
    let lacking = refusal(&world.database, &only_the_first).await;
    let wrong = refusal(&world.database, &format!("{only_the_first}{}", line("next"))).await;
    for message in [&lacking, &wrong] {
        assert!(message.contains("'next'"), "{message}");
        assert!(message.contains("another host's key ring file"), "{message}");
        assert!(
            message.contains("tenantatlas keys forget next --lost"),
            "{message}"
        );
        for line in world.database.ring.lines() {
            let (_, key) = line.split_once(':').expect("a key");
            assert!(!message.contains(key), "{message}");
        }
    }
    world
        .database
        .tamper("UPDATE key_ring SET state = 'registered'")
        .await;
    let none = refusal(&world.database, &world.database.ring).await;
    assert!(none.contains("no key") && none.contains("keys rotate"), "{none}");
}

async fn what_is_not_needed_may_be_missing(database: TestDatabase) {
    let world = with_next_key(database).await;
    let only_the_first: String = world.database.ring.split_inclusive('\n').take(1).collect();
    for state in ["retired", "lost"] {
        world
            .database
            .tamper(&format!(
                "UPDATE key_ring SET state = '{state}' WHERE kid = 'next'"
            ))
            .await;
        for text in [
            only_the_first.clone(),
            format!("{only_the_first}{}", line("next")),
        ] {
            opened_with(&world.database, &text)
                .await
                .close()
                .await
                .expect("closes");
        }
    }
}

async fn adding_compares_what_is_known(database: TestDatabase) {
    let world = with_next_key(database).await;
    let keys = admin(&world.database, &world.database.ring).await;
    assert_eq!(
        keys.add("next").await.expect("knows"),
        Added::Known(KeyState::Registered)
    );
    assert_eq!(
        keys.add("test").await.expect("knows"),
        Added::Known(KeyState::Active)
    );
    assert!(matches!(keys.add("none").await, Err(KeyAdminError::NotInRing(_))));
    let set_aside = "UPDATE key_ring SET state = 'lost' WHERE kid = 'next'";
    assert_eq!(world.database.tamper(set_aside).await, 1);
    let other = admin(&world.database, &format!("{}{}", line("x"), line("next"))).await;
    assert!(
        matches!(other.add("next").await, Err(KeyAdminError::Ring(_))),
        "another key"
    );
    assert_eq!(keys.add("next").await.expect("returns"), Added::Returned);
    let expected = pairs(&[("test", "active"), ("next", "registered")]);
    assert_eq!(states(&world.database).await, expected);
}

async fn a_key_that_protects_something_is_not_retired(database: TestDatabase) {
    let world = with_next_key(database).await;
    let place = world.place().await;
    fill(&world, &place, 0, 2).await;
    let keys = admin(&world.database, &world.database.ring).await;
    assert!(matches!(
        keys.retire("none").await,
        Err(KeyAdminError::Unknown(_))
    ));
    assert!(matches!(
        keys.retire("test").await,
        Err(KeyAdminError::StillActive(_))
    ));
    // Active is another one, and nothing was moved yet; and the rows of one are as old as those
    // that do not say which key they need.
    for sql in [
        "UPDATE key_ring SET state = 'registered' WHERE kid = 'test'",
        "UPDATE key_ring SET state = 'active' WHERE kid = 'next'",
    ] {
        world.database.tamper(sql).await;
    }
    let in_use = |result: Result<(), KeyAdminError>| match result {
        Err(KeyAdminError::InUse { usage, .. }) => (usage.data_keys, usage.credentials),
        other => panic!("{:?}", other.map_err(|error| error.to_string())),
    };
    assert_eq!(in_use(keys.retire("test").await), (1, 2));
    let forget = "UPDATE provider_credentials SET kid = NULL, data_key_version = NULL";
    assert_eq!(world.database.tamper(forget).await, 2);
    assert_eq!(
        in_use(keys.retire("test").await),
        (1, 2),
        "the sealed bytes say it"
    );
    world.database.tamper("DELETE FROM workspace_keys").await;
    assert_eq!(
        in_use(keys.retire("test").await),
        (0, 2),
        "without a data key too"
    );
    world.database.tamper("DELETE FROM provider_credentials").await;
    keys.retire("test").await.expect("protects nothing");
    keys.retire("test").await.expect("again");
    let expected = pairs(&[("test", "retired"), ("next", "active")]);
    assert_eq!(states(&world.database).await, expected);
}

async fn the_migration_makes_the_key_that_came_last_active(database: TestDatabase) {
    let raw = database.raw().await;
    let back = Migrator::migrations()
        .iter()
        .rev()
        .position(|one| one.name().ends_with("000010_key_ring_states"))
        .expect("is there");
    let steps = u32::try_from(back).expect("few") + 1;
    Migrator::down(&raw, Some(steps)).await.expect("goes back");
    for sql in [
        "DELETE FROM key_ring",
        "INSERT INTO key_ring (kid, check_value, registered_at) VALUES ('b', '', 5), ('c', '', 7), ('a', '', 6)",
    ] {
        raw.execute_unprepared(sql).await.expect("runs");
    }
    Migrator::up(&raw, None).await.expect("goes on");
    let expected = pairs(&[("b", "registered"), ("a", "registered"), ("c", "active")]);
    assert_eq!(read(&raw).await, expected);
    raw.close().await.expect("closes");
    let unmoved = "SELECT count(*) FROM key_ring WHERE changed_at = registered_at";
    assert_eq!(database.number(unmoved).await, 3);
}

/// Cursors that clients hold stay good while keys rotate.
async fn the_cursor_key_outlives_a_rotation(database: TestDatabase) {
    let world = with_next_key(database).await;
    let text = world.database.ring.clone();
    let before = world.store.derived_key("cursor");
    let again = async || {
        let store = opened_with(&world.database, &text).await;
        let key = store.derived_key("cursor");
        store.close().await.expect("closes");
        key
    };
    assert_ne!(before.expose(), world.store.derived_key("other").expose());
    rotated(&world, Some("next")).await;
    assert_eq!(again().await.expose(), before.expose(), "rotated");
    let keys = admin(&world.database, &text).await;
    keys.retire("test").await.expect("protects nothing");
    assert_ne!(again().await.expose(), before.expose(), "the oldest key is gone");
    assert_eq!(
        world.store.derived_key("cursor").expose(),
        before.expose(),
        "whoever runs keeps it"
    );
}
