//! Observed items: created, updated, unchanged, and a version that grows with content alone.

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use inventory::{
    ComplianceSnapshot, ControlResult, ItemFilter, ItemKind, ObservedItem, StoredItem, UpsertCounts,
};
use kernel::{PageLimit, PageRequest, Timestamp};
use provider_core::{ConnectionId, ReasonCode, RunId};

use super::world::{Place, World, fresh, item};

on_both_engines!(
    items_are_created_updated_or_unchanged,
    a_version_grows_with_content_alone,
    a_thing_that_comes_twice_in_a_page_is_one_thing,
    a_thing_that_comes_twice_in_a_large_page_is_one_thing,
    kinds_and_connections_keep_things_apart,
    a_large_page_is_stored_whole,
    a_snapshot_comes_back_as_it_was,
);

/// A place with a connection and two runs that can have seen things.
struct Target {
    world: World,
    place: Place,
    connection: ConnectionId,
    first: RunId,
    second: RunId,
}

impl Target {
    async fn new(database: TestDatabase) -> Self {
        let world = World::new(database).await;
        let place = world.place().await;
        let connection = world.connected(&place, "site-1", "secret").await;
        let first = world.queued(&place, &connection, "one").await.id;
        let second = world.queued(&place, &connection, "two").await.id;
        Self {
            world,
            place,
            connection: connection.id,
            first,
            second,
        }
    }

    async fn upsert(&self, run: RunId, at: Timestamp, items: &[ObservedItem]) -> UpsertCounts {
        self.world
            .upsert(&self.place, self.connection, (run, at), items)
            .await
            .expect("stores")
    }

    async fn items(&self, filter: ItemFilter) -> Vec<StoredItem> {
        let page = PageRequest {
            limit: PageLimit::new(200).expect("in range"),
            after: None,
        };
        let session = self.world.read().await;
        let mut items = session
            .inventory()
            .items(&self.place.scope, filter, page)
            .await
            .expect("reads")
            .items;
        items.sort_by(|one, other| one.item.external_id.cmp(&other.item.external_id));
        items
    }
}

const fn counts(created: u64, updated: u64, unchanged: u64) -> UpsertCounts {
    UpsertCounts {
        created,
        updated,
        unchanged,
    }
}

async fn items_are_created_updated_or_unchanged(database: TestDatabase) {
    let target = Target::new(database).await;
    let now = target.world.now;
    assert_eq!(target.upsert(target.first, now, &[]).await, counts(0, 0, 0));
    let seen = [item("a", 1), item("b", 1)];
    assert_eq!(target.upsert(target.first, now, &seen).await, counts(2, 0, 0));
    // Seen again by the same run, as when it is taken again after a wait: nothing counts twice.
    assert_eq!(target.upsert(target.first, now, &seen).await, counts(2, 0, 0));
    let seen = [item("a", 1), item("b", 2), item("c", 1)];
    assert_eq!(target.upsert(target.second, now, &seen).await, counts(1, 1, 1));
    assert_eq!(target.upsert(target.second, now, &seen).await, counts(1, 1, 1));
    let stored: Vec<_> = target
        .items(ItemFilter::default())
        .await
        .into_iter()
        .map(|stored| stored.item)
        .collect();
    assert_eq!(stored, seen);
}

async fn a_version_grows_with_content_alone(database: TestDatabase) {
    let target = Target::new(database).await;
    let (first, later) = (target.world.now, target.world.now + TimeDelta::hours(1));
    let mut renamed = item("a", 2);
    renamed.display_name.push_str(", renamed");
    let steps = [
        (first, target.first, item("a", 1), 1),
        (later, target.second, item("a", 1), 1),
        (later, target.second, item("a", 2), 2),
        (later, target.second, item("a", 2), 2),
        (later, target.second, renamed, 3),
        (later, target.first, item("a", 1), 4),
    ];
    for (at, run, observed, version) in steps {
        target.upsert(run, at, std::slice::from_ref(&observed)).await;
        let expected = StoredItem {
            connection_id: target.connection,
            item: observed,
            version,
            first_seen_at: first,
            last_seen_at: at,
            last_seen_run_id: run,
        };
        assert_eq!(target.items(ItemFilter::default()).await, [expected]);
    }
}

