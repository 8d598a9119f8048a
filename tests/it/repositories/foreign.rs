//! A scope sees its own workspace and nothing else: every finder and every writer, asked from
//! next door, knows nothing (I11 begins here).

use integration_tests::{TestDatabase, on_both_engines};
use inventory::{ComplianceSnapshot, ItemFilter};
use kernel::{PageRequest, StoreError};
use operations::{Fence, OperationRun, RunFilter, RunOutcome};
use provider_core::{
    ConnectionFilter, ConsentState, CredentialVault as _, Observation, ProviderConnection, ReasonCode,
    Recorded, RequirementState, StoredCredential, VaultError,
};
use tenancy::EnvironmentId;

use super::{
    calls::paused,
    world::{Place, World, fresh, item},
};

on_both_engines!(
    finders_of_people_and_places_see_nothing_of_another_workspace,
    finders_of_connections_see_nothing_of_another_workspace,
    finders_of_runs_see_nothing_of_another_workspace,
    finders_of_inventory_see_nothing_of_another_workspace,
    finders_of_calls_see_nothing_of_another_workspace,
    writers_reach_nothing_of_another_workspace,
    rows_cannot_lead_to_another_workspace,
    the_vault_opens_nothing_of_another_workspace,
);

/// A workspace with one of everything, and another one with an environment alone.
struct Neighbours {
    world: World,
    ours: Place,
    theirs: Place,
    connection: ProviderConnection,
    run: OperationRun,
    snapshot: ComplianceSnapshot,
}

impl Neighbours {
    async fn new(database: TestDatabase) -> Self {
        let world = World::new(database).await;
        let (ours, theirs) = (world.place().await, world.place().await);
        let connection = world.connected(&ours, "site-1", "secret").await;
        let key = connection.target_scope.scope_key();
        let run = world.queued(&ours, &connection, &key).await;
        let snapshot = ComplianceSnapshot {
            id: fresh(),
            connection_id: connection.id,
            run_id: run.id,
            taken_at: world.now,
            controls: Vec::new(),
        };
        let mut unit = world.begin().await;
        let mut store = unit.inventory();
        let items = [item("1", 1)];
        store
            .upsert(&ours.scope, connection.id, run.id, world.now, &items)
            .await
            .expect("stores");
        store
            .insert_snapshot(&ours.scope, &snapshot)
            .await
            .expect("stores");
        drop(store);
        unit.commit().await.expect("commits");
        let neighbours = Self {
            world,
            ours,
            theirs,
            connection,
            run,
            snapshot,
        };
        neighbours.observe(&neighbours.ours).await.expect("records");
        neighbours
    }

    /// Both, with how much of what is ours each may see.
    fn both(&self) -> [(&Place, usize); 2] {
        [(&self.ours, 1), (&self.theirs, 0)]
    }

    /// Records an observation of our connection in the scope of `place`.
    async fn observe(&self, place: &Place) -> Result<Recorded, StoreError> {
        let observation = Observation {
            run_id: self.run.id,
            identity_version: self.connection.identity_version,
            at: self.world.now,
            consent: Some((ConsentState::Granted, None)),
            verification: None,
            next_at: None,
            requirements: vec![("permissions.read".to_owned(), RequirementState::Granted)],
            credential_opened: None,
            hint_at: None,
        };
        self.world.observe(place, self.connection.id, &observation).await
    }
}

async fn finders_of_people_and_places_see_nothing_of_another_workspace(database: TestDatabase) {
    let neighbours = Neighbours::new(database).await;
    let (session, all) = (neighbours.world.read().await, PageRequest::default());
    let our_owner = neighbours.ours.owner.member().principal.id;
    for (place, count) in neighbours.both() {
        let scope = &place.scope;
        let found = session
            .environments()
            .find(scope, neighbours.ours.environment)
            .await
            .expect("reads");
        assert_eq!(found.is_some(), count == 1);
        let listed = session
            .environments()
            .list(scope, all)
            .await
            .expect("reads")
            .items;
        let ids: Vec<_> = listed.iter().map(|one| one.id).collect();
        assert_eq!(ids, [place.environment], "one's own");
        let members = session.members().list(scope, all).await.expect("reads").items;
        assert_eq!(members, [place.owner.member().clone()], "one's own");
        let role = session.members().role_of(scope, our_owner).await.expect("reads");
        assert_eq!(role.is_some(), count == 1);
        let workspace = session.workspaces().get(scope).await.expect("reads");
        assert_eq!(workspace.id, scope.workspace_id());
        let events = session.journal().list(scope, all).await.expect("reads").items;
        let own = |event: &tenancy::AuditEvent| event.workspace_id == scope.workspace_id();
        assert!(!events.is_empty() && events.iter().all(own));
    }
}

