//! The ledger is true: each call counts once, whatever failed on the way, and others hear of a pause
//! while it lasts.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use provider_core::{CallBatch, CallOutcome, ReasonCode, testing::FakeProvider};
use serde_json::json;
use tokio::sync::Notify;

use super::kit::{
    LIMIT, PAGES, PagedSite, Step, add, call, drain, end_waits, lively, now, rows, run, start, throttled,
    until,
};
use crate::fake_provider::core::{Core, worker};

on_both_engines!(
    every_call_counts_once_through_pauses_and_ends,
    what_could_not_be_written_counts_once_all_the_same,
    a_run_does_not_fail_for_a_ledger_that_cannot_be_written,
    calls_of_an_attempt_that_broke_are_counted,
    the_pause_of_a_run_that_waits_can_be_read,
    another_process_begins_with_what_is_known,
    another_target_hears_of_no_pause,
);

const PAUSE: Duration = Duration::from_mins(10);
/// Attempts, throttled, failed, as one number.
const COUNTS: &str = "SELECT CAST(coalesce(sum(attempts * 10000 + throttled * 100 + failed), 0) AS BIGINT) FROM throttle_ledger";

async fn every_call_counts_once_through_pauses_and_ends(database: TestDatabase) {
    let pause = Step::Pause(PAUSE);
    let site = PagedSite::with(&[Step::Page, pause, pause, Step::Page]);
    let core = Core::start_on(database, site, lively()).await;
    let mut place = core.connect("site-count", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    for counts in [2_01_00, 3_02_00] {
        drain(&core).await;
        assert_eq!(core.database.number(COUNTS).await, counts);
        end_waits(&core).await;
    }
    drain(&core).await;
    assert_eq!(run(&core, &place).await["outcome"], "succeeded");
    let pages = i64::try_from(PAGES).expect("few");
    assert_eq!(core.database.number(COUNTS).await, (pages + 2) * 10_000 + 200);
    let lost = "SELECT time_lost FROM throttle_ledger";
    assert_eq!(core.database.number(lost).await, 20 * 60 * 1_000_000);
    assert_eq!(
        rows(&core, "call_attempts").await,
        2,
        "what was answered is counted, not listed"
    );
    core.stop().await;
}

/// The ledger is out of reach while the run works, and back before it ends.
async fn what_could_not_be_written_counts_once_all_the_same(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Hold, Step::WaitOut, Step::Hold]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = core.connect("site-gap", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let worker = core.worker.clone();
    let working = tokio::spawn(async move { worker.drain().await });
    site.reached().await;
    core.database
        .tamper("ALTER TABLE throttle_ledger RENAME TO hidden_ledger")
        .await;
    site.release();
    site.reached().await;
    // Calls are written after a sign of life: two of them, and one write has failed.
    beats(&core, 2).await;
    site.release();
    site.reached().await;
    beats(&core, 2).await;
    assert_eq!(rows(&core, "hidden_ledger").await, 0);
    core.database
        .tamper("ALTER TABLE hidden_ledger RENAME TO throttle_ledger")
        .await;
    until(&core, COUNTS, |counts| counts == 3_01_00).await;
    site.release();
    working.await.expect("joins").expect("drains");
    assert_eq!(run(&core, &place).await["outcome"], "succeeded");
    let pages = i64::try_from(PAGES).expect("few");
    assert_eq!(core.database.number(COUNTS).await, (pages + 1) * 10_000 + 100);
    assert_eq!(rows(&core, "call_attempts").await, 1, "nor is it listed twice");
    core.stop().await;
}

/// Ends after that many more signs of life.
async fn beats(core: &Core, count: usize) {
    let sql = "SELECT heartbeat_at FROM operation_runs WHERE status = 'running'";
    for _ in 0..count {
        let last = core.database.number(sql).await;
        until(core, sql, |at| at > last).await;
    }
}

async fn a_run_does_not_fail_for_a_ledger_that_cannot_be_written(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Page, Step::Pause(PAUSE)]);
    let core = Core::start_on(database, site, lively()).await;
    let mut place = core.connect("site-stuck", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    core.database
        .tamper("ALTER TABLE call_attempts RENAME TO hidden_attempts")
        .await;
    drain(&core).await;
    let waits = run(&core, &place).await;
    assert_eq!(
        waits["waiting_for"]["reason_code"], "provider_throttled",
        "{waits}"
    );
    assert_eq!(core.database.number(COUNTS).await, 0, "all of it or nothing");
    end_waits(&core).await;
    drain(&core).await;
    assert_eq!(run(&core, &place).await["outcome"], "succeeded");
    let pages = i64::try_from(PAGES).expect("few");
    assert_eq!(core.database.number(COUNTS).await, (pages - 1) * 10_000);
    core.database
        .tamper("ALTER TABLE hidden_attempts RENAME TO call_attempts")
        .await;
    core.stop().await;
}

