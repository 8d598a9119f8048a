//! The ledger and the log: batches add up, whatever their order and however many come at once, a
//! refused batch leaves nothing behind, and the log keeps its newest.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{PageLimit, PageRequest};
use operations::RunQueue as _;
use provider_core::{
    CallBatch, CallOutcome, CallRecord, CallTotals, ConnectionId, Pause, ProviderConnection, ReasonCode,
    RunId, ThrottleLedgerRow,
};

use super::world::{Place, World};

on_both_engines!(
    batches_add_up_in_any_order,
    batches_that_come_at_once_are_all_counted,
    a_refused_batch_leaves_the_transaction_usable,
    a_batch_that_is_not_committed_does_not_count,
    pauses_are_known_while_they_last_to_all_connections_of_a_target,
    another_identity_is_not_paused_for_the_old_one,
    the_log_is_paged_newest_first_and_pruned,
    totals_add_up_over_workspaces,
);

/// A call of `limit` that was over `seconds` after the world began.
fn call(world: &World, limit: &'static str, seconds: i64, outcome: CallOutcome) -> CallRecord {
    let at = at(world, seconds);
    let throttled = outcome == CallOutcome::Throttled;
    CallRecord {
        at,
        call: "things.list",
        limit,
        attempt: 1,
        outcome,
        status: None,
        code: None,
        request_id: None,
        trace_id: None,
        correlation_id: None,
        took: Duration::from_millis(2),
        lost: Duration::from_secs(if throttled { 30 } else { 0 }),
        paused_until: throttled.then_some(at + TimeDelta::seconds(30)),
    }
}

/// A moment as the databases keep it.
fn at(world: &World, seconds: i64) -> kernel::Timestamp {
    let micros = world.now.timestamp_micros() + seconds * 1_000_000;
    kernel::Timestamp::from_timestamp_micros(micros).expect("in range")
}

fn batch(calls: impl IntoIterator<Item = CallRecord>) -> CallBatch {
    let mut batch = CallBatch::default();
    for call in calls {
        batch.push(call);
    }
    batch
}

/// A batch with one call that closes a limit for some time.
pub(super) fn paused(world: &World) -> CallBatch {
    batch([call(world, "reads", 600, CallOutcome::Throttled)])
}

impl World {
    pub(super) async fn add_calls(
        &self,
        place: &Place,
        connection: ConnectionId,
        run: RunId,
        batch: &CallBatch,
    ) {
        let mut unit = self.begin().await;
        let added = unit.calls().add_calls(&place.scope, connection, run, batch).await;
        added.expect("adds");
        unit.commit().await.expect("commits");
    }

    async fn ledger(&self, place: &Place, connection: ConnectionId) -> Vec<ThrottleLedgerRow> {
        let session = self.read().await;
        let ledger = session.calls().throttle_ledger(&place.scope, connection).await;
        ledger.expect("reads")
    }

    async fn pauses(&self, place: &Place, connection: ConnectionId) -> Vec<Pause> {
        let session = self.read().await;
        let pauses = session.calls().open_pauses(&place.scope, connection).await;
        pauses.expect("reads")
    }
}

async fn started(world: &World) -> (Place, ConnectionId, RunId) {
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world
        .queued(&place, &connection, &connection.target_scope.scope_key())
        .await;
    (place, connection.id, run.id)
}

async fn batches_add_up_in_any_order(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, connection, run) = started(&world).await;
    let failed = CallOutcome::Failed(ReasonCode::ProviderUnavailable);
    let later = batch([
        call(&world, "reads", 10, CallOutcome::Throttled),
        call(&world, "reads", 60, CallOutcome::Answered),
        call(&world, "sign-in", 5, CallOutcome::Answered),
    ]);
    let earlier = batch([
        call(&world, "reads", 0, CallOutcome::Throttled),
        call(&world, "reads", 1, failed),
    ]);
    world.add_calls(&place, connection, run, &later).await;
    world.add_calls(&place, connection, run, &earlier).await;
    let expected = [
        ThrottleLedgerRow {
            limit: "reads".to_owned(),
            attempts: 4,
            throttled: 2,
            failed: 1,
            lost: Duration::from_mins(1),
            last_throttled_at: Some(at(&world, 10)),
            paused_until: Some(at(&world, 40)),
            updated_at: at(&world, 60),
        },
        ThrottleLedgerRow {
            limit: "sign-in".to_owned(),
            attempts: 1,
            throttled: 0,
            failed: 0,
            lost: Duration::ZERO,
            last_throttled_at: None,
            paused_until: None,
            updated_at: at(&world, 5),
        },
    ];
    assert_eq!(world.ledger(&place, connection).await, expected);
    world
        .add_calls(&place, connection, run, &CallBatch::default())
        .await;
    assert_eq!(world.ledger(&place, connection).await, expected);
}

