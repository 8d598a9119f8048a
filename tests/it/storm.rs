//! Ten minutes in which the provider answers nothing but "slow down", on virtual time: nothing is
//! sent before it is allowed, nobody is held up meanwhile, the run comes to its end without
//! reading a page twice, and the ledger tells what it cost.

use std::{collections::HashMap, sync::Arc, time::Duration};

use cli::Client;
use integration_tests::{
    Home, TestApp, TestDatabase, assert_invariants, on_both_engines, virtual_time::VirtualTime,
};
use kernel::{Clock, SystemIds};
use microsoft_simulator::{Call, Control, FaultKind, Rule, Script};
use provider_microsoft::{EndpointOverride, MicrosoftProvider, MicrosoftSettings};
use serde_json::Value;
use url::Url;
use worker::{Worker, WorkerParts, WorkerSettings};

on_both_engines!(
    a_run_outlasts_ten_minutes_of_throttling,
    another_process_knows_what_was_told_to_the_first,
    short_pauses_are_waited_out_without_handing_back,
);

/// After how many calls the storm begins: a batch with four numbers, the organization and the people.
const QUIET: u32 = 7;
/// How long it lasts.
const STORM: u32 = 600;
/// What the provider asks for each time, longer than a run may wait by itself.
const TOLD: u32 = 45;

/// A worker with a memory of its own, as another process has one, in virtual time.
fn worker(app: &TestApp, time: &VirtualTime, name: &str) -> Worker {
    let clock: Arc<dyn Clock> = Arc::new(time.clone());
    let simulator = app.simulator.as_ref().expect("runs").base_url();
    let mut adapter = MicrosoftSettings::new(Arc::clone(&clock), Arc::new(SystemIds));
    adapter.endpoint_override =
        Some(EndpointOverride::loopback(Url::parse(&simulator).expect("an address")).expect("loopback"));
    adapter.pauses = Arc::new(time.clone());
    let provider = MicrosoftProvider::new(adapter).expect("a client");
    let database = &app.program.database;
    let mut settings = WorkerSettings::named(name);
    settings.concurrency = 1;
    Worker::new(WorkerParts {
        storage: Arc::new(database.clone()),
        queue: Arc::new(database.queue()),
        vault: Arc::new(database.vault()),
        platform: Arc::new(app.program.rules.platform_vault()),
        retention: Arc::new(database.clone()),
        rules: app.program.rules.clone(),
        provider: Arc::new(provider.clone()),
        inventory: Arc::new(provider),
        clock,
        ids: Arc::new(SystemIds),
        wake: Arc::clone(&app.program.wake),
        settings,
    })
}

fn control(app: &TestApp) -> &Control {
    app.simulator.as_ref().expect("runs").control()
}

/// A script in which every call to the tenant's data is throttled for so long.
fn storm(app: &TestApp, after: u32, told: u32, seconds: u32) -> Script {
    let throttled = FaultKind::Throttled {
        retry_after: Some(told.to_string()),
    };
    let mut rule = Rule::always("/v1.0/", throttled).of_tenant(app.contoso.tenant_id);
    rule.after = after;
    rule.until_seconds = Some(seconds);
    Script { rules: vec![rule] }
}

/// What came back for each address that was answered with `status`.
fn answered(calls: &[Call], status: u16) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for call in calls.iter().filter(|call| call.status == status) {
        *counts.entry(call.path.as_str()).or_default() += 1;
    }
    counts
}

