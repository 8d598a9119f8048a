//! Callers that hang up, and futures that are dropped wherever they happen to wait. What was
//! acknowledged is there, and no session of the database stays inside a transaction.

use std::{
    collections::BTreeMap,
    future::Future,
    io::Write as _,
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use cli::Client;
use integration_tests::{
    Home, TestApp, TestDatabase,
    chaos::{
        depth::{self, SEED},
        history::{AMONG_MANY, Event, Heard, History},
        invariants,
        raw::Raw,
        seed::Numbers,
        world,
    },
    on_both_engines,
};
use kernel::{Clock as _, SystemClock};
use operations::OperationType;
use serde_json::{Value, json};

on_both_engines!(callers_that_hang_up_lose_nothing, dropped_futures_lose_nothing);

/// Requests, and futures.
const REQUESTS: (usize, usize) = (320, 10_000);
const FUTURES: (usize, usize) = (120, 3_000);
/// How many call at the same time.
const CALLERS: usize = 16;

/// What one caller had acknowledged.
#[derive(Default)]
struct Acknowledged {
    runs: History,
    environments: Vec<String>,
    hung_up: usize,
}

async fn callers_that_hang_up_lose_nothing(database: TestDatabase) {
    let _alone = super::ALONE.lock().await;
    let (seed, engine) = (depth::seed(), database.engine);
    let requests = depth::of_environment().pick(REQUESTS.0, REQUESTS.1);
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let homes = Arc::new([
        app.home(&owner, &app.contoso, &app.contoso.secret).await,
        app.home(&owner, &app.fabrikam, &app.fabrikam.secret).await,
    ]);
    let callers = (0..CALLERS).map(|caller| {
        let numbers = Numbers::part(seed, u64::try_from(caller).expect("few"));
        let (client, homes) = (app.client("owner"), Arc::clone(&homes));
        tokio::spawn(async move { call(&client, homes.as_ref(), numbers, requests / CALLERS).await })
    });
    let raw = Raw::open(&app.database).await;
    let (mut hung_up, mut kept) = (0, 0);
    for told in futures::future::join_all(callers).await {
        let told = told.expect("joins");
        let violations = told.runs.check(&raw, &BTreeMap::new(), AMONG_MANY).await;
        let violations: Vec<_> = violations
            .iter()
            .filter(|found| !found.detail.contains("did not answer"))
            .collect();
        assert!(violations.is_empty(), "{SEED}={seed}: {violations:#?}");
        for environment in &told.environments {
            let id = raw.uuid(environment.parse().expect("an id"));
            let sql = format!("SELECT count(*) FROM environments WHERE id = {id}");
            assert_eq!(
                raw.number(&sql).await,
                1,
                "{SEED}={seed}: an acknowledged environment is gone"
            );
        }
        hung_up += told.hung_up;
        kept += told.environments.len() + told.runs.0.len();
    }
    let _ = writeln!(
        std::io::stderr(),
        "| hang up | {} | {requests} requests, {hung_up} hung up, {kept} answered | 0 lost | {SEED}={seed} |",
        engine.name()
    );
    assert!(
        hung_up >= requests / 50 && kept > 0,
        "{SEED}={seed}: hardly anybody hung up ({hung_up}), or nobody was answered ({kept}), so this proves nothing"
    );
    let open = invariants::left_open(&raw).await;
    assert!(open.is_empty(), "{SEED}={seed}: {open:?}");
    app.drain().await;
    let violations = invariants::check(&raw).await;
    assert!(violations.is_empty(), "{SEED}={seed}: {violations:#?}");
    app.stop().await;
}

/// One caller: hangs up within 64 ms, or hears the answer.
async fn call(client: &Client, homes: &[Home], mut numbers: Numbers, requests: usize) -> Acknowledged {
    let mut told = Acknowledged::default();
    for request in 0..requests {
        let home = &homes[numbers.below(homes.len())];
        let (path, body) = if numbers.below(2) == 0 {
            let slug = format!("e-{request}-{:x}", numbers.next());
            (
                format!("{}/environments", home.base),
                json!({ "display_name": "E", "slug": slug }),
            )
        } else {
            let operation = OperationType::STARTABLE[numbers.below(OperationType::STARTABLE.len())].as_str();
            let body = json!({ "operation_type": operation, "environment_id": home.environment });
            (format!("{}/operation-runs", home.base), body)
        };
        // One of four waits for its answer, so that there is something to lose.
        // The others hang up soon, however long an answer takes on this machine.
        let patience = match numbers.below(4) {
            0 => Duration::from_mins(1),
            _ => Duration::from_millis(1 << numbers.below(7)),
        };
        let (asked, from) = (Instant::now(), SystemClock.now());
        let Ok(answer) = tokio::time::timeout(patience, client.post(&path, &body)).await else {
            told.hung_up += 1;
            cancel_now_and_then(client, home, &mut numbers).await;
            continue;
        };
        let answer = answer.expect("the API is up");
        let run = |pointer| answer.text(pointer).to_owned();
        let heard = match (answer.status, answer.text("/disposition")) {
            (201, _) => {
                told.environments.push(answer.text("/id").to_owned());
                continue;
            }
            (202, "accepted") => Heard::Accepted(run("/run/id")),
            (202, _) => Heard::Deduplicated(run("/run/id")),
            (409, _) => Heard::ScopeBusy(run("/active_run/id")),
            // 408: the machine did not come to read it.
            (408 | 503, _) => continue,
            (status, _) => panic!("{status} {}", answer.body),
        };
        told.runs.0.push(Event {
            slot: 0,
            span: (asked, Instant::now()),
            wall: (from, SystemClock.now()),
            heard,
        });
    }
    told
}

/// Frees the scope now and then, so that there is something to start.
async fn cancel_now_and_then(client: &Client, home: &Home, numbers: &mut Numbers) {
    if numbers.below(4) > 0 {
        return;
    }
    let active = client
        .get(&format!("{}/operation-runs?status=queued", home.base))
        .await;
    let active = active.expect("an answer");
    if let Some(run) = active.body["items"][0]["id"].as_str() {
        let path = format!("{}/operation-runs/{run}/cancel", home.base);
        let answer = client.post(&path, &Value::Null).await.expect("an answer");
        assert!(
            matches!(answer.status, 200 | 202 | 408 | 409 | 503),
            "{}",
            answer.body
        );
    }
}

/// Below the API: a unit of work that is dropped at its n-th wake, and then one that is not.
async fn dropped_futures_lose_nothing(database: TestDatabase) {
    let (seed, engine) = (depth::seed(), database.engine);
    let rounds = depth::of_environment().pick(FUTURES.0, FUTURES.1);
    let (store, raw) = (database.open().await, Raw::open(&database).await);
    let mut numbers = Numbers::new(seed);
    let (mut finished, mut kept) = (0, 0);
    for round in 0..rounds {
        let wakes = numbers.below(24);
        finished += usize::from(drop_after(Box::pin(world::place(&store)), wakes).await);
        if round % 4 == 0 {
            let place = world::place(&store).await;
            let id = raw.uuid(place.scope.workspace_id().as_uuid());
            let sql = format!("SELECT count(*) FROM workspaces WHERE id = {id}");
            assert_eq!(
                raw.number(&sql).await,
                1,
                "{SEED}={seed}: an acknowledged workspace is gone"
            );
            kept += 1;
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "| drop | {} | {rounds} futures, {finished} had ended before; {kept} acknowledged | 0 lost | {SEED}={seed} |",
        engine.name()
    );
    assert!(finished < rounds, "{SEED}={seed}: none was dropped on its way");
    let open = invariants::left_open(&raw).await;
    assert!(open.is_empty(), "{SEED}={seed}: {open:?}");
    // Whatever still waited in a session would be lost now.
    store.close().await.expect("closes");
    let there = raw.number("SELECT count(*) FROM workspaces").await;
    assert!(there >= i64::from(kept), "{SEED}={seed}: only {there} of {kept}");
    assert!(invariants::check(&raw).await.is_empty());
}

/// Lets a future be woken so many times and drops it where it then waits. Tells whether it ended.
async fn drop_after<T>(mut future: Pin<Box<impl Future<Output = T>>>, wakes: usize) -> bool {
    let mut polls = 0;
    std::future::poll_fn(|context| {
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polls <= wakes => Poll::Pending,
            Poll::Pending => Poll::Ready(false),
        }
    })
    .await
}
