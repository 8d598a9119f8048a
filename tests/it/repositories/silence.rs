//! A server that falls silent: what is on its way to it is given up after a while, within a transaction too.

use std::time::Duration;

use integration_tests::{Engine, TestDatabase, chaos::link::Link, database::run};
use kernel::StoreError;

use super::world::{World, environment};

/// How long one statement may go unanswered here.
const PATIENCE: Duration = Duration::from_secs(3);
/// Without a limit the answer would be waited for for ever.
const FOR_EVER: Duration = Duration::from_mins(1);

#[test]
fn a_statement_that_is_not_answered_is_given_up() {
    run(Engine::Postgres, |database| given_up(database, false));
}

#[test]
fn a_commit_that_is_not_answered_is_given_up() {
    run(Engine::Postgres, |database| given_up(database, true));
}

async fn given_up(mut database: TestDatabase, committing: bool) {
    let link = Link::to(&database.url).await;
    let (_, name) = database.url.rsplit_once('/').expect("a database");
    database.url = format!("postgres://postgres@127.0.0.1:{}/{name}", link.port);
    let mut world = World::new(database).await;
    let place = world.place().await;
    world.store.give_up_after(PATIENCE);
    let another = environment(&place, "another", world.now);
    let change = world.change(&place.scope);
    let mut unit = world.begin().await;
    let outcome = tokio::time::timeout(FOR_EVER, async {
        if !committing {
            link.lose();
        }
        let written = unit.environments().insert(&place.scope, &another, &change).await;
        if committing {
            written.expect("writes");
            link.lose();
            return unit.commit().await;
        }
        let over = unit.commit().await;
        assert!(over.is_err(), "nothing is committed over it: {over:?}");
        written.map(drop)
    });
    let outcome = outcome.await.expect("is given up");
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
}
