//! The way to PostgreSQL is slow, silent for a while, or breaks. No process is started anew, and when the way is
//! open again everything comes to its end.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use integration_tests::{
    Engine,
    chaos::{
        depth, invariants,
        link::{Link, State},
    },
};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use super::{
    failpoints::{
        after::{checked, is_quiet},
        load::Load,
    },
    limits::promises,
    stage::{Stage, until},
};

/// Acknowledged starts that each state of the network has to see.
const STARTS: usize = 8;
/// Longer than a lease.
const SILENCE: Duration = Duration::from_secs(2);

/// Sessions of the product that wait for somebody's lock.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'tenantatlas' AND wait_event_type = 'Lock'";
/// How long a statement may go unanswered in these tests, in seconds.
const GIVE_UP: u64 = 2;

#[test]
fn connections_die_without_a_word() {
    integration_tests::database::run(Engine::Postgres, |_| async {
        let stage = Stage::new(Engine::Postgres, true)
            .await
            .expect("PostgreSQL is there");
        outlived(stage).await;
    });
}

#[test]
fn the_way_to_postgres_is_bad() {
    integration_tests::database::run(Engine::Postgres, |_| async {
        let stage = Stage::new(Engine::Postgres, true)
            .await
            .expect("PostgreSQL is there");
        endured(stage).await;
    });
}

async fn endured(mut stage: Stage) {
    let link = Link::to(&stage.database.url).await;
    stage.reach_database_by(link.port);
    let mut process = stage.serve();
    let client = stage.client(&process);
    let (load, targets) = (Load::default(), stage.connect(&client).await);
    let faults = async {
        link.set(State::Slow(Duration::from_millis(5)));
        life_goes_on(&load, "slowly").await;
        link.set(State::Open);
        for _ in 0..depth::of_environment().pick(1, 30) {
            link.cut();
            life_goes_on(&load, "after a cut").await;
            link.set(State::Silent);
            silence().await;
            link.set(State::Open);
            life_goes_on(&load, "after a silence").await;
            link.set(State::Silent);
            silence().await;
            link.cut();
            link.set(State::Open);
            life_goes_on(&load, "after a silence that ended in a cut").await;
        }
        load.over.store(true, Ordering::Relaxed);
    };
    tokio::join!(load.call(&client, &targets, depth::seed()), faults);
    let raw = stage.raw().await;
    until("everything is over", async || is_quiet(&raw).await).await;
    assert_eq!(process.ended(), None, "{}", process.said());
    checked(&client, &raw, &targets).await;
    let wrong = promises(&raw, &load).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    process.kill();
    stage.simulator.stop().await;
}

/// As if the server had gone and another one had its address: what is open is never answered again, and what is
/// opened anew is. Statements that were on their way hold locks on the server until it gives up as well.
async fn outlived(mut stage: Stage) {
    let link = Link::to(&stage.database.url).await;
    stage.reach_database_by(link.port);
    stage.set("DATABASE__GIVE_UP_SECONDS", &GIVE_UP.to_string());
    let mut process = stage.serve();
    let client = stage.client(&process);
    let (load, targets) = (Load::default(), stage.connect(&client).await);
    let (raw, locks) = (stage.raw().await, stage.database.raw().await);
    let faults = async {
        for _ in 0..depth::of_environment().pick(1, 5) {
            life_goes_on(&load, "before").await;
            // So that statements are on their way when the connections are lost.
            let holder = locks.begin().await.expect("begins");
            holder
                .execute_unprepared("LOCK TABLE operation_runs IN ACCESS EXCLUSIVE MODE")
                .await
                .expect("holds");
            until("somebody waits for an answer", async || {
                raw.number(WAITING).await >= 2
            })
            .await;
            link.lose();
            holder.rollback().await.expect("lets go");
            life_goes_on(&load, "after every connection was lost").await;
        }
        load.over.store(true, Ordering::Relaxed);
    };
    tokio::join!(load.call(&client, &targets, depth::seed()), faults);
    until("everything is over", async || is_quiet(&raw).await).await;
    until("the server gave up the lost sessions", async || {
        invariants::left_open(&raw).await.is_empty()
    })
    .await;
    assert_eq!(process.ended(), None, "{}", process.said());
    checked(&client, &raw, &targets).await;
    let wrong = promises(&raw, &load).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
    locks.close().await.expect("closes");
    process.kill();
    stage.simulator.stop().await;
}

async fn silence() {
    // Nothing can be waited for: that nothing happens is the fault.
    let _ = tokio::time::timeout(SILENCE, std::future::pending::<()>()).await;
}

async fn life_goes_on(load: &Load, how: &str) {
    let from = Instant::now();
    until(how, async || load.accepted_since(from).len() >= STARTS).await;
}
