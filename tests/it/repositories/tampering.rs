//! A stored secret is bound to its row and its destination (I13): whoever changes either behind
//! the product's back gets nothing, and a ring of other keys opens no database at all.

use std::{fmt::Write as _, sync::Arc};

use integration_tests::{Engine, TestDatabase, on_both_engines};
use kernel::{SystemClock, SystemIds};
use provider_core::{CredentialVault as _, ProviderConnection, VaultError};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use storage_sea_orm::{ConnectError, Database, KeyRing, KeyRingError};

use super::world::{Place, World, environment};

on_both_engines!(
    a_secret_does_not_go_to_another_destination,
    a_secret_does_not_open_in_another_row,
    a_secret_does_not_open_in_another_workspace,
    an_old_secret_does_not_come_back,
    no_byte_of_the_record_can_be_changed,
    a_ring_with_another_key_is_refused,
    a_ring_that_lacks_a_key_is_refused,
    a_ring_may_gain_a_key,
    a_wrapped_key_that_was_changed_opens_nothing,
);

async fn a_secret_does_not_go_to_another_destination(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let other = environment(&place, "other", world.now);
    world.insert_environment(&place, &other).await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let elsewhere = format!("environment_id = {}", world.uuid(other.id.as_uuid()));
    let original = format!("environment_id = {}", world.uuid(place.environment.as_uuid()));
    let moves = [
        ("scope_identifier = 'site-2'", "scope_identifier = 'site-1'"),
        ("client_identifier = 'client-2'", "client_identifier = 'client-1'"),
        ("client_identifier = NULL", "client_identifier = 'client-1'"),
        ("client_identifier = ''", "client_identifier = 'client-1'"),
        ("realm = 'other'", "realm = 'main'"),
        ("provider = 'other'", "provider = 'fake'"),
        (elsewhere.as_str(), original.as_str()),
    ];
    for (change, back) in moves {
        assert_eq!(
            world
                .database
                .tamper(&format!("UPDATE provider_connections SET {change}"))
                .await,
            1
        );
        assert_undecryptable(&world, &place, &connection, change).await;
        assert_eq!(
            world
                .database
                .tamper(&format!("UPDATE provider_connections SET {back}"))
                .await,
            1
        );
        assert_opens(&world, &place, &connection, "secret").await;
    }
}

async fn a_secret_does_not_open_in_another_row(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let first = world.connected(&place, "site-1", "one").await;
    let second = world.connected(&place, "site-2", "two").await;
    let (one, two) = (sealed(&world, &first).await, sealed(&world, &second).await);
    put_sealed(&world, &first, &two).await;
    put_sealed(&world, &second, &one).await;
    assert_undecryptable(&world, &place, &first, "swapped").await;
    assert_undecryptable(&world, &place, &second, "swapped").await;
    put_sealed(&world, &first, &one).await;
    put_sealed(&world, &second, &two).await;
    // Nor do the whole rows change their connections.
    let connection_of = |connection: &ProviderConnection| world.uuid(connection.id.as_uuid());
    let (a, b) = (connection_of(&first), connection_of(&second));
    assert_eq!(
        world
            .database
            .tamper(&format!(
                "DELETE FROM provider_credentials WHERE connection_id = {b}"
            ))
            .await,
        1
    );
    let turn = format!("UPDATE provider_credentials SET connection_id = {b} WHERE connection_id = {a}");
    assert_eq!(world.database.tamper(&turn).await, 1);
    assert_undecryptable(&world, &place, &second, "turned to another connection").await;
    // Not even when that one points where the first one did.
    for sql in [
        format!("DELETE FROM provider_connections WHERE id = {a}"),
        "UPDATE provider_connections SET scope_identifier = 'site-1'".to_owned(),
    ] {
        assert_eq!(world.database.tamper(&sql).await, 1);
    }
    assert_undecryptable(&world, &place, &second, "turned to a twin").await;
}

