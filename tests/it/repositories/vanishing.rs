//! Holders that are gone between the insert that they refuse and the look at them: a normal outcome,
//! which the gate meets by trying again, and not for ever. Everything happens in the real store;
//! what stands around it ends the holder at the moment that matters.

use std::time::Duration;

use async_trait::async_trait;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{Page, PageRequest, StoreError};
use operations::{
    Completion, GateError, InsertedRun, OperationRun, RunFilter, RunLookup, RunOutcome, RunRepository,
    StartOutcome, gate,
};
use provider_core::{ConnectionId, ProviderConnection, ReasonCode, RunId};
use tenancy::{Change, WorkspaceScope};

use super::world::{Place, World, fresh};

on_both_engines!(
    a_holder_that_vanishes_once_makes_room,
    a_scope_that_never_settles_is_given_up_after_eight_rounds,
);

/// The store, with holders that come before each insert and are gone before each look.
struct Vanishing<'a> {
    store: Box<dyn RunRepository + 'a>,
    holders: Vec<OperationRun>,
    inserts: u32,
}

#[async_trait]
impl RunLookup for Vanishing<'_> {
    async fn find(&self, scope: &WorkspaceScope, id: RunId) -> Result<Option<OperationRun>, StoreError> {
        self.store.find(scope, id).await
    }

    async fn list(
        &self,
        scope: &WorkspaceScope,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<OperationRun>, StoreError> {
        self.store.list(scope, filter, page).await
    }

    async fn active_on(&self, scope: &WorkspaceScope, key: &str) -> Result<Option<OperationRun>, StoreError> {
        let found = self.store.active_on(scope, key).await?;
        // The holder that the insert met is gone by now: it was ended in `insert`.
        assert_eq!(found, None);
        Ok(found)
    }

    async fn active_of(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
    ) -> Result<Option<OperationRun>, StoreError> {
        self.store.active_of(scope, connection).await
    }
}

#[async_trait]
impl RunRepository for Vanishing<'_> {
    async fn insert(
        &mut self,
        scope: &WorkspaceScope,
        run: &OperationRun,
        change: &Change,
    ) -> Result<InsertedRun, StoreError> {
        self.inserts += 1;
        let Some(holder) = self.holders.pop() else {
            return self.store.insert(scope, run, change).await;
        };
        let comes = self.store.insert(scope, &holder, &anew(change)).await?;
        assert_eq!(comes, InsertedRun::Inserted);
        let inserted = self.store.insert(scope, run, change).await?;
        assert_eq!(inserted, InsertedRun::ScopeTaken);
        let end = holder
            .end_because(RunOutcome::Succeeded, ReasonCode::RunCanceled)
            .expect("active");
        let last = anew(change);
        assert!(self.store.end_active(scope, holder.id, &end, &last).await?);
        Ok(inserted)
    }

    async fn insert_blocked(
        &mut self,
        scope: &WorkspaceScope,
        run: &OperationRun,
        change: &Change,
    ) -> Result<(), StoreError> {
        self.store.insert_blocked(scope, run, change).await
    }

    async fn insert_group(
        &mut self,
        scope: &WorkspaceScope,
        group: &OperationRun,
        change: &Change,
    ) -> Result<(), StoreError> {
        self.store.insert_group(scope, group, change).await
    }

    async fn hold_children(
        &mut self,
        scope: &WorkspaceScope,
        group: RunId,
    ) -> Result<Vec<OperationRun>, StoreError> {
        self.store.hold_children(scope, group).await
    }

    async fn end_queued(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.store.end_queued(scope, id, completion, change).await
    }

    async fn end_active(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.store.end_active(scope, id, completion, change).await
    }

    async fn request_cancel(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.store.request_cancel(scope, id, change).await
    }

    async fn force_cancel(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        cool_off: Duration,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.store
            .force_cancel(scope, id, cool_off, completion, change)
            .await
    }

    async fn release(
        &mut self,
        scope: &WorkspaceScope,
        id: RunId,
        waited: Duration,
        completion: &Completion,
        change: &Change,
    ) -> Result<bool, StoreError> {
        self.store.release(scope, id, waited, completion, change).await
    }
}

/// The same entry once more: each line of the journal has an id of its own.
fn anew(change: &Change) -> Change {
    Change {
        audit_event_id: fresh(),
        outbox_event_id: fresh(),
        ..change.clone()
    }
}

/// Starts a run on a scope that so many holders come to and leave. Tells what became of it, how often
/// the insert was tried, and whether the run is there after.
async fn start(
    world: &World,
    (place, connection): (&Place, &ProviderConnection),
    holders: usize,
) -> (Result<StartOutcome, GateError>, u32, bool) {
    let entry = world.change(&place.scope);
    let run = world.run(place, connection, "key");
    let mut unit = world.begin().await;
    let mut vanishing = Vanishing {
        holders: (0..holders)
            .map(|_| world.run(place, connection, "key"))
            .collect(),
        store: unit.runs(),
        inserts: 0,
    };
    let id = run.id;
    let outcome = gate::start(&mut vanishing, &place.scope, run, &entry).await;
    let inserts = vanishing.inserts;
    drop(vanishing);
    let there = unit.runs().find(&place.scope, id).await.expect("reads").is_some();
    (outcome, inserts, there)
}

async fn a_holder_that_vanishes_once_makes_room(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    for holders in [0, 1, 7] {
        let (outcome, inserts, there) = start(&world, (&place, &connection), holders).await;
        assert!(matches!(outcome, Ok(StartOutcome::Accepted(_))), "{outcome:?}");
        assert_eq!(inserts as usize, holders + 1);
        assert!(there);
    }
}

async fn a_scope_that_never_settles_is_given_up_after_eight_rounds(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let (outcome, inserts, there) = start(&world, (&place, &connection), 100).await;
    assert!(matches!(outcome, Err(GateError::Unsettled)), "{outcome:?}");
    assert_eq!((inserts, gate::MAX_ROUNDS), (8, 8));
    assert!(!there, "nothing of it stays");
}
