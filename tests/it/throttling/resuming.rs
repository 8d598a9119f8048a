//! A run goes on where it stopped, after it was handed back and after its worker died, and reads no
//! page twice. Nobody but the holder of the run says where that is, and it is forgotten with the run.

use std::{sync::Arc, time::Duration};

use integration_tests::{TestDatabase, on_both_engines};
use kernel::{SystemClock, SystemIds};
use provider_core::testing::FakeProvider;
use serde_json::{Value, json};
use storage_sea_orm::Database;
use tokio::sync::Notify;

use super::kit::{ITEMS, PAGES, PagedSite, Step, drain, end_waits, lively, rows, run, start, until};
use crate::fake_provider::core::{Core, worker};

on_both_engines!(
    a_run_that_was_handed_back_goes_on_where_it_stopped,
    a_run_whose_worker_died_goes_on_where_it_stopped,
    a_late_worker_stores_neither_a_page_nor_a_point,
    a_measurement_goes_on_where_it_stopped,
    a_point_goes_with_every_end_of_its_run,
);

const PAUSE: Duration = Duration::from_mins(10);

/// Every page was stored once and in order, every item is there, and nothing is left behind.
async fn assert_whole(core: &Core, site: &PagedSite, run: &Value) {
    assert_eq!(run["outcome"], "succeeded", "{run}");
    assert_eq!(site.stored(), (0..PAGES).collect::<Vec<_>>());
    assert_eq!(run["counts"]["created"], json!(PAGES * ITEMS), "{run}");
    assert_eq!(run["counts"]["total"], json!(PAGES * ITEMS), "{run}");
    assert_eq!(rows(core, "run_resume_points").await, 0);
}

fn points(site: &PagedSite) -> Vec<Option<String>> {
    site.begins().into_iter().map(|begin| begin.point).collect()
}