async fn ledger(owner: &Client, home: &Home) -> Value {
    let path = format!("{}/connections/{}/throttling", home.base, home.connection);
    let answer = owner.get(&path).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// As if the pause of the run were over: the database's clock is the machine's.
async fn release(app: &TestApp) {
    app.database
        .tamper("UPDATE operation_runs SET not_before = NULL WHERE status = 'queued'")
        .await;
}

/// How long the run waits from now on, if it waits.
fn pause_of(ledger: &Value, time: &VirtualTime) -> Option<Duration> {
    let until = ledger["paused_until"].as_str()?;
    let until = chrono::DateTime::parse_from_rfc3339(until).expect("a time");
    (until.to_utc() - time.now()).to_std().ok()
}

struct Outcome {
    hand_backs: u32,
    waited: Duration,
}

/// Lets the workers take turns until the run is over, with the pauses passing in between.
async fn weather(
    app: &TestApp,
    home: &Home,
    owner: &Client,
    run: &str,
    workers: &[Worker],
    time: &VirtualTime,
) -> Outcome {
    let mut hand_backs = 0;
    for turn in 0.. {
        assert!(turn < 60, "the run comes to an end");
        let state = home.run(owner, run).await;
        if state.text("/status") == "completed" {
            assert_eq!(state.text("/outcome"), "succeeded", "{}", state.body);
            break;
        }
        assert_eq!(state.text("/status"), "queued", "nobody holds it: {}", state.body);
        if state.body["not_before"].is_string() {
            hand_backs += 1;
            let ledger = ledger(owner, home).await;
            let pause = pause_of(&ledger, time).expect("the ledger tells the pause");
            assert!(pause <= Duration::from_secs(u64::from(TOLD) + 1), "{pause:?}");
            time.advance(pause);
            release(app).await;
        }
        let worker = &workers[turn % workers.len()];
        let taken = worker.drain().await.expect("the queue answers");
        assert_eq!(taken, 1, "the run is taken, and ended or given back");
    }
    Outcome {
        hand_backs,
        waited: time.waited(),
    }
}

async fn a_run_outlasts_ten_minutes_of_throttling(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let time = VirtualTime::new(control(&app).clone());
    let workers = [worker(&app, &time, "only")];
    control(&app).play(storm(&app, QUIET, TOLD, STORM));
    let run = home
        .start(&owner, "inventory.sync")
        .await
        .text("/run/id")
        .to_owned();
    let outcome = weather(&app, &home, &owner, &run, &workers, &time).await;

    let calls = control(&app).calls();
    let throttled: usize = answered(&calls, 429).values().sum();
    assert!(
        control(&app).early_requests().is_empty(),
        "{:?}",
        control(&app).early_requests()
    );
    assert!(outcome.hand_backs >= STORM / TOLD, "{}", outcome.hand_backs);
    assert!(
        outcome.waited >= Duration::from_secs(u64::from(STORM - TOLD)),
        "{:?}",
        outcome.waited
    );
    for (path, times) in answered(&calls, 200) {
        let once = path.contains("/token") || path.contains("openid-configuration");
        assert!(once || times == 1, "{path} was read {times} times");
    }
    let ledger = ledger(&owner, &home).await;
    assert_eq!(ledger["throttled"], throttled, "{ledger}");
    let lost = ledger["time_lost_ms"].as_u64().expect("a number");
    let waited = u64::try_from(outcome.waited.as_millis()).expect("fits");
    assert!(
        lost.abs_diff(waited) <= waited / 50 + 1000,
        "lost {lost} ms, waited {waited} ms"
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn another_process_knows_what_was_told_to_the_first(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let time = VirtualTime::new(control(&app).clone());
    let workers = [worker(&app, &time, "first"), worker(&app, &time, "second")];
    control(&app).play(storm(&app, QUIET, TOLD, 120));
    let first = home
        .start(&owner, "inventory.sync")
        .await
        .text("/run/id")
        .to_owned();
    assert_eq!(workers[0].drain().await.expect("the queue answers"), 1);
    let path = format!("{}/operation-runs/{first}/cancel", home.base);
    let canceled = owner
        .post(&path, &serde_json::json!({}))
        .await
        .expect("an answer");
    assert!(canceled.status < 300, "{}", canceled.body);

    // Another run, another process, no pause of its own: it must not ask before the time.
    let before = control(&app).calls().len();
    let second = home.start(&owner, "inventory.sync").await;
    assert_eq!(second.status, 202, "{}", second.body);
    assert_eq!(workers[1].drain().await.expect("the queue answers"), 1);
    let calls = control(&app).calls();
    let asked: Vec<_> = calls[before..]
        .iter()
        .filter(|call| call.path.contains("/v1.0/"))
        .collect();
    assert!(asked.is_empty(), "the directory is closed: {asked:?}");
    let run = second.text("/run/id");
    weather(&app, &home, &owner, run, &workers, &time).await;
    assert!(
        control(&app).early_requests().is_empty(),
        "{:?}",
        control(&app).early_requests()
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}

async fn short_pauses_are_waited_out_without_handing_back(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let time = VirtualTime::new(control(&app).clone());
    let workers = [worker(&app, &time, "only")];
    control(&app).play(storm(&app, 1, 3, 7));
    let run = home
        .start(&owner, "compliance.snapshot")
        .await
        .text("/run/id")
        .to_owned();
    let outcome = weather(&app, &home, &owner, &run, &workers, &time).await;
    assert_eq!(outcome.hand_backs, 0);
    assert!(
        control(&app).early_requests().is_empty(),
        "{:?}",
        control(&app).early_requests()
    );
    assert_invariants(&app.database).await;
    app.stop().await;
}
