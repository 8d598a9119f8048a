//! A run that waits: what it shows, what it leaves free, and how long it may go on like this.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use futures::future::join_all;
use integration_tests::{Engine, TestDatabase, on_both_engines};
use provider_core::testing::FakeProvider;
use serde_json::{Value, json};
use storage::Storage as _;
use storage_sea_orm::Database;

use super::kit::{PAGES, PagedSite, Step, drain, end_waits, lively, run, start};
use crate::fake_provider::core::Core;

on_both_engines!(
    a_run_that_waits_says_why_and_until_when,
    while_a_run_waits_the_only_slot_works_for_others,
    while_a_run_waits_it_keeps_no_connection_of_the_pool,
    storms_do_not_use_up_the_time_to_work,
    a_wait_that_cannot_end_in_time_ends_the_run,
    many_waits_leave_the_lost_leases_alone,
);

fn moment(value: &Value) -> DateTime<chrono::Utc> {
    let text = value.as_str().unwrap_or_else(|| panic!("a time: {value}"));
    text.parse().expect("a time")
}

async fn a_run_that_waits_says_why_and_until_when(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Page, Step::Pause(Duration::from_mins(10))]);
    let core = Core::start_on(database, site, lively()).await;
    let mut place = core.connect("site-wait", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    assert_eq!(
        run(&core, &place).await["waiting_for"],
        Value::Null,
        "for a worker alone"
    );
    assert_eq!(drain(&core).await, 1, "and it is not taken again at once");
    let waits = run(&core, &place).await;
    assert_eq!(
        (&waits["status"], &waits["outcome"], &waits["reason_code"]),
        (&json!("queued"), &json!("pending"), &Value::Null),
        "{waits}"
    );
    let wait = &waits["waiting_for"];
    assert_eq!(wait["reason_code"], "provider_throttled", "{waits}");
    assert!(
        wait["message"].as_str().is_some_and(|text| text.len() > 10),
        "{waits}"
    );
    assert_eq!(wait["until"], waits["not_before"]);
    // PostgreSQL's clock moves between two readings of one statement.
    let length = moment(&wait["until"]) - moment(&wait["since"]);
    assert!(
        (length - TimeDelta::minutes(10)).abs() < TimeDelta::seconds(1),
        "{length}"
    );
    assert_eq!(waits["allowed_actions"], json!(["cancel"]));

    let again = core.start_operation(&place, "inventory.sync").await;
    assert_eq!(again.json()["disposition"], "deduplicated", "the scope is held");
    assert_eq!(again.json()["run"]["waiting_for"], *wait);
    end_waits(&core).await;
    drain(&core).await;
    let done = run(&core, &place).await;
    assert_eq!(
        (&done["outcome"], &done["waiting_for"], &done["not_before"]),
        (&json!("succeeded"), &Value::Null, &Value::Null),
        "{done}"
    );
    core.stop().await;
}

async fn while_a_run_waits_the_only_slot_works_for_others(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Pause(Duration::from_mins(10))]);
    let mut alone = lively();
    alone.concurrency = 1;
    let core = Core::start_on(database, site.clone(), alone).await;
    let mut waits = core.connect("site-slow", FakeProvider::SECRET).await;
    let mut works = core.connect("site-quick", FakeProvider::SECRET).await;
    start(&core, &mut waits, "inventory.sync").await;
    start(&core, &mut works, "inventory.sync").await;
    assert_eq!(drain(&core).await, 2);
    assert_eq!(run(&core, &waits).await["status"], "queued");
    assert_eq!(run(&core, &works).await["outcome"], "succeeded");
    assert_eq!(site.stored().len(), usize::try_from(PAGES).expect("few"));
    core.stop().await;
}