async fn calls_of_an_attempt_that_broke_are_counted(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Page, Step::Page, Step::Break]);
    let core = Core::start_on(database, site, lively()).await;
    let mut place = core.connect("site-broken", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    drain(&core).await;
    assert_eq!(run(&core, &place).await["reason_code"], "internal_error");
    assert_eq!(core.database.number(COUNTS).await, 2_00_00);
    core.stop().await;
}

async fn the_pause_of_a_run_that_waits_can_be_read(database: TestDatabase) {
    let site = PagedSite::with(&[Step::WaitOut]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = core.connect("site-open", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let worker = core.worker.clone();
    let working = tokio::spawn(async move { worker.drain().await });
    site.reached().await;
    until(&core, COUNTS, |counts| counts == 1_01_00).await;
    let path = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}/throttling";
    let shown = core.get(&place.fill(path)).await.json();
    assert!(shown["paused_until"].is_string(), "{shown}");
    assert_eq!(run(&core, &place).await["status"], "running");
    site.release();
    working.await.expect("joins").expect("drains");
    core.stop().await;
}

/// A run through another connection to the same target, in a process that never heard of the first.
async fn another_process_begins_with_what_is_known(database: TestDatabase) {
    let first = PagedSite::with(&[Step::Pause(PAUSE)]);
    let core = Core::start_on(database, first, lively()).await;
    let mut place = core.connect("site-shared", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    drain(&core).await;
    let cancel = place.fill("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/cancel");
    assert_eq!(core.change("POST", &cancel, None).await.status, 200);

    let mut twin = place.clone();
    let body = json!({ "display_name": "Another environment", "slug": "staging" });
    let environments = place.fill("/api/v1/workspaces/{workspace_id}/environments");
    let made = core.post(&environments, &body).await;
    let made = made.json();
    twin.environment = String::from(made["id"].as_str().expect("an id"));
    let body = json!({
        "environment_id": twin.environment, "provider": "fake", "connection_type": "dedicated",
        "display_name": "The other one", "scope_identifier": "site-shared",
        "credential": {
            "kind": "client_secret", "client_identifier": "else", "secret": FakeProvider::SECRET,
        },
    });
    let mut twin = core.add(&twin, &body).await;
    // Of a pause that is over nobody needs to hear, nor of calls that were answered.
    let mut over = CallBatch::default();
    over.push(provider_core::CallRecord {
        limit: "over",
        paused_until: Some(now() - TimeDelta::seconds(1)),
        ..throttled(Duration::ZERO)
    });
    over.push(call(CallOutcome::Failed(ReasonCode::ProviderUnavailable)));
    add(&core.product, &place, &over).await;

    start(&core, &mut twin, "inventory.sync").await;
    let second = PagedSite::with(&[]);
    let elsewhere = core.database.open().await;
    let other = worker(&elsewhere, &Arc::new(Notify::new()), second.clone(), lively());
    assert_eq!(other.drain().await.expect("drains"), 1);
    let begins = second.begins();
    let [begin] = begins.as_slice() else {
        panic!("one attempt: {begins:?}");
    };
    let [pause] = begin.pauses.as_slice() else {
        panic!("one pause: {begin:?}");
    };
    assert_eq!(pause.limit, LIMIT);
    let left = pause.until - now();
    assert!(
        left > TimeDelta::minutes(9) && left <= TimeDelta::minutes(10),
        "{left}"
    );
    assert_eq!(begin.point, None, "where another run stopped is its own");
    core.stop().await;
}

async fn another_target_hears_of_no_pause(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Pause(PAUSE)]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = core.connect("site-here", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    drain(&core).await;
    // The same target in another workspace, and another target.
    let mut others = Vec::new();
    for (number, site) in ["site-there", "site-here"].into_iter().enumerate() {
        let environment = core.environment(&format!("site-else-{number}")).await;
        let body = json!({
            "environment_id": environment.environment, "provider": "fake", "connection_type": "dedicated",
            "display_name": "A connection", "scope_identifier": site,
            "credential": {
                "kind": "client_secret", "client_identifier": "somebody", "secret": FakeProvider::SECRET,
            },
        });
        let mut other = core.add(&environment, &body).await;
        start(&core, &mut other, "inventory.sync").await;
        others.push(other);
    }
    assert_eq!(drain(&core).await, others.len());
    let begins = site.begins();
    assert_eq!(begins.len(), 1 + others.len());
    for begin in &begins {
        assert_eq!(begin.pauses, [], "{begin:?}");
    }
    end_waits(&core).await;
    drain(&core).await;
    assert_eq!(
        site.begins().last().map(|begin| begin.pauses.len()),
        Some(1),
        "its own is known"
    );
    core.stop().await;
}
