//! The life of a connection in the store: the default is switched in one step, a deleted
//! connection frees its target and takes its secrets along, another identity forgets the old one,
//! and a target of the platform's client belongs to one workspace.

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::PageRequest;
use provider_core::{
    ConnectionFilter, ConnectionType, ConsentHint, ConsentState, Deleted, InsertedConnection, Observation,
    ProviderConnection, ReasonCode, Recorded, Retargeted, ScopeIdentifier, TargetScope, VerificationState,
    Written,
};

use super::world::{Place, World, item};

on_both_engines!(
    the_default_is_switched_in_one_step,
    of_many_switches_at_once_one_default_is_left,
    the_default_cannot_go_while_others_exist,
    a_deleted_connection_frees_its_target_and_takes_its_secrets_along,
    another_identity_forgets_what_belonged_to_the_old_one,
    a_target_of_the_platform_belongs_to_the_workspace_that_was_first,
    consent_that_was_granted_and_is_missing_was_revoked,
    every_change_of_an_axis_is_in_the_history,
);

/// A platform connection of the place to `target`, with the hint of a consent page.
pub(super) async fn platform(world: &World, place: &Place, target: &str) -> ProviderConnection {
    let connection = ProviderConnection {
        connection_type: ConnectionType::Platform,
        client_identifier: None,
        ..world.connection(place, target)
    };
    world.insert_connection(place, &connection, None).await;
    let connection = world.found(place, &connection).await;
    let hint = ConsentHint {
        at: world.now,
        client_identifier: "platform-client".to_owned(),
    };
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let written = unit
        .consents()
        .record_hint(&place.scope, &connection, &hint, true, &change)
        .await;
    assert_eq!(written.expect("answers"), Written::Done);
    unit.commit().await.expect("commits");
    world.found(place, &connection).await
}

async fn make_default(world: &World, place: &Place, connection: &ProviderConnection) -> Written {
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let mut connections = unit.connections();
    let written = connections
        .make_default(&place.scope, connection, &change)
        .await
        .expect("answers");
    drop(connections);
    unit.commit().await.expect("commits");
    written
}

async fn delete(world: &World, place: &Place, connection: &ProviderConnection) -> Deleted {
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let mut connections = unit.connections();
    let deleted = connections
        .delete(&place.scope, connection, world.now, &change)
        .await
        .expect("answers");
    drop(connections);
    unit.commit().await.expect("commits");
    deleted
}

pub(super) async fn claim(world: &World, place: &Place, connection: &ProviderConnection) -> bool {
    let mut unit = world.begin().await;
    let mut connections = unit.connections();
    let ours = connections
        .claim_platform_target(&place.scope, connection, world.now)
        .await
        .expect("answers");
    drop(connections);
    unit.commit().await.expect("commits");
    ours
}

async fn the_default_is_switched_in_one_step(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let first = world.connected(&place, "site-1", "one").await;
    let second = world.connected(&place, "site-2", "two").await;
    assert!(first.is_default && !second.is_default);
    assert_eq!(make_default(&world, &place, &second).await, Written::Done);
    let (first_now, second_now) = (
        world.found(&place, &first).await,
        world.found(&place, &second).await,
    );
    assert!(!first_now.is_default && second_now.is_default);
    assert!(
        first_now.version > first.version && second_now.version > second.version,
        "who holds the tag of either must read again"
    );
    assert_eq!(
        make_default(&world, &place, &second).await,
        Written::VersionMismatch,
        "the connection as it was read before"
    );
}

async fn of_many_switches_at_once_one_default_is_left(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let mut connections = Vec::new();
    for number in 0..6 {
        connections.push(world.connected(&place, &format!("site-{number}"), "secret").await);
    }
    let switches = connections
        .iter()
        .map(|connection| make_default(&world, &place, connection));
    let written = futures::future::join_all(switches).await;
    assert!(written.contains(&Written::Done), "{written:?}");
    let count = "SELECT count(*) FROM provider_connections WHERE is_default";
    assert_eq!(world.database.number(count).await, 1);
}

async fn the_default_cannot_go_while_others_exist(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let first = world.connected(&place, "site-1", "one").await;
    let second = world.connected(&place, "site-2", "two").await;
    assert_eq!(delete(&world, &place, &first).await, Deleted::OthersNeedADefault);
    assert_eq!(delete(&world, &place, &second).await, Deleted::Done);
    let first = world.found(&place, &first).await;
    assert_eq!(
        delete(&world, &place, &first).await,
        Deleted::Done,
        "the last one may go"
    );
    assert_eq!(delete(&world, &place, &first).await, Deleted::VersionMismatch);
}

async fn a_deleted_connection_frees_its_target_and_takes_its_secrets_along(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let items = [item("a", 1)];
    let stored = world
        .upsert(&place, connection.id, (run.id, world.now), &items)
        .await;
    assert_eq!(stored.expect("stores").created, 1);
    assert_eq!(delete(&world, &place, &connection).await, Deleted::Done);
    for table in ["provider_credentials", "inventory_items", "connection_tags"] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(world.database.number(&count).await, 0, "{table}");
    }
    let session = world.read().await;
    let found = session.connections().find(&place.scope, connection.id).await;
    assert_eq!(found.expect("reads"), None);
    let everything = ConnectionFilter::default();
    let listed = session
        .connections()
        .list(&place.scope, &everything, PageRequest::default())
        .await
        .expect("reads");
    assert!(listed.items.is_empty());
    let now = world.run_now(&place, run.id).await;
    let target = now.target().expect("pinned");
    assert_eq!(target.connection_id, connection.id, "what ran stays readable");
    let again = world.connection(&place, "site-1");
    let inserted = world.insert_connection(&place, &again, None).await;
    assert_eq!(inserted, InsertedConnection::Inserted { is_default: true });
}