async fn a_secret_does_not_open_in_another_workspace(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.place().await, world.place().await);
    let connection = world.connected(&ours, "site-1", "secret").await;
    // Theirs is as equal to ours as two rows can be: the same id, the same target.
    let twin = ProviderConnection {
        id: connection.id,
        ..world.connection(&theirs, "site-1")
    };
    world
        .insert_connection(&theirs, &twin, Some(world.credential("own")))
        .await;
    let (here, there) = (
        world.uuid(ours.scope.workspace_id().as_uuid()),
        world.uuid(theirs.scope.workspace_id().as_uuid()),
    );
    for table in ["provider_credentials", "workspace_keys"] {
        assert_eq!(
            world
                .database
                .tamper(&format!("DELETE FROM {table} WHERE workspace_id = {there}"))
                .await,
            1
        );
    }
    let move_secret =
        format!("UPDATE provider_credentials SET workspace_id = {there} WHERE workspace_id = {here}");
    assert_eq!(world.database.tamper(&move_secret).await, 1);
    assert_undecryptable(&world, &theirs, &twin, "moved").await;
    let move_key = format!("UPDATE workspace_keys SET workspace_id = {there} WHERE workspace_id = {here}");
    assert_eq!(world.database.tamper(&move_key).await, 1);
    assert_undecryptable(&world, &theirs, &twin, "moved with its key").await;
}

async fn an_old_secret_does_not_come_back(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let before = world.connected(&place, "site-1", "old").await;
    let old = sealed(&world, &before).await;
    world
        .put_credential(&place, &before, world.credential("new"))
        .await;
    let after = world.found(&place, &before).await;
    let new = sealed(&world, &after).await;
    put_sealed(&world, &after, &old).await;
    assert_undecryptable(&world, &place, &after, "the ciphertext of before").await;
    assert_eq!(
        world
            .database
            .tamper("UPDATE provider_credentials SET version = 1")
            .await,
        1
    );
    assert_undecryptable(&world, &place, &after, "with its version").await;
    put_sealed(&world, &after, &new).await;
    assert_undecryptable(&world, &place, &after, "the new one with the old version").await;
    assert_eq!(
        world
            .database
            .tamper("UPDATE provider_credentials SET version = 2")
            .await,
        1
    );
    assert_opens(&world, &place, &after, "new").await;
}

async fn no_byte_of_the_record_can_be_changed(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let record = sealed(&world, &connection).await;
    let bytes: Vec<u8> = (0..record.len() / 2)
        .map(|index| u8::from_str_radix(&record[2 * index..2 * index + 2], 16).expect("hexadecimal"))
        .collect();
    let raw = world.database.raw().await;
    for index in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[index] ^= 1;
        write_sealed(&raw, &world, &connection, &hex(&broken)).await;
        assert_undecryptable(&world, &place, &connection, &format!("byte {index}")).await;
    }
    for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        write_sealed(&raw, &world, &connection, &hex(&bytes[..length])).await;
        assert_undecryptable(&world, &place, &connection, &format!("cut at {length}")).await;
    }
    write_sealed(&raw, &world, &connection, &format!("{record}00")).await;
    assert_undecryptable(&world, &place, &connection, "one byte more").await;
    write_sealed(&raw, &world, &connection, &record).await;
    assert_opens(&world, &place, &connection, "secret").await;
    raw.close().await.expect("closes");
}

async fn a_ring_with_another_key_is_refused(database: TestDatabase) {
    database.open().await.close().await.expect("closes");
    let refused = open_with(&database, &KeyRing::generate_file("test")).await;
    assert!(matches!(refused, Err(ConnectError::KeyRing(KeyRingError::Mismatch(kid))) if kid == "test"));
}

async fn a_ring_that_lacks_a_key_is_refused(database: TestDatabase) {
    database.open().await.close().await.expect("closes");
    let refused = open_with(&database, &KeyRing::generate_file("other")).await;
    assert!(matches!(refused, Err(ConnectError::KeyRing(KeyRingError::Missing(kid))) if kid == "test"));
    assert_eq!(
        database.number("SELECT count(*) FROM key_ring").await,
        1,
        "a refused ring registers nothing"
    );
}

