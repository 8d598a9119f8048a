//! The filters of the connection list. What a summary says is derived in memory, and a filter on
//! it narrows in SQL: over every combination of facts, both must come to the same connections.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{PageLimit, PageRequest};
use provider_core::{
    ConnectionFilter, ConnectionId, ConnectionType, ConsentState, PlatformClient, PlatformRealm,
    ProviderConnection, Readiness, ReasonCode, ScopeRules, SummaryFilter, SurfaceSummary, Tags,
    VerificationState, testing::FakeProvider,
};
use sea_orm::ConnectionTrait as _;

use super::world::{Place, World};

on_both_engines!(
    a_filter_on_the_summary_agrees_with_the_summary,
    each_plain_filter_narrows_to_its_own,
    tags_are_kept_and_filtered_by,
);

const STALE_AFTER: TimeDelta = TimeDelta::days(30);

/// Every combination of what a summary is derived from.
async fn every_kind_of_connection(world: &World, place: &Place) -> usize {
    let states = ["unknown", "required", "granted", "failed", "revoked"];
    let verifications = ["unknown", "pending", "healthy", "degraded", "blocked", "error"];
    let credentials = ["none", "plain", "expired", "undecryptable"];
    let mut statements = Vec::new();
    let mut count = 0;
    let mut add = |world: &World, sets: String| {
        count += 1;
        let connection = world.connection(place, &format!("site-{count}"));
        statements.push(format!(
            "UPDATE provider_connections SET {sets} WHERE scope_identifier = 'site-{count}'"
        ));
        connection
    };
    let mut made = Vec::new();
    let now = world.now.timestamp_micros();
    for (index, consent) in states.iter().enumerate() {
        for verification in verifications {
            for credential in credentials {
                // Old enough, young enough, or never: in turn, so that every state meets each.
                let checked = match index % 3 {
                    0 => "NULL".to_owned(),
                    1 => (now - TimeDelta::days(40).num_microseconds().expect("fits")).to_string(),
                    _ => now.to_string(),
                };
                let facts = format!(
                    "consent_state = '{consent}', verification_state = '{verification}', \
                     verification_checked_at = {checked}, verification_reason = 'provider_unavailable'"
                );
                made.push((add(world, facts.clone()), credential));
                let hint = match credential {
                    "none" => "NULL",
                    "plain" => "'platform-client'",
                    _ => "'another-client'",
                };
                let realm = if credential == "undecryptable" {
                    "elsewhere"
                } else {
                    "main"
                };
                let platform = format!(
                    "{facts}, connection_type = 'platform', client_identifier = NULL, realm = '{realm}', \
                     consent_hint_client = {hint}, consent_hint_at = CASE WHEN {hint} IS NULL THEN NULL ELSE {now} END"
                );
                made.push((add(world, platform), "none"));
            }
        }
    }
    made.push((add(world, "is_enabled = false".to_owned()), "plain"));
    let borrowed = "client_identifier = 'platform-client'";
    made.push((add(world, borrowed.to_owned()), "plain"));
    for (connection, credential) in &made {
        let credential = (*credential != "none").then(|| world.credential("secret"));
        world.insert_connection(place, connection, credential).await;
    }
    let raw = world.database.raw().await;
    for statement in statements {
        raw.execute_unprepared(&statement).await.expect("writes");
    }
    for (connection, credential) in &made {
        let set = match *credential {
            "expired" => format!("expires_at = {now}"),
            "undecryptable" => "undecryptable = true".to_owned(),
            _ => continue,
        };
        let id = match world.database.engine {
            integration_tests::Engine::Sqlite => format!("X'{}'", connection.id.as_uuid().simple()),
            integration_tests::Engine::Postgres => format!("'{}'", connection.id.as_uuid()),
        };
        let statement = format!("UPDATE provider_credentials SET {set} WHERE connection_id = {id}");
        let done = raw.execute_unprepared(&statement).await.expect("writes");
        assert_eq!(done.rows_affected(), 1, "{statement}");
    }
    raw.close().await.expect("closes");
    made.len()
}

async fn all(world: &World, place: &Place, filter: &ConnectionFilter) -> Vec<ProviderConnection> {
    let session = world.read().await;
    let mut page = PageRequest {
        limit: PageLimit::new(200).expect("in range"),
        after: None,
    };
    let mut found = Vec::new();
    loop {
        let part = session
            .connections()
            .list(&place.scope, filter, page)
            .await
            .expect("reads");
        found.extend(part.items);
        match part.next {
            Some(next) => page.after = Some(next),
            None => return found,
        }
    }
}

fn ids(connections: &[ProviderConnection]) -> BTreeSet<ConnectionId> {
    connections.iter().map(|connection| connection.id).collect()
}

/// The fake provider with a platform client whose credential has ended.
struct Ended;

impl ScopeRules for Ended {
    fn platform_client(&self, realm: &str) -> Option<PlatformClient> {
        let client = FakeProvider.platform_client(realm)?;
        Some(PlatformClient {
            expires_at: Some(kernel::Timestamp::default()),
            ..client
        })
    }

    fn platform_realms(&self) -> Vec<String> {
        FakeProvider.platform_realms()
    }

    fn provider(&self) -> provider_core::ProviderKey {
        FakeProvider.provider()
    }

    fn canonical_identifier(
        &self,
        kind: provider_core::ScopeKind,
        text: &str,
    ) -> Result<provider_core::ScopeIdentifier, provider_core::ScopeProblem> {
        FakeProvider.canonical_identifier(kind, text)
    }