/// Each names both limits, told in another order: nobody waits in a circle.
async fn batches_that_come_at_once_are_all_counted(database: TestDatabase) {
    let world = Arc::new(World::new(database).await);
    let (place, connection, run) = started(&world).await;
    let tasks: Vec<_> = (0..12)
        .map(|number| {
            let (world, place) = (Arc::clone(&world), place.clone());
            let order = if number % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
            tokio::spawn(async move {
                let calls = order.map(|limit| call(&world, limit, number, CallOutcome::Throttled));
                world.add_calls(&place, connection, run, &batch(calls)).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("joins");
    }
    for row in world.ledger(&place, connection).await {
        assert_eq!(
            (row.attempts, row.throttled, row.lost),
            (12, 12, Duration::from_mins(6))
        );
    }
}

async fn a_refused_batch_leaves_the_transaction_usable(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, connection, run) = started(&world).await;
    let claimed = world.claim_one().await;
    world
        .database
        .tamper("ALTER TABLE call_attempts RENAME TO hidden_attempts")
        .await;
    let mut unit = world.begin().await;
    let refused = unit
        .calls()
        .add_calls(&place.scope, connection, run, &paused(&world))
        .await;
    assert!(refused.is_err());
    let fence = unit.attempts().confirm(&claimed.lease).await.expect("answers");
    assert_eq!(fence, operations::Fence::Held);
    unit.commit().await.expect("commits");
    assert_eq!(world.ledger(&place, connection).await, [], "all of it or nothing");
    world
        .database
        .tamper("ALTER TABLE hidden_attempts RENAME TO call_attempts")
        .await;
    world.add_calls(&place, connection, run, &paused(&world)).await;
    assert_eq!(world.ledger(&place, connection).await.len(), 1);
}

async fn a_batch_that_is_not_committed_does_not_count(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, connection, run) = started(&world).await;
    let mut unit = world.begin().await;
    let added = unit
        .calls()
        .add_calls(&place.scope, connection, run, &paused(&world))
        .await;
    added.expect("adds");
    drop(unit);
    assert_eq!(world.ledger(&place, connection).await, []);
}

async fn pauses_are_known_while_they_last_to_all_connections_of_a_target(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, connection, run) = started(&world).await;
    let mut twin_place = place.clone();
    let second = super::world::environment(&place, "staging", world.now);
    world.insert_environment(&place, &second).await;
    twin_place.environment = second.id;
    let twin = world.connected(&twin_place, "site-1", "secret").await;
    let other = world.connected(&place, "site-2", "secret").await;
    let stranger = world.place().await;
    let strange = world.connected(&stranger, "site-1", "secret").await;
    let told = [
        call(&world, "reads", 600, CallOutcome::Throttled),
        call(&world, "over", -60, CallOutcome::Throttled),
        call(&world, "quiet", 600, CallOutcome::Answered),
    ];
    world.add_calls(&place, connection, run, &batch(told)).await;
    let longer = batch([call(&world, "reads", 900, CallOutcome::Throttled)]);
    world.add_calls(&place, twin.id, run, &longer).await;
    let expected = [Pause {
        limit: "reads".to_owned(),
        until: at(&world, 930),
    }];
    assert_eq!(world.pauses(&place, connection).await, expected);
    assert_eq!(world.pauses(&place, twin.id).await, expected);
    assert_eq!(world.pauses(&place, other.id).await, [], "another target");
    assert_eq!(world.pauses(&stranger, strange.id).await, [], "another workspace");
}

