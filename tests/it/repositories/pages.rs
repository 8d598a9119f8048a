//! Lists: read page by page over items of one moment, each item comes exactly once and in order.

use std::future::Future;

use integration_tests::{TestDatabase, on_both_engines};
use inventory::{ComplianceSnapshot, ItemFilter};
use kernel::{Page, PageLimit, PageRequest, StoreError};
use operations::RunFilter;
use provider_core::ConnectionFilter;
use tenancy::{Role, Slug};
use uuid::Uuid;

use super::world::{World, environment, fresh, item};

/// How many items each list holds: not a multiple of the page.
const ITEMS: usize = 10;

on_both_engines!(
    workspaces_environments_and_members_are_paged,
    connections_and_runs_are_paged,
    items_and_snapshots_are_paged,
    the_audit_log_is_paged_newest_first,
    a_page_of_exactly_the_rest_is_the_last_one,
    later_items_come_after_earlier_ones,
);

async fn workspaces_environments_and_members_are_paged(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    let key = &place.owner.member().principal.key;
    for number in 1..ITEMS {
        let mut founder = world.member("x", Role::Owner);
        founder.principal = place.owner.member().principal.clone();
        world
            .insert_workspace(&world.workspace(&format!("page-{number}")), founder)
            .await;
        let member = world.member(&format!("member-{number}"), Role::Readonly);
        world.add_member(&place, &member).await;
    }
    for number in 0..ITEMS {
        world
            .insert_environment(&place, &environment(&place, &format!("page-{number}"), world.now))
            .await;
    }
    let session = world.read().await;
    let (workspaces, members, environments) =
        (session.workspaces(), session.members(), session.environments());
    let pages = all(|page| workspaces.of_principal(key, page), |one| one.id.as_uuid()).await;
    assert_complete(&pages, true);
    let pages = all(|page| members.list(&place.scope, page), |one| one.id.as_uuid()).await;
    assert_complete(&pages, true);
    let pages = all(
        |page| environments.list(&place.scope, page),
        |one| one.id.as_uuid(),
    )
    .await;
    assert_complete(&pages, true);
}

async fn connections_and_runs_are_paged(database: TestDatabase) {
    let world = World::new(database).await;
    let (place, other) = (world.place().await, world.place().await);
    for number in 0..ITEMS {
        let connection = world.connected(&place, &format!("site-{number}"), "secret").await;
        world.queued(&place, &connection, &format!("key-{number}")).await;
    }
    let elsewhere = world.connected(&other, "site-0", "secret").await;
    world.queued(&other, &elsewhere, "key-0").await;
    let session = world.read().await;
    let (connections, runs) = (session.connections(), session.runs());
    let everywhere = ConnectionFilter::default();
    let pages = all(
        |page| connections.list(&place.scope, &everywhere, page),
        |one| one.id.as_uuid(),
    )
    .await;
    assert_complete(&pages, true);
    let filter = ConnectionFilter {
        environment_id: Some(place.environment),
        ..ConnectionFilter::default()
    };
    let pages = all(
        |page| connections.list(&place.scope, &filter, page),
        |one| one.id.as_uuid(),
    )
    .await;
    assert_complete(&pages, true);
    let pages = all(
        |page| runs.list(&place.scope, RunFilter::default(), page),
        |one| one.id.as_uuid(),
    )
    .await;
    assert_complete(&pages, false);
    let filter = RunFilter {
        environment_id: Some(place.environment),
        ..RunFilter::default()
    };
    let pages = all(
        |page| runs.list(&place.scope, filter, page),
        |one| one.id.as_uuid(),
    )
    .await;
    assert_complete(&pages, false);
}