async fn finders_of_connections_see_nothing_of_another_workspace(database: TestDatabase) {
    let neighbours = Neighbours::new(database).await;
    let (session, all) = (neighbours.world.read().await, PageRequest::default());
    let (id, environment) = (neighbours.connection.id, neighbours.ours.environment);
    let provider = neighbours.connection.target_scope.provider();
    for (place, count) in neighbours.both() {
        let (scope, connections) = (&place.scope, session.connections());
        assert_eq!(
            connections.find(scope, id).await.expect("reads").is_some(),
            count == 1
        );
        assert_eq!(
            connections
                .list(scope, &ConnectionFilter::default(), all)
                .await
                .expect("reads")
                .items
                .len(),
            count
        );
        let of_environment = connections
            .list(scope, &in_environment(environment), all)
            .await
            .expect("reads");
        assert_eq!(of_environment.items.len(), count);
        assert_eq!(
            connections
                .defaults(scope, environment, provider)
                .await
                .expect("reads")
                .len(),
            count
        );
        assert_eq!(
            connections.requirements(scope, id).await.expect("reads").len(),
            count
        );
    }
}

async fn finders_of_runs_see_nothing_of_another_workspace(database: TestDatabase) {
    let neighbours = Neighbours::new(database).await;
    let (session, all) = (neighbours.world.read().await, PageRequest::default());
    let key = neighbours.connection.target_scope.scope_key();
    for (place, count) in neighbours.both() {
        let (scope, runs) = (&place.scope, session.runs());
        assert_eq!(
            runs.find(scope, neighbours.run.id)
                .await
                .expect("reads")
                .is_some(),
            count == 1
        );
        let listed = runs.list(scope, RunFilter::default(), all).await.expect("reads");
        assert_eq!(listed.items.len(), count);
        let filter = RunFilter {
            connection_id: Some(neighbours.connection.id),
            ..RunFilter::default()
        };
        assert_eq!(
            runs.list(scope, filter, all).await.expect("reads").items.len(),
            count
        );
        assert_eq!(
            runs.active_on(scope, &key).await.expect("reads").is_some(),
            count == 1
        );
    }
}

async fn finders_of_inventory_see_nothing_of_another_workspace(database: TestDatabase) {
    let neighbours = Neighbours::new(database).await;
    let (session, all) = (neighbours.world.read().await, PageRequest::default());
    let connection = Some(neighbours.connection.id);
    for (place, count) in neighbours.both() {
        let (scope, inventory) = (&place.scope, session.inventory());
        for connection_id in [None, connection] {
            let filter = ItemFilter {
                connection_id,
                kind: None,
            };
            assert_eq!(
                inventory
                    .items(scope, filter, all)
                    .await
                    .expect("reads")
                    .items
                    .len(),
                count
            );
            let snapshots = inventory
                .snapshots(scope, connection_id, all)
                .await
                .expect("reads");
            assert_eq!(snapshots.items.len(), count);
        }
        let found = inventory
            .snapshot(scope, neighbours.snapshot.id)
            .await
            .expect("reads");
        assert_eq!(found.is_some(), count == 1);
    }
}