/// The pool has as many connections as the store may have open at once, and a test that asks for
/// all of them gets them while the run waits.
async fn while_a_run_waits_it_keeps_no_connection_of_the_pool(database: TestDatabase) {
    let all = match database.engine {
        Engine::Sqlite => 1,
        Engine::Postgres => Database::POSTGRES_CONNECTIONS,
    };
    let site = PagedSite::with(&[Step::Page, Step::WaitOut]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = core.connect("site-idle", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let worker = core.worker.clone();
    let working = tokio::spawn(async move { worker.drain().await });
    site.reached().await;
    assert_eq!(run(&core, &place).await["status"], "running");
    let units = join_all((0..all).map(|_| core.product.begin())).await;
    let units: Vec<_> = units.into_iter().map(|unit| unit.expect("begins")).collect();
    assert_eq!(units.len(), all as usize);
    drop(units);
    site.release();
    working.await.expect("joins").expect("drains");
    assert_eq!(run(&core, &place).await["outcome"], "succeeded");
    core.stop().await;
}

/// Moves everything that the run remembers of time back by this.
async fn age(core: &Core, by: TimeDelta) {
    let micros = by.num_microseconds().expect("in range");
    let sql = format!(
        "UPDATE operation_runs SET not_before = NULL, created_at = created_at - {micros},
            started_at = started_at - {micros}, waiting_since = waiting_since - {micros}
        WHERE status = 'queued'"
    );
    assert_eq!(core.database.tamper(&sql).await, 1, "a run waits");
}

/// An inventory may work for four hours. Sixty pauses of ten minutes are ten hours.
async fn storms_do_not_use_up_the_time_to_work(database: TestDatabase) {
    let storm = [Step::Pause(Duration::from_mins(10)); 60];
    let site = PagedSite::with(&storm);
    let core = Core::start_on(database, site, lively()).await;
    let mut place = core.connect("site-storms", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    for _ in &storm {
        assert_eq!(drain(&core).await, 1);
        age(&core, TimeDelta::minutes(10)).await;
        assert_eq!(core.worker.sweep().await.expect("sweeps").failed, 0);
    }
    assert_eq!(drain(&core).await, 1);
    let done = run(&core, &place).await;
    assert_eq!(
        (&done["outcome"], &done["attempt"]),
        (&json!("succeeded"), &json!(61)),
        "{done}"
    );
    assert!(moment(&done["completed_at"]) - moment(&done["started_at"]) > TimeDelta::hours(9));
    core.stop().await;
}

/// One pause that is longer than all the work may be, and pauses until the run is too old.
async fn a_wait_that_cannot_end_in_time_ends_the_run(database: TestDatabase) {
    let hour = Step::Pause(Duration::from_hours(1));
    let site = PagedSite::with(&[Step::Pause(Duration::from_hours(4)), hour, hour]);
    let core = Core::start_on(database, site, lively()).await;
    let mut place = core.connect("site-never", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    drain(&core).await;
    assert_gave_up(&run(&core, &place).await);

    start(&core, &mut place, "inventory.sync").await;
    drain(&core).await;
    // 23 hours old: one more hour is one too many.
    age(&core, TimeDelta::hours(23)).await;
    drain(&core).await;
    assert_gave_up(&run(&core, &place).await);
    core.stop().await;
}

fn assert_gave_up(run: &Value) {
    assert_eq!(
        (&run["outcome"], &run["reason_code"]),
        (&json!("failed"), &json!("provider_throttled")),
        "{run}"
    );
    assert_eq!(run["next_steps"][0]["kind"], "retry_later", "{run}");
}

async fn many_waits_leave_the_lost_leases_alone(database: TestDatabase) {
    let mut script = vec![Step::Pause(Duration::from_mins(1)); 20];
    script.extend([Step::Hold]);
    let site = PagedSite::with(&script);
    let mut settings = lively();
    // No sign of life comes between the end of its lease and the sweep.
    settings.queue.lease = Duration::from_hours(1);
    let core = Core::start_on(database, site.clone(), settings).await;
    let mut place = core.connect("site-often", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    for _ in 0..20 {
        assert_eq!(drain(&core).await, 1);
        end_waits(&core).await;
    }
    let worker = core.worker.clone();
    let working = tokio::spawn(async move { worker.drain().await });
    site.reached().await;
    core.database
        .tamper("UPDATE operation_runs SET lease_until = 1")
        .await;
    assert_eq!(
        core.worker.sweep().await.expect("sweeps").requeued,
        1,
        "the first lost lease"
    );
    site.release();
    working.await.expect("joins").expect("drains");
    drain(&core).await;
    let done = run(&core, &place).await;
    assert_eq!(
        (&done["outcome"], &done["attempt"]),
        (&json!("succeeded"), &json!(22)),
        "{done}"
    );
    core.stop().await;
}
