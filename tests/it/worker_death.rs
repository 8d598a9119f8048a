//! A worker that dies or freezes in the middle of a run: the run is taken again or ended, the
//! scope is free after, and nothing that the dead attempt still writes arrives.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use integration_tests::{
    TestApp, TestDatabase, assert_invariants, chaos::raw::Raw, on_both_engines, process::Process,
};
use operations::{Fence, HandBack, Heartbeat, PerLane, QueueSettings, RunLease, RunQueue as _, WorkerName};
use serde_json::Value;
use storage::Storage as _;

on_both_engines!(
    a_killed_worker_s_run_is_taken_again_within_one_and_a_half_leases,
    a_run_that_kills_every_worker_fails_and_frees_its_scope,
    a_frozen_worker_that_wakes_up_late_writes_nothing,
);

/// As a setting, and as a number.
const LEASE: (&str, f64) = ("6.0", 6.0);

fn worker(app: &TestApp) -> Process {
    let simulator = app.simulator.as_ref().expect("runs").base_url();
    let settings = [
        ("PROVIDER__LOOPBACK_ENDPOINT", simulator.as_str()),
        ("WORKER__LEASE_SECONDS", LEASE.0),
        ("WORKER__SWEEP_SECONDS", "0.2"),
        ("WORKER__POLL_MILLISECONDS", "50"),
        ("WORKER__MAX_ATTEMPTS", "2"),
    ];
    Process::start(
        Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test")),
        &["worker"],
        &app.database,
        &settings,
    )
}

/// So often a test looks whether it is so, to leave the machine to what it waits for.
const LOOK: Duration = Duration::from_millis(20);

/// Reads a run until it is as wanted.
async fn until(app: &TestApp, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let client = app.client("owner");
    let begin = Instant::now();
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let run = client.get(path).await.expect("an answer").body;
        if wanted(&run) {
            return run;
        }
        assert!(begin.elapsed() < Duration::from_mins(1), "{run}");
    }
}

