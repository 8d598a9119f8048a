//! Hints of consent in the store: a newer one outlives an older look, one client's is not another
//! one's, and a declined page undoes nothing that a check found.

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use provider_core::{ConsentHint, ConsentState, Observation, ProviderConnection, ReasonCode, RunId, Written};

use super::{
    lifecycle::{claim, platform},
    world::{Place, World},
};

on_both_engines!(
    a_hint_that_is_newer_than_the_look_stays,
    consent_to_one_client_of_the_platform_is_none_to_another,
    a_declined_page_undoes_nothing_that_a_check_found,
);

fn looked(world: &World, connection: &ProviderConnection, run: RunId, consent: ConsentState) -> Observation {
    Observation {
        run_id: run,
        identity_version: connection.identity_version,
        at: world.now + TimeDelta::minutes(1),
        consent: Some((consent, None)),
        verification: None,
        next_at: None,
        requirements: Vec::new(),
        credential_opened: None,
        hint_at: Some(world.now),
    }
}

async fn hint(world: &World, place: &Place, connection: &ProviderConnection, client: &str, minutes: i64) {
    let hint = ConsentHint {
        at: world.now + TimeDelta::minutes(minutes),
        client_identifier: client.to_owned(),
    };
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let written = unit
        .consents()
        .record_hint(&place.scope, connection, &hint, true, &change)
        .await;
    assert_eq!(written.expect("answers"), Written::Done);
    unit.commit().await.expect("commits");
}

async fn a_hint_that_is_newer_than_the_look_stays(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = platform(&world, &place, "site-1").await;
    let run = world.queued(&place, &connection, "key").await;
    hint(&world, &place, &connection, "platform-client", 5).await;
    let missing = looked(&world, &connection, run.id, ConsentState::Required);
    world
        .observe(&place, connection.id, &missing)
        .await
        .expect("answers");
    let kept = world.found(&place, &connection).await.consent_hint.expect("kept");
    assert_eq!(kept.at, world.now + TimeDelta::minutes(5));
    let again = Observation {
        hint_at: Some(kept.at),
        ..missing
    };
    world
        .observe(&place, connection.id, &again)
        .await
        .expect("answers");
    assert_eq!(world.found(&place, &connection).await.consent_hint, None);
}

async fn consent_to_one_client_of_the_platform_is_none_to_another(database: TestDatabase) {
    let world = World::new(database).await;
    let (ours, theirs) = (world.place().await, world.place().await);
    let connection = platform(&world, &ours, "site-1").await;
    let run = world.queued(&ours, &connection, "key").await;
    let granted = looked(&world, &connection, run.id, ConsentState::Granted);
    world
        .observe(&ours, connection.id, &granted)
        .await
        .expect("answers");
    hint(&world, &ours, &connection, "platform-client", 5).await;
    let same = world.found(&ours, &connection).await;
    assert_eq!(same.consent.value, ConsentState::Granted, "agreed once more");
    hint(&world, &ours, &connection, "another-client", 6).await;
    let other = world.found(&ours, &connection).await;
    assert_eq!(other.consent.value, ConsentState::Required);
    let yours = platform(&world, &theirs, "site-1").await;
    assert!(
        claim(&world, &theirs, &yours).await,
        "nothing is proven with the other client"
    );
}

async fn a_declined_page_undoes_nothing_that_a_check_found(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    for (found, after) in [
        (None, ConsentState::Failed),
        (Some(ConsentState::Required), ConsentState::Required),
        (Some(ConsentState::Granted), ConsentState::Granted),
        (Some(ConsentState::Required), ConsentState::Revoked),
    ] {
        if let Some(found) = found {
            let seen = looked(&world, &connection, run.id, found);
            world
                .observe(&place, connection.id, &seen)
                .await
                .expect("answers");
        }
        let change = world.change(&place.scope);
        let mut unit = world.begin().await;
        let declined = ReasonCode::ProviderConsentDeclined;
        let written = unit
            .consents()
            .record_refusal(&place.scope, &connection, declined, world.now, &change)
            .await;
        assert_eq!(written.expect("answers"), Written::Done);
        unit.commit().await.expect("commits");
        assert_eq!(world.found(&place, &connection).await.consent.value, after);
    }
}
