//! As many environments as one call may name.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use integration_tests::{Engine, TestDatabase, on_both_engines};
use operations::bulk;

use super::{World, accepted, start, wanted};

on_both_engines!(five_hundred_environments_take_few_statements_each);

async fn five_hundred_environments_take_few_statements_each(database: TestDatabase) {
    let mut world = World::new(database).await;
    let statements = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&statements);
    world.store.watch_statements(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let keys: Vec<_> = (0..bulk::MOST_ENVIRONMENTS)
        .map(|number| format!("key-{number:04}"))
        .collect();
    let wanted = wanted(&world, &place, &connection, &keys);
    statements.store(0, Ordering::SeqCst);
    let started = start(&world.store, wanted, &world, &place).await;
    let statements = statements.load(Ordering::SeqCst);
    assert_eq!(started.items.iter().filter_map(accepted).count(), 500);
    // A run and its two journal entries, and the group's; PostgreSQL takes both entries in one.
    let each = match world.database.engine {
        Engine::Sqlite => 3,
        Engine::Postgres => 2,
    };
    assert_eq!(statements, each * 500 + each);
}