async fn a_killed_worker_s_run_is_taken_again_within_one_and_a_half_leases(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let hold = app.simulator.as_ref().expect("runs").control().hold("/users");
    let started = home.start(&owner, "inventory.sync").await;
    let path = format!("{}/operation-runs/{}", home.base, started.text("/run/id"));
    let first = worker(&app);
    hold.reached().await;
    let second = worker(&app);
    first.kill();
    let killed_at = Instant::now();
    hold.release();
    until(&app, &path, |run| run["attempt"] == 2).await;
    let after = killed_at.elapsed();
    let run = until(&app, &path, |run| run["status"] == "completed").await;
    assert_eq!(run["outcome"], "succeeded", "{run}");
    assert_eq!(
        home.start(&owner, "compliance.snapshot")
            .await
            .text("/disposition"),
        "accepted",
        "the scope is free"
    );
    drop(second);
    // Half a lease for the sweep and the poll, and what is left of a loaded machine's patience.
    assert!(
        after.as_secs_f64() <= LEASE.1 * 1.5,
        "taken again after {after:?}"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn a_run_that_kills_every_worker_fails_and_frees_its_scope(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let started = home.start(&owner, "inventory.sync").await;
    let path = format!("{}/operation-runs/{}", home.base, started.text("/run/id"));
    for _ in 0..2 {
        let hold = app.simulator.as_ref().expect("runs").control().hold("/users");
        let victim = worker(&app);
        hold.reached().await;
        victim.kill();
        drop(hold);
    }
    let _survivor = worker(&app);
    let run = until(&app, &path, |run| run["status"] == "completed").await;
    assert_eq!(
        (&run["outcome"], &run["reason_code"]),
        (&"failed".into(), &"worker_lost".into()),
        "{run}"
    );
    assert_eq!(run["freshness"], "reconciled_failed");
    assert_eq!(run["context"]["reconciliation"]["reason_code"], "worker_lost");
    assert_eq!(
        home.start(&owner, "compliance.snapshot")
            .await
            .text("/disposition"),
        "accepted",
        "the scope is free"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn a_frozen_worker_that_wakes_up_late_writes_nothing(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let hold = app.simulator.as_ref().expect("runs").control().hold("/users");
    let started = home.start(&owner, "inventory.sync").await;
    let run_id = started.text("/run/id").to_owned();
    let path = format!("{}/operation-runs/{run_id}", home.base);
    let frozen = worker(&app);
    hold.reached().await;
    Raw::open(&app.database).await.freeze(&frozen).await;
    let other = worker(&app);
    until(&app, &path, |run| run["attempt"] == 2).await;
    hold.release();
    let done = until(&app, &path, |run| run["status"] == "completed").await;
    let items = "SELECT count(*) FROM inventory_items";
    let (events, stored) = (
        app.database.number("SELECT count(*) FROM audit_events").await,
        app.database.number(items).await,
    );
    frozen.signal("CONT");
    // A second job on the same worker shows that it is awake and past its old one: the other is
    // gone, so only the one that was frozen can take it.
    other.kill();
    let next = home.start(&owner, "provider.connection.check").await;
    let next_path = format!("{}/operation-runs/{}", home.base, next.text("/run/id"));
    until(&app, &next_path, |run| run["status"] == "completed").await;
    assert_eq!(
        owner.get(&path).await.expect("an answer").body,
        done,
        "the run is as its second attempt left it"
    );
    assert_eq!(app.database.number(items).await, stored);
    let of_run = format!(
        "SELECT count(*) FROM audit_events WHERE target_id = '{run_id}' AND action = 'operation.completed'"
    );
    assert_eq!(
        app.database.number(&of_run).await,
        1,
        "it was completed once; {events} events before"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

mod late_writes {
    //! The same without processes: the writes of a dead attempt, one by one.

    use super::*;

    on_both_engines!(of_a_dead_attempt_are_refused_one_by_one);

    async fn of_a_dead_attempt_are_refused_one_by_one(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        home.start(&owner, "inventory.sync").await;
        let (queue, settings) = (app.program.database.queue(), QueueSettings::default());
        let mut claimed = queue
            .claim(&WorkerName::new("first"), &settings, PerLane::all(1))
            .await
            .expect("claims");
        let dead = claimed.pop().expect("a run");
        app.database
            .tamper("UPDATE operation_runs SET lease_until = 0")
            .await;
        assert_eq!(queue.sweep(&settings).await.expect("sweeps").requeued, 1);
        let mut claimed = queue
            .claim(&WorkerName::new("second"), &settings, PerLane::all(1))
            .await
            .expect("claims");
        let alive = claimed.pop().expect("the same run");
        assert_eq!(
            (alive.run.id, alive.lease.attempt),
            (dead.run.id, dead.lease.attempt + 1)
        );

        let second = Duration::from_secs(1);
        assert_eq!(
            queue.heartbeat(&dead.lease, second, None).await.expect("answers"),
            Heartbeat::Lost
        );
        assert_eq!(write(&app, &dead.lease, &dead).await, [Fence::Lost; 3]);
        let renewed = queue
            .heartbeat(&alive.lease, second, None)
            .await
            .expect("answers");
        assert_eq!(
            renewed,
            Heartbeat::Renewed {
                cancel_requested: false
            }
        );
        assert_eq!(
            write(&app, &alive.lease, &alive).await,
            [Fence::Held, Fence::Held, Fence::Lost]
        );
        assert_invariants(&app.database).await;
        app.stop().await;
    }

    /// Confirms, ends and hands back, in this order, and tells which of them arrived.
    async fn write(app: &TestApp, lease: &RunLease, claimed: &operations::ClaimedRun) -> [Fence; 3] {
        use kernel::{Clock as _, SystemClock, SystemIds};
        let change = tenancy::Change::new(
            &claimed.scope,
            tenancy::AuditAction::OperationCompleted,
            operations::change_target(&claimed.run),
            SystemClock.now(),
            &SystemIds,
        );
        let again = tenancy::Change::new(
            &claimed.scope,
            tenancy::AuditAction::OperationRequeued,
            operations::change_target(&claimed.run),
            SystemClock.now(),
            &SystemIds,
        );
        let completion = claimed
            .run
            .end_because(
                operations::RunOutcome::Failed,
                provider_core::ReasonCode::InternalError,
            )
            .expect("it runs");
        let mut unit = app.program.database.begin().await.expect("begins");
        let confirmed = unit.attempts().confirm(lease).await.expect("answers");
        let finished = unit
            .attempts()
            .finish(&claimed.scope, lease, &completion, &change)
            .await
            .expect("answers");
        let handed = unit
            .attempts()
            .hand_back(&claimed.scope, lease, (Duration::ZERO, None), &again)
            .await
            .expect("answers");
        unit.commit().await.expect("commits");
        let handed = if handed == HandBack::Done {
            Fence::Held
        } else {
            Fence::Lost
        };
        [confirmed, finished, handed]
    }
}