async fn another_identity_forgets_what_belonged_to_the_old_one(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let other = world.connected(&place, "site-2", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let items = [item("a", 1)];
    let stored = world
        .upsert(&place, connection.id, (run.id, world.now), &items)
        .await;
    assert_eq!(stored.expect("stores").created, 1);
    let to = |target: &str| {
        let scope = &connection.target_scope;
        ProviderConnection {
            target_scope: TargetScope::stored(
                scope.provider().clone(),
                scope.scope_kind(),
                ScopeIdentifier::canonical(target.to_owned()),
                scope.scope_display_name().clone(),
            ),
            client_identifier: Some("client-2".to_owned()),
            ..connection.clone()
        }
    };
    let change = world.change(&place.scope);
    let retarget = async |target: &str, credential| {
        let mut unit = world.begin().await;
        let mut connections = unit.connections();
        let done = connections
            .retarget(&place.scope, &connection, &to(target), credential, &change)
            .await
            .expect("answers");
        drop(connections);
        unit.commit().await.expect("commits");
        done
    };
    assert_eq!(
        retarget("site-2", None).await,
        Retargeted::DuplicateTarget(other.id)
    );
    assert_eq!(
        retarget("site-3", Some(world.credential("new"))).await,
        Retargeted::Done
    );
    let now = world.found(&place, &connection).await;
    assert_eq!(now.target_scope.scope_identifier().as_str(), "site-3");
    assert_eq!(now.client_identifier.as_deref(), Some("client-2"));
    assert!(now.identity_version > connection.identity_version);
    assert_eq!(
        now.credential.expect("stored").version,
        2,
        "a version is never used twice"
    );
    let items = "SELECT count(*) FROM inventory_items";
    assert_eq!(world.database.number(items).await, 0, "another target's items");
}

async fn a_target_of_the_platform_belongs_to_the_workspace_that_was_first(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.place().await, world.place().await);
    let mine = platform(&world, &ours, "site-1").await;
    let yours = platform(&world, &theirs, "site-1").await;
    assert!(claim(&world, &ours, &mine).await);
    assert!(
        claim(&world, &ours, &mine).await,
        "the same workspace may ask again"
    );
    assert!(
        !claim(&world, &theirs, &yours).await,
        "the second workspace is late"
    );
    let elsewhere = platform(&world, &theirs, "site-2").await;
    assert!(claim(&world, &theirs, &elsewhere).await, "another target is free");
    assert_eq!(delete(&world, &ours, &mine).await, Deleted::Done);
    assert!(claim(&world, &theirs, &yours).await, "given up, and free");
}

async fn consent_that_was_granted_and_is_missing_was_revoked(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.place().await, world.place().await);
    let connection = platform(&world, &ours, "site-1").await;
    assert!(claim(&world, &ours, &connection).await);
    let run = world.queued(&ours, &connection, "key").await;
    let saw = |consent, reason| Observation {
        run_id: run.id,
        identity_version: connection.identity_version,
        at: world.now + TimeDelta::minutes(1),
        consent: Some((consent, reason)),
        verification: Some((VerificationState::Healthy, None)),
        next_at: None,
        requirements: Vec::new(),
        credential_opened: None,
        hint_at: Some(world.now),
    };
    let granted = saw(ConsentState::Granted, None);
    let recorded = world
        .observe(&ours, connection.id, &granted)
        .await
        .expect("answers");
    assert_eq!(recorded, Recorded::Done);
    let missing = saw(ConsentState::Required, Some(ReasonCode::ProviderConsentMissing));
    let recorded = world
        .observe(&ours, connection.id, &missing)
        .await
        .expect("answers");
    assert_eq!(recorded, Recorded::Done);
    let now = world.found(&ours, &connection).await;
    assert_eq!(now.consent.value, ConsentState::Revoked);
    assert_eq!(now.consent_hint, None, "an old hint lets nobody look again");
    let yours = platform(&world, &theirs, "site-1").await;
    assert!(claim(&world, &theirs, &yours).await, "revoked, and free");
}

async fn every_change_of_an_axis_is_in_the_history(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let states = [
        (
            VerificationState::Blocked,
            Some(ReasonCode::ProviderCredentialInvalid),
        ),
        (
            VerificationState::Blocked,
            Some(ReasonCode::ProviderCredentialInvalid),
        ),
        (VerificationState::Healthy, None),
    ];
    for (minutes, verification) in (1..).zip(states) {
        let observation = Observation {
            run_id: run.id,
            identity_version: connection.identity_version,
            at: world.now + TimeDelta::minutes(minutes),
            consent: None,
            verification: Some(verification),
            next_at: None,
            requirements: Vec::new(),
            credential_opened: None,
            hint_at: None,
        };
        let recorded = world.observe(&place, connection.id, &observation).await;
        assert_eq!(recorded.expect("answers"), Recorded::Done);
    }
    let session = world.read().await;
    let history = session
        .connections()
        .history(&place.scope, connection.id, PageRequest::default())
        .await
        .expect("reads");
    let told: Vec<_> = history
        .items
        .iter()
        .map(|entry| (entry.from_state.as_str(), entry.to_state.as_str(), entry.reason))
        .collect();
    let invalid = Some(ReasonCode::ProviderCredentialInvalid);
    assert_eq!(
        told,
        [("blocked", "healthy", None), ("unknown", "blocked", invalid)],
        "newest first, recovery too, and nothing where nothing changed"
    );
    assert!(history.items.iter().all(|entry| entry.run_id == Some(run.id)));
}