    fn realm(&self, context: &provider_core::ProviderContext) -> Result<String, provider_core::ScopeProblem> {
        FakeProvider.realm(context)
    }

    fn canonical_client(&self, text: &str) -> Result<String, provider_core::ScopeProblem> {
        FakeProvider.canonical_client(text)
    }

    fn prepare_credential(
        &self,
        input: provider_core::CredentialInput,
        now: kernel::Timestamp,
    ) -> Result<provider_core::PreparedCredential, provider_core::CredentialRefusal> {
        FakeProvider.prepare_credential(input, now)
    }

    fn context(&self, destination: &provider_core::Destination) -> provider_core::ProviderContext {
        FakeProvider.context(destination)
    }

    fn requirements(&self, operation_type: &str) -> &'static [&'static str] {
        FakeProvider.requirements(operation_type)
    }
}

async fn a_filter_on_the_summary_agrees_with_the_summary(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let count = every_kind_of_connection(&world, &place).await;
    let everything = all(&world, &place, &ConnectionFilter::default()).await;
    assert_eq!(everything.len(), count);
    for rules in [&FakeProvider as &dyn ScopeRules, &Ended] {
        let asked = |readiness, reason_code, platform| ConnectionFilter {
            summary: Some(SummaryFilter {
                readiness,
                reason_code,
                now: world.now,
                stale_after: STALE_AFTER,
                platform,
            }),
            ..ConnectionFilter::default()
        };
        let platform = PlatformRealm::all(rules);
        let summary =
            |connection: &ProviderConnection| SurfaceSummary::of(connection, rules, world.now, STALE_AFTER);
        for readiness in Readiness::ALL {
            let found = all(&world, &place, &asked(Some(readiness), None, platform.clone())).await;
            let expected: BTreeSet<_> = everything
                .iter()
                .filter(|connection| summary(connection).readiness == readiness)
                .map(|connection| connection.id)
                .collect();
            assert_eq!(ids(&found), expected, "{readiness:?}");
        }
        let mut met = 0;
        for reason in ReasonCode::ALL {
            let found = all(&world, &place, &asked(None, Some(*reason), platform.clone())).await;
            let expected: BTreeSet<_> = everything
                .iter()
                .filter(|connection| {
                    let reasons = [
                        summary(connection).reason_code,
                        connection.consent.reason,
                        connection.verification.reason,
                    ];
                    reasons.contains(&Some(*reason))
                })
                .map(|connection| connection.id)
                .collect();
            assert_eq!(ids(&found), expected, "{reason:?}");
            met += usize::from(!expected.is_empty());
        }
        assert!(met > 5, "the table meets many reasons: {met}");
    }
    // Without any platform client the filter must not let a platform connection through.
    let nobody = ConnectionFilter {
        summary: Some(SummaryFilter {
            readiness: None,
            reason_code: Some(ReasonCode::PlatformIdentityMissing),
            now: world.now,
            stale_after: STALE_AFTER,
            platform: Vec::new(),
        }),
        ..ConnectionFilter::default()
    };
    let found = all(&world, &place, &nobody).await;
    let platforms = everything
        .iter()
        .filter(|connection| connection.connection_type == ConnectionType::Platform);
    assert_eq!(found.len(), platforms.count());
}

async fn each_plain_filter_narrows_to_its_own(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    every_kind_of_connection(&world, &place).await;
    let everything = all(&world, &place, &ConnectionFilter::default()).await;
    for state in ConsentState::ALL {
        let filter = ConnectionFilter {
            consent: Some(*state),
            ..ConnectionFilter::default()
        };
        let found = all(&world, &place, &filter).await;
        let expected = everything.iter().filter(|one| one.consent.value == *state);
        assert_eq!(found.len(), expected.count(), "{state:?}");
    }
    for state in VerificationState::ALL {
        let filter = ConnectionFilter {
            verification: Some(*state),
            ..ConnectionFilter::default()
        };
        let found = all(&world, &place, &filter).await;
        let expected = everything.iter().filter(|one| one.verification.value == *state);
        assert_eq!(found.len(), expected.count(), "{state:?}");
    }
    let soon = world.now + TimeDelta::days(1);
    let filter = ConnectionFilter {
        expires_before: Some(soon),
        ..ConnectionFilter::default()
    };
    let found = all(&world, &place, &filter).await;
    let ends = |one: &&ProviderConnection| {
        one.credential
            .as_ref()
            .and_then(|credential| credential.expires_at)
            .is_some_and(|end| end < soon)
    };
    assert_eq!(found.len(), everything.iter().filter(ends).count());
    assert!(!found.is_empty());
}

async fn tags_are_kept_and_filtered_by(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let tags = |pairs: &[(&str, &str)]| {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Tags::new(pairs.iter().map(own).collect()).expect("fit")
    };
    for (site, pairs) in [
        ("site-1", &[("tier", "gold"), ("region", "north")][..]),
        ("site-2", &[("tier", "silver")]),
        ("site-3", &[]),
    ] {
        let connection = ProviderConnection {
            tags: tags(pairs),
            ..world.connection(&place, site)
        };
        world.insert_connection(&place, &connection, None).await;
        assert_eq!(world.found(&place, &connection).await.tags, tags(pairs));
    }
    let tagged = |key: &str, value: &str| ConnectionFilter {
        tag: Some((key.to_owned(), value.to_owned())),
        ..ConnectionFilter::default()
    };
    for (key, value, count) in [("tier", "gold", 1), ("tier", "silver", 1), ("tier", "north", 0)] {
        let found = all(&world, &place, &tagged(key, value)).await;
        assert_eq!(found.len(), count, "{key}:{value}");
    }
}
