//! Exactly one word about the end of a run: whoever numbers the event writes it, in that transaction, and an index
//! has the last word.

use futures::future::join_all;
use integration_tests::{TestDatabase, on_both_engines};
use tenancy::EventPublisher as _;

use super::kit::Scene;

on_both_engines!(
    publishers_at_the_same_time_tell_of_each_end_once,
    an_end_that_comes_twice_is_told_of_once,
    numbers_and_words_come_together_or_not_at_all,
);

const NOTIFICATIONS: &str = "SELECT count(*) FROM notifications";

async fn ended(scene: &Scene, runs: usize) {
    for _ in 0..runs {
        scene
            .home
            .start(&scene.app.client("owner"), "provider.connection.check")
            .await;
        scene.app.drain().await;
    }
}

async fn publishers_at_the_same_time_tell_of_each_end_once(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    let other = scene.app.database.open().await;
    let publish = async {
        for _ in 0..60 {
            let both = [&scene.app.program.database, &other];
            join_all(both.map(|handle| async { handle.publish().await.expect("publishes") })).await;
        }
    };
    futures::join!(ended(&scene, 6), publish);
    scene.app.settle().await;
    assert_eq!(scene.app.database.number(NOTIFICATIONS).await, 6);
    other.close().await.expect("closes");
    scene.stop().await;
}

async fn an_end_that_comes_twice_is_told_of_once(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    ended(&scene, 1).await;
    scene.app.settle().await;
    let id = match scene.app.database.engine {
        integration_tests::Engine::Sqlite => "randomblob(16)",
        integration_tests::Engine::Postgres => "gen_random_uuid()",
    };
    // Two more in one batch, and later one more.
    for copies in [2, 1] {
        let again = format!(
            "INSERT INTO outbox_events (workspace_id, id, kind, subject_kind, subject_id, payload, created_at)
            SELECT workspace_id, {id}, kind, subject_kind, subject_id, payload, created_at FROM (
                SELECT * FROM outbox_events WHERE kind = 'operation.completed' ORDER BY sequence LIMIT 1) AS ended,
                (SELECT id AS other FROM outbox_events LIMIT {copies}) AS times"
        );
        assert_eq!(scene.app.database.tamper(&again).await, copies);
        scene.app.settle().await;
        assert_eq!(scene.app.database.number(NOTIFICATIONS).await, 1);
    }
    scene.stop().await;
}

/// Something goes wrong after the word was written and before the numbers are: neither is there, and the next
/// try brings both.
async fn numbers_and_words_come_together_or_not_at_all(database: TestDatabase) {
    let scene = Scene::begin(database).await;
    // The stream's row cannot move for a while: the last statement before the commit fails.
    let numbered = "SELECT count(*) FROM outbox_events WHERE sequence IS NOT NULL";
    let before = scene.app.database.number(numbered).await;
    let (make, drop): (&[&str], &[&str]) = match scene.app.database.engine {
        integration_tests::Engine::Sqlite => (
            &[
                "CREATE TRIGGER broken BEFORE UPDATE ON event_streams BEGIN SELECT RAISE(ABORT, 'broken'); END",
            ],
            &["DROP TRIGGER broken"],
        ),
        integration_tests::Engine::Postgres => (
            &[
                "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$",
                "CREATE TRIGGER broken BEFORE UPDATE ON event_streams FOR EACH ROW EXECUTE FUNCTION broken()",
            ],
            &["DROP TRIGGER broken ON event_streams"],
        ),
    };
    for sql in make {
        scene.app.database.tamper(sql).await;
    }
    ended(&scene, 1).await;
    // On PostgreSQL somebody else may be at it at that moment: then it finds nothing to do.
    while scene.app.program.database.publish().await.is_ok() {}
    assert_eq!(scene.app.database.number(numbered).await, before);
    assert_eq!(
        scene.app.database.number(NOTIFICATIONS).await,
        0,
        "no word without a number"
    );
    for sql in drop {
        scene.app.database.tamper(sql).await;
    }
    scene.app.settle().await;
    assert_eq!(scene.app.database.number(NOTIFICATIONS).await, 1);
    scene.stop().await;
}

/// Whoever filters by type has to know the types.
#[test]
fn every_type_is_documented() {
    let page = include_str!("../../../docs/events.md");
    for action in tenancy::AuditAction::ALL {
        let row = format!("| `{}` |", action.as_str());
        assert!(page.contains(&row), "{row}");
        if action.ends_a_run() {
            let (_, ends) = page.split_once("### How a run ends").expect("a table");
            let (ends, _) = ends.split_once("\n#").expect("its end");
            assert!(ends.contains(&row), "{row} ends a run");
        }
    }
}
