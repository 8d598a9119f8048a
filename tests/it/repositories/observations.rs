//! What runs observe about connections.

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::Timestamp;
use provider_core::{
    ConsentState, CredentialState, Observation, ProviderConnection, ReasonCode, RequirementState, RunId,
    VerificationState,
};

use super::world::World;

on_both_engines!(
    an_observation_moves_the_axes_that_it_is_about,
    what_is_known_of_requirements_is_the_latest,
    an_observation_of_an_earlier_version_says_nothing,
    an_observation_can_tell_that_a_credential_is_broken,
);

async fn an_observation_moves_the_axes_that_it_is_about(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let at = world.now + TimeDelta::minutes(1);
    let seen = Observation {
        consent: Some((ConsentState::Granted, None)),
        ..nothing_seen(&connection, run.id, at)
    };
    world
        .observe(&place, connection.id, &seen)
        .await
        .expect("records");
    let after = world.found(&place, &connection).await;
    let consent = connection
        .consent
        .observed(ConsentState::Granted, None, at, run.id);
    assert_eq!(consent.since, at);
    let expected = ProviderConnection {
        consent,
        ..connection.clone()
    };
    assert_eq!(after, expected, "nothing else moved, nor did the version");

    let later = at + TimeDelta::minutes(1);
    let degraded = (
        VerificationState::Degraded,
        Some(ReasonCode::ProviderPermissionMissing),
    );
    let again = Observation {
        at: later,
        verification: Some(degraded),
        ..seen
    };
    world
        .observe(&place, connection.id, &again)
        .await
        .expect("records");
    let after = world.found(&place, &connection).await;
    assert_eq!(after.consent.since, at, "the same value since then");
    assert_eq!(after.consent.checked_at, Some(later), "looked at again");
    let verification = connection
        .verification
        .observed(degraded.0, degraded.1, later, run.id);
    assert_eq!(
        (after.verification, after.verification.since),
        (verification, later)
    );
}

async fn what_is_known_of_requirements_is_the_latest(database: TestDatabase) {
    use RequirementState::{Granted, Missing, Unknown};
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let (first, later) = (world.now, world.now + TimeDelta::minutes(1));
    for (at, rows) in [
        (first, vec![("b", Missing), ("a", Granted), ("c", Unknown)]),
        (later, vec![("b", Granted)]),
    ] {
        let requirements = rows
            .into_iter()
            .map(|(key, state)| (key.to_owned(), state))
            .collect();
        let seen = Observation {
            requirements,
            ..nothing_seen(&connection, run.id, at)
        };
        world
            .observe(&place, connection.id, &seen)
            .await
            .expect("records");
    }
    let session = world.read().await;
    let known = session
        .connections()
        .requirements(&place.scope, connection.id)
        .await
        .expect("reads");
    let known: Vec<_> = known
        .iter()
        .map(|row| (row.key.as_str(), row.state, row.checked_at))
        .collect();
    assert_eq!(
        known,
        [
            ("a", Granted, first),
            ("b", Granted, later),
            ("c", Unknown, first)
        ]
    );
    assert_eq!(
        world.found(&place, &connection).await,
        connection,
        "the axes are left alone"
    );
}

/// The credential was replaced while the run looked: what it saw is about the one before.
async fn an_observation_of_an_earlier_version_says_nothing(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let before = world.connected(&place, "site-1", "one").await;
    let run = world.queued(&place, &before, "key").await;
    world
        .put_credential(&place, &before, world.credential("two"))
        .await;
    let (after, entries) = (world.found(&place, &before).await, world.journal_entries().await);
    let seen = Observation {
        consent: Some((ConsentState::Granted, None)),
        verification: Some((VerificationState::Healthy, None)),
        next_at: None,
        requirements: vec![("permissions.a".to_owned(), RequirementState::Granted)],
        credential_opened: Some(false),
        ..nothing_seen(&before, run.id, world.now)
    };
    world.observe(&place, before.id, &seen).await.expect("answers");
    assert_eq!(world.found(&place, &before).await, after);
    assert_eq!(world.journal_entries().await, entries, "nor is it told");
    let session = world.read().await;
    let known = session
        .connections()
        .requirements(&place.scope, before.id)
        .await
        .expect("reads");
    assert_eq!(known, []);
}

/// An observation of nothing, to build on.
fn nothing_seen(connection: &ProviderConnection, run_id: RunId, at: Timestamp) -> Observation {
    Observation {
        run_id,
        identity_version: connection.identity_version,
        at,
        consent: None,
        verification: None,
        next_at: None,
        requirements: Vec::new(),
        credential_opened: None,
        hint_at: None,
    }
}

async fn an_observation_can_tell_that_a_credential_is_broken(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let other = world.connected(&place, "site-2", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let seen = Observation {
        credential_opened: Some(false),
        ..nothing_seen(&connection, run.id, world.now)
    };
    world
        .observe(&place, connection.id, &seen)
        .await
        .expect("records");
    let state = |connection: ProviderConnection| connection.credential.expect("stored").state(world.now);
    assert_eq!(
        state(world.found(&place, &connection).await),
        CredentialState::Undecryptable
    );
    assert_eq!(state(world.found(&place, &other).await), CredentialState::Valid);
    let mended = Observation {
        credential_opened: Some(true),
        ..seen
    };
    world
        .observe(&place, connection.id, &mended)
        .await
        .expect("records");
    assert_eq!(
        state(world.found(&place, &connection).await),
        CredentialState::Valid,
        "or that it is not"
    );
}