async fn items_and_snapshots_are_paged(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let run = world.queued(&place, &connection, "key").await;
    let items: Vec<_> = (0..10).map(|number| item(&number.to_string(), 1)).collect();
    let mut unit = world.begin().await;
    let mut store = unit.inventory();
    store
        .upsert(&place.scope, connection.id, run.id, world.now, &items)
        .await
        .expect("stores");
    for _ in 0..ITEMS {
        let snapshot = ComplianceSnapshot {
            id: fresh(),
            connection_id: connection.id,
            run_id: run.id,
            taken_at: world.now,
            controls: Vec::new(),
        };
        store
            .insert_snapshot(&place.scope, &snapshot)
            .await
            .expect("stores");
    }
    drop(store);
    unit.commit().await.expect("commits");
    let session = world.read().await;
    let lookup = session.inventory();
    let external = |id: &str| Uuid::from_u128(id.parse().expect("a number"));
    let filter = ItemFilter::default();
    let pages = all(
        |page| lookup.items(&place.scope, filter, page),
        |one| external(&one.item.external_id),
    )
    .await;
    let mut numbers = pages.concat();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!((numbers.len(), pages.len()), (ITEMS, 4), "{pages:?}");
    let pages = all(
        |page| lookup.snapshots(&place.scope, Some(connection.id), page),
        |one| one.id.as_uuid(),
    )
    .await;
    assert_complete(&pages, false);
}

async fn the_audit_log_is_paged_newest_first(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    for number in 1..ITEMS {
        world
            .insert_environment(&place, &environment(&place, &format!("page-{number}"), world.now))
            .await;
    }
    let session = world.read().await;
    let journal = session.journal();
    let pages = all(|page| journal.list(&place.scope, page), |one| one.id.as_uuid()).await;
    assert_complete(&pages, false);
}

async fn a_page_of_exactly_the_rest_is_the_last_one(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    for number in 0..3 {
        world
            .insert_environment(&place, &environment(&place, &format!("page-{number}"), world.now))
            .await;
    }
    let session = world.read().await;
    let page = session
        .environments()
        .list(&place.scope, limited())
        .await
        .expect("reads");
    assert_eq!((page.items.len(), page.next), (3, None), "no empty page follows");
}

async fn later_items_come_after_earlier_ones(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    // The later ones have the smaller ids: time decides before the id does.
    let mut made: Vec<_> = (0..ITEMS)
        .map(|number| environment(&place, &format!("page-{number}"), world.now))
        .collect();
    for (environment, minutes) in made.iter_mut().rev().zip(0_i64..) {
        environment.created_at = world.now + chrono::TimeDelta::minutes(minutes / 2);
        environment.slug = Slug::new(&format!("slug-{minutes}")).expect("a slug");
    }
    for environment in &made {
        world.insert_environment(&place, environment).await;
    }
    made.sort_by_key(|environment| (environment.created_at, environment.id));
    let session = world.read().await;
    let environments = session.environments();
    let pages = all(
        |page| environments.list(&place.scope, page),
        |one| one.id.as_uuid(),
    )
    .await;
    let expected: Vec<_> = made.iter().map(|environment| environment.id.as_uuid()).collect();
    assert_eq!(pages.concat(), expected);
}

fn limited() -> PageRequest {
    PageRequest {
        limit: PageLimit::new(3).expect("in range"),
        after: None,
    }
}

/// Reads a list to its end in pages of three.
async fn all<T, F, Fut>(read: F, id: impl Fn(&T) -> Uuid) -> Vec<Vec<Uuid>>
where
    F: Fn(PageRequest) -> Fut,
    Fut: Future<Output = Result<Page<T>, StoreError>>,
{
    let mut request = limited();
    let mut pages = Vec::new();
    loop {
        let page = read(request).await.expect("reads");
        pages.push(page.items.iter().map(&id).collect());
        assert!(pages.len() <= ITEMS, "the list comes to an end");
        match page.next {
            Some(position) => request.after = Some(position),
            None => return pages,
        }
    }
}

/// Ten items in pages of three, each once, in the order of their ids: they are all of one moment.
fn assert_complete(pages: &[Vec<Uuid>], ascending: bool) {
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 3, 3, 1]);
    let read = pages.concat();
    let mut expected = read.clone();
    expected.sort_unstable();
    expected.dedup();
    if !ascending {
        expected.reverse();
    }
    assert_eq!(read, expected);
}