async fn a_thing_that_comes_twice_in_a_page_is_one_thing(database: TestDatabase) {
    let target = Target::new(database).await;
    let seen = [item("a", 1), item("b", 1), item("a", 2)];
    assert_eq!(
        target.upsert(target.first, target.world.now, &seen).await,
        counts(2, 0, 0)
    );
    let stored: Vec<_> = target
        .items(ItemFilter::default())
        .await
        .into_iter()
        .map(|stored| (stored.item, stored.version))
        .collect();
    assert_eq!(
        stored,
        [(item("a", 2), 1), (item("b", 1), 1)],
        "the last one counts"
    );
}

async fn a_thing_that_comes_twice_in_a_large_page_is_one_thing(database: TestDatabase) {
    let target = Target::new(database).await;
    let mut seen: Vec<_> = (0..450).map(|number| item(&format!("{number:04}"), 1)).collect();
    seen.push(item("0000", 2));
    let counted = target.upsert(target.first, target.world.now, &seen).await;
    assert_eq!(counted.created, 450, "however far apart: {counted:?}");
    assert_eq!(
        target.items(ItemFilter::default()).await[0].item,
        item("0000", 2),
        "the last one counts"
    );
}

async fn kinds_and_connections_keep_things_apart(database: TestDatabase) {
    let target = Target::new(database).await;
    let world = &target.world;
    let other = world.connected(&target.place, "site-2", "secret").await;
    let user = ObservedItem {
        kind: ItemKind::User,
        ..item("a", 1)
    };
    let seen = [item("a", 1), user.clone()];
    assert_eq!(
        target.upsert(target.first, world.now, &seen).await,
        counts(2, 0, 0),
        "one id, two kinds"
    );
    let there = world
        .upsert(
            &target.place,
            other.id,
            (target.first, world.now),
            &[item("a", 9)],
        )
        .await;
    assert_eq!(there.expect("stores"), counts(1, 0, 0), "one id, two connections");
    let filter = ItemFilter {
        connection_id: Some(target.connection),
        kind: Some(ItemKind::User),
    };
    let users: Vec<_> = target
        .items(filter)
        .await
        .into_iter()
        .map(|stored| stored.item)
        .collect();
    assert_eq!(users, [user]);
    let filter = ItemFilter {
        connection_id: Some(other.id),
        kind: None,
    };
    assert_eq!(target.items(filter).await.len(), 1);
    assert_eq!(target.items(ItemFilter::default()).await.len(), 3);
}

async fn a_large_page_is_stored_whole(database: TestDatabase) {
    let target = Target::new(database).await;
    let seen: Vec<_> = (0..999).map(|number| item(&format!("{number:04}"), 1)).collect();
    assert_eq!(
        target.upsert(target.first, target.world.now, &seen).await,
        counts(999, 0, 0)
    );
    assert_eq!(
        target.upsert(target.second, target.world.now, &seen).await,
        counts(0, 0, 999)
    );
    assert_eq!(
        target
            .world
            .database
            .number("SELECT count(*) FROM inventory_items")
            .await,
        999
    );
}

async fn a_snapshot_comes_back_as_it_was(database: TestDatabase) {
    let target = Target::new(database).await;
    let snapshot = ComplianceSnapshot {
        id: fresh(),
        connection_id: target.connection,
        run_id: target.first,
        taken_at: target.world.now,
        controls: vec![
            ControlResult::counted("devices.compliant", "Devices comply", 10, 7),
            ControlResult::not_assessed(
                "access.policies",
                "Access policies",
                ReasonCode::ProviderNotProvisioned,
            ),
        ],
    };
    let mut unit = target.world.begin().await;
    unit.inventory()
        .insert_snapshot(&target.place.scope, &snapshot)
        .await
        .expect("stores");
    unit.commit().await.expect("commits");
    let session = target.world.read().await;
    let found = session
        .inventory()
        .snapshot(&target.place.scope, snapshot.id)
        .await
        .expect("reads");
    assert_eq!(found, Some(snapshot));
}