/// A line more changes nothing: what opens, opens, and what is sealed is sealed as before.
async fn a_ring_may_gain_a_key(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, later) = (world.place().await, world.place().await);
    let connection = world.connected(&place, "site-1", "secret").await;
    let ring = format!(
        "{}{}",
        world.database.ring,
        KeyRing::generate_file("next").as_str()
    );
    let store = open_with(&world.database, &ring)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let opened = store
        .vault()
        .open(&place.scope, &connection)
        .await
        .expect("opens");
    assert_eq!(opened.secret.expose(), "secret");
    store.close().await.expect("closes");
    // Nothing is registered by a start, so the old ring still is a good one.
    let store = open_with(&world.database, &world.database.ring).await;
    let store = store.unwrap_or_else(|error| panic!("{error}"));
    store.close().await.expect("closes");
    // Whoever runs already with the old ring goes on, and seals with the key that it has.
    let connection = world.connected(&later, "site-2", "later").await;
    assert_opens(&world, &later, &connection, "later").await;
}

async fn a_wrapped_key_that_was_changed_opens_nothing(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.place().await, world.place().await);
    let connection = world.connected(&ours, "site-1", "secret").await;
    world.connected(&theirs, "site-1", "other").await;
    let there = world.uuid(theirs.scope.workspace_id().as_uuid());
    let exchange = format!(
        "UPDATE workspace_keys SET wrapped_key =
            (SELECT other.wrapped_key FROM workspace_keys other WHERE other.workspace_id = {there})"
    );
    assert_eq!(world.database.tamper(&exchange).await, 2);
    assert_undecryptable(&world, &ours, &connection, "the data key of another workspace").await;
    let mut unit = world.begin().await;
    let change = world.change(&ours.scope);
    let stored = unit
        .connections()
        .put_credential(&ours.scope, &connection, world.credential("new"), &change)
        .await;
    assert!(
        stored.is_err(),
        "nothing is sealed with a key that cannot be trusted"
    );
}

async fn open_with(database: &TestDatabase, ring: &str) -> Result<Database, ConnectError> {
    let ring = KeyRing::parse(ring).expect("a ring");
    Database::open(
        &database.database_url(),
        ring,
        Arc::new(SystemClock),
        Arc::new(SystemIds),
    )
    .await
}

/// With the connection as its row says now, as a worker reads it.
async fn assert_undecryptable(world: &World, place: &Place, connection: &ProviderConnection, what: &str) {
    let present = world.found(place, connection).await;
    let opened = world.store.vault().open(&place.scope, &present).await;
    assert!(
        matches!(opened, Err(VaultError::Undecryptable)),
        "{what}: {:?}",
        opened.map(|_| "opened").map_err(|e| e.to_string())
    );
}

async fn assert_opens(world: &World, place: &Place, connection: &ProviderConnection, secret: &str) {
    let present = world.found(place, connection).await;
    let opened = world
        .store
        .vault()
        .open(&place.scope, &present)
        .await
        .expect("opens");
    assert_eq!(opened.secret.expose(), secret);
}

/// The stored record of a connection's credential, in hexadecimal digits.
async fn sealed(world: &World, connection: &ProviderConnection) -> String {
    let column = match world.database.engine {
        Engine::Sqlite => "hex(sealed)",
        Engine::Postgres => "encode(sealed, 'hex')",
    };
    let id = world.uuid(connection.id.as_uuid());
    let sql = format!("SELECT {column} FROM provider_credentials WHERE connection_id = {id}");
    let raw = world.database.raw().await;
    let statement = Statement::from_string(raw.get_database_backend(), sql);
    let row = raw.query_one_raw(statement).await.expect("runs").expect("a row");
    raw.close().await.expect("closes");
    row.try_get_by_index::<String>(0)
        .expect("text")
        .to_ascii_lowercase()
}

async fn put_sealed(world: &World, connection: &ProviderConnection, record: &str) {
    let raw = world.database.raw().await;
    write_sealed(&raw, world, connection, record).await;
    raw.close().await.expect("closes");
}

async fn write_sealed(
    raw: &DatabaseConnection,
    world: &World,
    connection: &ProviderConnection,
    record: &str,
) {
    let bytes = match world.database.engine {
        Engine::Sqlite => format!("x'{record}'"),
        Engine::Postgres => format!("'\\x{record}'::bytea"),
    };
    let id = world.uuid(connection.id.as_uuid());
    let sql = format!("UPDATE provider_credentials SET sealed = {bytes} WHERE connection_id = {id}");
    assert_eq!(
        raw.execute_unprepared(&sql).await.expect("runs").rows_affected(),
        1
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string works");
        text
    })
}