async fn another_identity_is_not_paused_for_the_old_one(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, connection, run) = started(&world).await;
    world.add_calls(&place, connection, run, &paused(&world)).await;
    assert_eq!(world.pauses(&place, connection).await.len(), 1);
    let session = world.read().await;
    let known = session.connections().find(&place.scope, connection).await;
    let known = known.expect("reads").expect("is there");
    let changed = ProviderConnection {
        target_scope: world.connection(&place, "site-9").target_scope,
        ..known.clone()
    };
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let done = unit
        .connections()
        .retarget(&place.scope, &known, &changed, None, &change)
        .await;
    assert_eq!(done.expect("answers"), provider_core::Retargeted::Done);
    unit.commit().await.expect("commits");
    assert_eq!(world.pauses(&place, connection).await, []);
    let ledger = world.ledger(&place, connection).await;
    assert_eq!(
        ledger.first().map(|row| row.attempts),
        Some(1),
        "counters do not fall"
    );
    let log = "SELECT count(*) FROM call_attempts";
    assert_eq!(world.database.number(log).await, 0, "it is about the old target");

    // The worker of a run that was ended by force tells what it knows, late.
    world.add_calls(&place, connection, run, &paused(&world)).await;
    assert_eq!(
        world.pauses(&place, connection).await,
        [],
        "it was told elsewhere"
    );
    assert_eq!(world.database.number(log).await, 0);
    let ledger = world.ledger(&place, connection).await;
    assert_eq!(
        ledger.first().map(|row| row.attempts),
        Some(2),
        "a call that was made was made"
    );
}

async fn the_log_is_paged_newest_first_and_pruned(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, connection, run) = started(&world).await;
    let other = world.connected(&place, "site-2", "secret").await;
    let its_run = world
        .queued(&place, &other, &other.target_scope.scope_key())
        .await;
    world
        .add_calls(&place, other.id, its_run.id, &paused(&world))
        .await;
    // Told out of order, and more than are kept.
    for first in [100, 0, 200] {
        let calls = (first..first + 100).map(|second| call(&world, "reads", second, CallOutcome::Throttled));
        world.add_calls(&place, connection, run, &batch(calls)).await;
    }
    let mut seen = Vec::new();
    let mut request = PageRequest {
        limit: PageLimit::new(70).expect("in range"),
        after: None,
    };
    loop {
        let session = world.read().await;
        let page = session
            .calls()
            .call_attempts(&place.scope, connection, request)
            .await;
        let page = page.expect("reads");
        seen.extend(page.items.into_iter().map(|attempt| attempt.at));
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    let kept: Vec<_> = (100..300).rev().map(|second| at(&world, second)).collect();
    assert_eq!(seen, kept);
    let ledger = world.ledger(&place, connection).await;
    assert_eq!(ledger.first().map(|row| row.attempts), Some(300));
    let of_other = "SELECT count(*) FROM call_attempts";
    assert_eq!(
        world.database.number(of_other).await,
        201,
        "each connection has its own"
    );
}

async fn totals_add_up_over_workspaces(database: TestDatabase) {
    let world = World::new(database).await;
    assert_eq!(world.store.queue().call_totals().await.expect("reads"), []);
    for seconds in [600, -600] {
        let (place, connection, run) = started(&world).await;
        let calls = [
            call(&world, "reads", seconds, CallOutcome::Throttled),
            call(&world, "reads", seconds, CallOutcome::Answered),
            call(
                &world,
                "reads",
                seconds,
                CallOutcome::Failed(ReasonCode::ProviderUnavailable),
            ),
        ];
        world.add_calls(&place, connection, run, &batch(calls)).await;
    }
    let expected = [CallTotals {
        limit: "reads".to_owned(),
        attempts: 6,
        throttled: 2,
        failed: 2,
        lost: Duration::from_mins(1),
        paused_connections: 1,
    }];
    assert_eq!(world.store.queue().call_totals().await.expect("reads"), expected);
}
