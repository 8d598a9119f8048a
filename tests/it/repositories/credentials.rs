//! Credentials: stored against the version that the caller read, counted, and forgetting what
//! was known of the one before.

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{StoreError, Timestamp};
use provider_core::{
    Axis, ConsentState, CredentialVault as _, NewCredential, Observation, ProviderConnection, ReasonCode,
    RequirementState, StoredCredential, VaultError, VerificationState,
};

use super::world::{Place, World};

on_both_engines!(
    the_vault_opens_what_was_stored,
    a_connection_without_a_credential_has_none_to_open,
    a_credential_is_stored_against_the_version_that_was_read,
    of_two_at_once_one_is_stored,
    what_was_verified_with_the_old_one_is_unknown_again,
    consent_was_given_to_a_client,
    requirements_are_known_of_a_client,
    a_credential_is_opened_for_the_connection_that_was_read,
    the_secret_is_not_in_the_database,
);

async fn the_vault_opens_what_was_stored(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let long = "ü".repeat(2000);
    for (number, secret) in ["a", "two words", &long].into_iter().enumerate() {
        let connection = world.connected(&place, &format!("site-{number}"), secret).await;
        let opened = world
            .store
            .vault()
            .open(&place.scope, &connection)
            .await
            .expect("opens");
        assert_eq!((opened.secret.expose(), opened.version), (secret, 1));
    }
    // Another process with the same ring opens it as well.
    let connection = world.connected(&place, "site-9", "shared").await;
    let other = world.database.open().await;
    let opened = other
        .vault()
        .open(&place.scope, &connection)
        .await
        .expect("opens");
    assert_eq!(opened.secret.expose(), "shared");
    other.close().await.expect("closes");
}

async fn a_connection_without_a_credential_has_none_to_open(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connection(&place, "site-1");
    world.insert_connection(&place, &connection, None).await;
    let refused = world.store.vault().open(&place.scope, &connection).await;
    assert!(matches!(refused, Err(VaultError::Missing)));
    assert_eq!(
        world
            .put_credential(&place, &connection, world.credential("first"))
            .await,
        StoredCredential::Stored { version: 1 }
    );
    let connection = world.found(&place, &connection).await;
    let opened = world
        .store
        .vault()
        .open(&place.scope, &connection)
        .await
        .expect("opens");
    assert_eq!(opened.secret.expose(), "first");
}

async fn a_credential_is_stored_against_the_version_that_was_read(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let before = world.connected(&place, "site-1", "one").await;
    let stored = world
        .put_credential(&place, &before, world.credential("two"))
        .await;
    assert_eq!(stored, StoredCredential::Stored { version: 2 });
    let after = world.found(&place, &before).await;
    assert_eq!(after.version, before.version + 1);
    let (old, new) = (
        before.credential.clone().expect("stored"),
        after.credential.clone().expect("stored"),
    );
    assert!(
        new.version == 2 && new.id != old.id,
        "a replacement has an id of its own"
    );

    let late = world
        .put_credential(&place, &before, world.credential("late"))
        .await;
    assert_eq!(
        late,
        StoredCredential::VersionMismatch,
        "the connection was changed meanwhile"
    );
    assert_eq!(world.found(&place, &before).await, after);
    let opened = world
        .store
        .vault()
        .open(&place.scope, &after)
        .await
        .expect("opens");
    assert_eq!((opened.secret.expose(), opened.version), ("two", 2));
    let stored = world
        .put_credential(&place, &after, world.credential("three"))
        .await;
    assert_eq!(stored, StoredCredential::Stored { version: 3 });
    assert_eq!(
        world
            .database
            .number("SELECT count(*) FROM provider_credentials")
            .await,
        1,
        "the old ones are gone"
    );
}

async fn of_two_at_once_one_is_stored(database: TestDatabase) {
    let world = std::sync::Arc::new(World::new(database).await);
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "one").await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (world, place, connection) =
                (std::sync::Arc::clone(&world), place.clone(), connection.clone());
            tokio::spawn(async move {
                world
                    .put_credential(&place, &connection, world.credential("next"))
                    .await
            })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += usize::from(task.await.expect("joins") == StoredCredential::Stored { version: 2 });
    }
    assert_eq!(stored, 1);
    assert_eq!(
        world.found(&place, &connection).await.version,
        connection.version + 1
    );
}

