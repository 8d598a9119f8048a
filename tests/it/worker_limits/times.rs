//! Lanes, and what becomes of a run that takes longer than it may.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use integration_tests::{TestDatabase, on_both_engines};
use operations::OperationType;
use provider_core::testing::FakeProvider;

use super::kit::{AtWork, StubbornSite, another, column, quick, until_run};
use crate::{
    fake_provider::core::Core,
    throttling::kit::{PagedSite, Step, drain, start},
};

on_both_engines!(
    a_check_does_not_wait_for_long_work,
    an_endless_run_is_cut_at_its_own_time_and_the_worker_goes_on,
    work_that_never_yields_gives_no_sign_of_life_and_is_taken_from_it,
    work_that_never_yields_is_given_up_when_its_time_is_over,
);

const LEASE: Duration = Duration::from_secs(3);

async fn a_check_does_not_wait_for_long_work(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Hold, Step::Hold]);
    let mut settings = quick("lanes", LEASE);
    settings.concurrency = 1;
    let core = Core::start_on(database, site.clone(), settings).await;
    let mut places = Vec::new();
    for name in ["site-1", "site-2", "site-3"] {
        places.push(core.connect(name, FakeProvider::SECRET).await);
    }
    start(&core, &mut places[0], "inventory.sync").await;
    let work = AtWork::new(&core.worker);
    site.reached().await;
    start(&core, &mut places[1], "inventory.sync").await;
    start(&core, &mut places[2], "provider.connection.check").await;
    let check = until_run(&core, &places[2], |run| run["status"] == "completed").await;
    assert_eq!(check["outcome"], "succeeded", "{check}");
    let held = until_run(&core, &places[0], |_| true).await;
    assert_eq!(held["status"], "running", "the long one is still being worked at");
    let waits = until_run(&core, &places[1], |_| true).await;
    assert_eq!(waits["status"], "queued", "and the next one waits for its slot");
    site.release();
    site.reached().await;
    site.release();
    until_run(&core, &places[1], |run| run["outcome"] == "succeeded").await;
    work.stop().await;
    core.stop().await;
}

/// What an inventory has worked before, so that so much of its time is left.
async fn nearly_over(core: &Core, left: Duration) {
    let limit = OperationType::InventorySync.run_timeout().saturating_sub(left);
    let sql = format!(
        "UPDATE operation_runs SET started_at = queued_at - {} WHERE status = 'queued'",
        limit.as_micros()
    );
    assert_eq!(core.database.tamper(&sql).await, 1);
}

/// Nobody sweeps here: the worker itself ends it.
async fn an_endless_run_is_cut_at_its_own_time_and_the_worker_goes_on(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Hold]);
    let mut settings = quick("endless", LEASE);
    settings.concurrency = 1;
    let core = Core::start_on(database, site.clone(), settings).await;
    let mut endless = core.connect("site-1", FakeProvider::SECRET).await;
    let mut next = core.connect("site-2", FakeProvider::SECRET).await;
    start(&core, &mut endless, "inventory.sync").await;
    nearly_over(&core, Duration::from_secs(5)).await;
    let work = AtWork::new(&core.worker);
    site.reached().await;
    start(&core, &mut next, "inventory.sync").await;
    let cut = until_run(&core, &endless, |run| run["status"] == "completed").await;
    assert_eq!(
        (&cut["outcome"], &cut["reason_code"]),
        (&"failed".into(), &"run_timeout".into()),
        "{cut}"
    );
    assert_eq!(cut["freshness"], "terminal_normal", "its worker ended it: {cut}");
    assert_eq!(cut["attempt"], 1);
    let next = until_run(&core, &next, |run| run["status"] == "completed").await;
    assert_eq!(next["outcome"], "succeeded", "{next}");
    work.stop().await;
    core.stop().await;
}

async fn work_that_never_yields_gives_no_sign_of_life_and_is_taken_from_it(database: TestDatabase) {
    let site = std::sync::Arc::new(StubbornSite::default());
    // One slot, so that the stubborn worker does not take it again.
    let mut settings = quick("stubborn", LEASE);
    settings.concurrency = 1;
    let core = Core::start_on(database, site.clone(), settings).await;
    let mut place = core.connect("site-1", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let work = AtWork::new(&core.worker);
    until_run(&core, &place, |_| site.begun.load(Ordering::SeqCst)).await;
    // The sweep of any process finds the lease over, because nothing renews it.
    until_run(&core, &place, |run| run["freshness"] == "likely_stale").await;
    // SQLite knows milliseconds: the lease may end within the one that it is now.
    let begin = Instant::now();
    while core.worker.sweep().await.expect("sweeps").requeued == 0 {
        assert!(begin.elapsed() < LEASE, "its lease is over");
    }
    assert_eq!(column(&core, &place, "lost_leases").await, 1);
    let other = another(&core, PagedSite::with(&[]), quick("other", LEASE));
    assert_eq!(other.drain().await.expect("answers"), 1);
    let done = until_run(&core, &place, |_| true).await;
    assert_eq!(
        (&done["outcome"], &done["attempt"]),
        (&"succeeded".into(), &2.into()),
        "{done}"
    );
    site.let_go();
    until_run(&core, &place, |_| site.over.load(Ordering::SeqCst)).await;
    work.stop().await;
    let after = until_run(&core, &place, |_| true).await;
    assert_eq!(after, done, "what the stubborn one still writes does not arrive");
    core.stop().await;
}

async fn work_that_never_yields_is_given_up_when_its_time_is_over(database: TestDatabase) {
    let site = std::sync::Arc::new(StubbornSite::default());
    let mut settings = quick("stubborn", Duration::from_mins(5));
    settings.concurrency = 1;
    let core = Core::start_on(database, site.clone(), settings).await;
    let mut place = core.connect("site-1", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    nearly_over(&core, Duration::from_secs(5)).await;
    let work = AtWork::new(&core.worker);
    until_run(&core, &place, |_| site.begun.load(Ordering::SeqCst)).await;
    let cut = until_run(&core, &place, |run| run["status"] == "completed").await;
    assert!(!site.over.load(Ordering::SeqCst), "it is still at it");
    assert_eq!(cut["reason_code"], "run_timeout", "{cut}");
    // The scope is free, the slot is not: the thread is still in it.
    start(&core, &mut place, "inventory.sync").await;
    let checked = core.start_operation(&place, "provider.connection.check").await;
    assert_eq!(checked.status, 409, "the new run holds the scope");
    let waits = until_run(&core, &place, |_| true).await;
    assert_eq!(waits["status"], "queued");
    site.let_go();
    until_run(&core, &place, |run| run["status"] == "completed").await;
    assert_eq!(drain(&core).await, 0);
    work.stop().await;
    core.stop().await;
}