async fn a_run_that_was_handed_back_goes_on_where_it_stopped(database: TestDatabase) {
    let pause = Step::Pause(PAUSE);
    let site = PagedSite::with(&[Step::Page, Step::Page, pause, pause, Step::Page, pause]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = core.connect("site-storm", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    for stored in [2, 2, 3] {
        assert_eq!(drain(&core).await, 1);
        assert_eq!(run(&core, &place).await["status"], "queued");
        assert_eq!(site.stored().len(), stored);
        assert_eq!(rows(&core, "run_resume_points").await, 1);
        end_waits(&core).await;
    }
    assert_eq!(drain(&core).await, 1);
    assert_whole(&core, &site, &run(&core, &place).await).await;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(points(&site), [None, text("2"), text("2"), text("3")]);
    core.stop().await;
}

/// Its runtime is gone from one moment to the next, as a killed process is.
async fn a_run_whose_worker_died_goes_on_where_it_stopped(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Page, Step::Page, Step::Hold]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = core.connect("site-death", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let doomed = tokio::runtime::Runtime::new().expect("a runtime");
    let (url, ring) = (core.database.database_url(), core.database.key_ring());
    let its_site = site.clone();
    doomed.spawn(async move {
        let product = Database::open(&url, ring, Arc::new(SystemClock), Arc::new(SystemIds)).await;
        let product = product.expect("opens");
        worker(&product, &Arc::new(Notify::new()), its_site, lively())
            .drain()
            .await
    });
    site.reached().await;
    doomed.shutdown_background();
    core.database
        .tamper("UPDATE operation_runs SET lease_until = 1")
        .await;
    assert_eq!(core.worker.sweep().await.expect("sweeps").requeued, 1);
    assert_eq!(rows(&core, "run_resume_points").await, 1, "the sweep keeps it");
    assert_eq!(drain(&core).await, 1);
    let run = run(&core, &place).await;
    assert_eq!(run["attempt"], 2, "{run}");
    assert_whole(&core, &site, &run).await;
    assert_eq!(points(&site), [None, Some("2".to_owned())]);
    core.stop().await;
}

async fn a_late_worker_stores_neither_a_page_nor_a_point(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Page, Step::Hold, Step::Page, Step::Page, Step::Hold]);
    let mut patient = lively();
    // No sign of life comes in between that would tell it to stop: only the writes do.
    patient.queue.lease = Duration::from_hours(1);
    let core = Core::start_on(database, site.clone(), patient.clone()).await;
    let mut place = core.connect("site-late", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let late = core.worker.clone();
    let late = tokio::spawn(async move { late.drain().await });
    site.reached().await;
    core.database
        .tamper("UPDATE operation_runs SET lease_until = 1")
        .await;
    assert_eq!(core.worker.sweep().await.expect("sweeps").requeued, 1);
    let other = worker(&core.product, &Arc::new(Notify::new()), site.clone(), patient);
    let other = tokio::spawn(async move { other.drain().await });
    site.reached().await;
    assert_eq!(site.stored(), [0, 1, 2], "the second attempt is further");
    // The late one goes on first: those who wait are served in order.
    site.release();
    late.await.expect("joins").expect("drains");
    assert_eq!(site.stored(), [0, 1, 2], "its page was refused");
    let attempt = "SELECT CAST(attempt AS BIGINT) FROM run_resume_points";
    assert_eq!(core.database.number(attempt).await, 2, "and so was its point");
    site.release();
    other.await.expect("joins").expect("drains");
    assert_whole(&core, &site, &run(&core, &place).await).await;
    core.stop().await;
}

async fn a_measurement_goes_on_where_it_stopped(database: TestDatabase) {
    let site = PagedSite::with(&[Step::Pause(Duration::from_mins(5))]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = core.connect("site-count", FakeProvider::SECRET).await;
    start(&core, &mut place, "compliance.snapshot").await;
    assert_eq!(drain(&core).await, 1);
    assert_eq!(rows(&core, "run_resume_points").await, 1);
    end_waits(&core).await;
    assert_eq!(drain(&core).await, 1);
    assert_eq!(run(&core, &place).await["outcome"], "succeeded");
    assert_eq!(points(&site), [None, Some("1".to_owned())]);
    assert_eq!(rows(&core, "run_resume_points").await, 0);
    core.stop().await;
}

/// Beside success: canceled while it waits and while it works, ended with its connection, broken,
/// too late, given up by the sweep for each of its reasons.
async fn a_point_goes_with_every_end_of_its_run(database: TestDatabase) {
    let pause = Step::Pause(PAUSE);
    let too_long = Step::Pause(Duration::from_hours(5));
    let script = [
        [Step::Page, pause],
        [Step::Page, Step::Hold],
        [Step::Page, Step::Break],
        [Step::Page, too_long],
        [Step::Page, pause],
        [Step::Page, pause],
        [Step::Page, pause],
    ];
    let site = PagedSite::with(script.as_flattened());
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = core.connect("site-ends", FakeProvider::SECRET).await;
    let cancel = "/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/cancel";

    start(&core, &mut place, "inventory.sync").await;
    drain(&core).await;
    assert_eq!(rows(&core, "run_resume_points").await, 1);
    assert_eq!(core.change("POST", &place.fill(cancel), None).await.status, 200);
    assert_ended(&core, &place, "run_canceled").await;

    start(&core, &mut place, "inventory.sync").await;
    let worker = core.worker.clone();
    let working = tokio::spawn(async move { worker.drain().await });
    site.reached().await;
    assert_eq!(core.change("POST", &place.fill(cancel), None).await.status, 202);
    let heard =
        "SELECT count(*) FROM operation_runs WHERE status = 'running' AND heartbeat_at > cancel_requested_at";
    until(&core, heard, |count| count == 1).await;
    until(&core, heard, |count| count == 1).await;
    site.release();
    working.await.expect("joins").expect("drains");
    assert_ended(&core, &place, "run_canceled").await;

    for reason in ["internal_error", "provider_throttled"] {
        start(&core, &mut place, "inventory.sync").await;
        drain(&core).await;
        assert_ended(&core, &place, reason).await;
    }
    for (columns, reason) in [
        ("queued_at = 1", "run_queue_timeout"),
        (
            "status = 'running', lease_owner = 'gone', lease_until = 1, lost_leases = 2, heartbeat_at = 1",
            "worker_lost",
        ),
    ] {
        start(&core, &mut place, "inventory.sync").await;
        drain(&core).await;
        assert_eq!(rows(&core, "run_resume_points").await, 1, "{reason}");
        let sql = format!("UPDATE operation_runs SET {columns} WHERE status = 'queued'");
        assert_eq!(core.database.tamper(&sql).await, 1);
        assert_eq!(core.worker.sweep().await.expect("sweeps").failed, 1, "{reason}");
        assert_ended(&core, &place, reason).await;
    }

    start(&core, &mut place, "inventory.sync").await;
    drain(&core).await;
    let connection = place.fill("/api/v1/workspaces/{workspace_id}/connections/{connection_id}");
    let gone = core.change("DELETE", &connection, None).await;
    assert_eq!(
        gone.json()["ended_run"]["id"],
        json!(place.run),
        "{}",
        gone.text()
    );
    assert_eq!(run(&core, &place).await["status"], "completed");
    assert_eq!(rows(&core, "run_resume_points").await, 0);
    core.stop().await;
}

async fn assert_ended(core: &Core, place: &crate::access::cases::Place, reason: &str) {
    let run = run(core, place).await;
    assert_eq!(
        (
            &run["status"],
            &run["reason_code"],
            &run["waiting_for"],
            &run["not_before"]
        ),
        (&json!("completed"), &json!(reason), &Value::Null, &Value::Null),
        "{run}"
    );
    assert_eq!(rows(core, "run_resume_points").await, 0, "{reason}");
}