async fn what_was_verified_with_the_old_one_is_unknown_again(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = observed(&world, &place, (ConsentState::Granted, None)).await;
    let credential = later(&world, "two");
    let at = credential.created_at;
    world.put_credential(&place, &connection, credential).await;
    let after = world.found(&place, &connection).await;
    let verification = (
        after.verification.value,
        after.verification.reason,
        after.verification.since,
    );
    assert_eq!(verification, (VerificationState::Unknown, None, at));
    assert_eq!(
        after.consent, connection.consent,
        "the same client keeps its consent"
    );
}

async fn consent_was_given_to_a_client(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let failed = (ConsentState::Failed, Some(ReasonCode::ProviderConsentMissing));
    let connection = observed(&world, &place, failed).await;
    let other = ProviderConnection {
        client_identifier: Some("client-2".to_owned()),
        ..connection.clone()
    };
    let credential = later(&world, "two");
    let at = credential.created_at;
    world.put_credential(&place, &other, credential).await;
    let after = world.found(&place, &connection).await;
    assert_eq!(after.client_identifier.as_deref(), Some("client-2"));
    assert_eq!(
        after.consent,
        Axis::unobserved(ConsentState::Unknown, at),
        "nobody knows anything of the other client"
    );
    let opened = world
        .store
        .vault()
        .open(&place.scope, &after)
        .await
        .expect("opens");
    assert_eq!(opened.secret.expose(), "two");
}

async fn requirements_are_known_of_a_client(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = observed(&world, &place, (ConsentState::Granted, None)).await;
    let known = async || {
        let session = world.read().await;
        session
            .connections()
            .requirements(&place.scope, connection.id)
            .await
            .expect("reads")
            .len()
    };
    assert_eq!(known().await, 1);
    world
        .put_credential(&place, &connection, later(&world, "two"))
        .await;
    assert_eq!(known().await, 1, "the same client keeps what it may do");
    let present = world.found(&place, &connection).await;
    let other = ProviderConnection {
        client_identifier: Some("client-2".to_owned()),
        ..present
    };
    world.put_credential(&place, &other, later(&world, "three")).await;
    assert_eq!(known().await, 0, "nobody knows what the other one may do");
}

/// Whoever read the connection before the change must read it again: the credential is another's.
async fn a_credential_is_opened_for_the_connection_that_was_read(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let before = world.connected(&place, "site-1", "one").await;
    world
        .put_credential(&place, &before, world.credential("two"))
        .await;
    let refused = world.store.vault().open(&place.scope, &before).await;
    assert!(matches!(refused, Err(VaultError::Store(StoreError::Conflict))));
}

async fn the_secret_is_not_in_the_database(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    world
        .connected(&place, "site-1", "a-needle-in-the-haystack")
        .await;
    let sealed = match world.database.engine {
        integration_tests::Engine::Sqlite => "instr(hex(sealed), '6E6565646C65')",
        integration_tests::Engine::Postgres => "position('6e6565646c65' in encode(sealed, 'hex'))",
    };
    let hits = format!("SELECT CAST(sum({sealed}) AS BIGINT) FROM provider_credentials");
    assert_eq!(world.database.number(&hits).await, 0);
}

/// A connection whose axes a run has looked at.
async fn observed(
    world: &World,
    place: &Place,
    consent: (ConsentState, Option<ReasonCode>),
) -> ProviderConnection {
    let connection = world.connected(place, "site-1", "one").await;
    let run = world.queued(place, &connection, "key").await;
    let observation = Observation {
        run_id: run.id,
        identity_version: connection.identity_version,
        at: world.now + TimeDelta::minutes(1),
        consent: Some(consent),
        verification: Some((
            VerificationState::Blocked,
            Some(ReasonCode::ProviderCredentialInvalid),
        )),
        next_at: None,
        requirements: vec![("permissions.a".to_owned(), RequirementState::Granted)],
        credential_opened: None,
        hint_at: None,
    };
    world
        .observe(place, connection.id, &observation)
        .await
        .expect("records");
    world.found(place, &connection).await
}

/// A credential that comes an hour later.
fn later(world: &World, secret: &str) -> NewCredential {
    let created_at: Timestamp = world.now + TimeDelta::hours(1);
    NewCredential {
        created_at,
        ..world.credential(secret)
    }
}