async fn finders_of_calls_see_nothing_of_another_workspace(database: TestDatabase) {
    let neighbours = Neighbours::new(database).await;
    let Neighbours {
        world,
        ours,
        theirs,
        connection,
        run,
        ..
    } = &neighbours;
    let claimed = world.claim_one().await;
    assert_eq!(world.save_point(&claimed.lease, "ours").await, Fence::Held);
    world.add_calls(ours, connection.id, run.id, &paused(world)).await;
    let (session, all) = (world.read().await, PageRequest::default());
    for (place, count) in neighbours.both() {
        let (scope, calls) = (&place.scope, session.calls());
        let ledger = calls.throttle_ledger(scope, connection.id).await.expect("reads");
        assert_eq!(ledger.len(), count);
        let log = calls
            .call_attempts(scope, connection.id, all)
            .await
            .expect("reads");
        assert_eq!(log.items.len(), count);
        let pauses = calls.open_pauses(scope, connection.id).await.expect("reads");
        assert_eq!(pauses.len(), count);
        assert_eq!(world.point_now(place, run.id).await.is_some(), count == 1);
    }
    let mut unit = world.begin().await;
    let stray = unit
        .calls()
        .add_calls(&theirs.scope, connection.id, run.id, &paused(world))
        .await;
    assert!(stray.is_err(), "the foreign keys keep the rows apart");
}

async fn writers_reach_nothing_of_another_workspace(database: TestDatabase) {
    let neighbours = Neighbours::new(database).await;
    let Neighbours {
        world,
        ours,
        theirs,
        connection,
        run,
        ..
    } = &neighbours;
    let before = (world.journal_entries().await, world.found(ours, connection).await);
    let stored = world
        .put_credential(theirs, connection, world.credential("stolen"))
        .await;
    assert_eq!(stored, StoredCredential::VersionMismatch);
    let end = run
        .end_because(RunOutcome::Canceled, ReasonCode::RunCanceled)
        .expect("active");
    assert!(!world.end_queued(theirs, run.id, &end).await);
    assert!(!world.request_cancel(theirs, run.id).await);
    assert_eq!(
        neighbours.observe(theirs).await.expect("answers"),
        Recorded::Outdated,
        "there is no such connection there"
    );

    assert_eq!(
        (world.journal_entries().await, world.found(ours, connection).await),
        before
    );
    assert_eq!(world.run_now(ours, run.id).await, *run, "nothing changed");
}

/// Whatever a caller mixes up, the foreign keys of the schema keep the rows apart.
async fn rows_cannot_lead_to_another_workspace(database: TestDatabase) {
    let neighbours = Neighbours::new(database).await;
    let Neighbours {
        world,
        ours,
        theirs,
        connection,
        run,
        ..
    } = &neighbours;
    let before = world.journal_entries().await;
    let (scope, change) = (&theirs.scope, world.change(&theirs.scope));

    let stray = ProviderConnection {
        environment_id: ours.environment,
        ..world.connection(theirs, "site-2")
    };
    let mut unit = world.begin().await;
    assert!(
        unit.connections()
            .insert(scope, &stray, None, &change)
            .await
            .is_err(),
        "an environment"
    );
    drop(unit);
    let stray = world.run(theirs, connection, "stray");
    let mut unit = world.begin().await;
    assert!(
        unit.runs().insert(scope, &stray, &change).await.is_err(),
        "a connection"
    );
    drop(unit);
    let stored = world
        .upsert(theirs, connection.id, (run.id, world.now), &[item("1", 1)])
        .await;
    assert!(stored.is_err(), "a connection and a run");
    let mut unit = world.begin().await;
    let stored = unit
        .inventory()
        .insert_snapshot(scope, &neighbours.snapshot)
        .await;
    assert!(stored.is_err(), "a snapshot");
    drop(unit);
    assert_eq!(world.journal_entries().await, before);
}

async fn the_vault_opens_nothing_of_another_workspace(database: TestDatabase) {
    let neighbours = Neighbours::new(database).await;
    let vault = neighbours.world.store.vault();
    assert!(
        vault
            .open(&neighbours.ours.scope, &neighbours.connection)
            .await
            .is_ok()
    );
    let refused = vault.open(&neighbours.theirs.scope, &neighbours.connection).await;
    assert!(matches!(refused, Err(VaultError::Missing)));
}

fn in_environment(environment: EnvironmentId) -> ConnectionFilter {
    ConnectionFilter {
        environment_id: Some(environment),
        ..ConnectionFilter::default()
    }
}
