//! The numbers at the beginning of an inventory in one request, and every way in which a batch can
//! come back.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use kernel::Clock as _;
use provider_core::{CallOutcome, CallRecord, Pause, ProviderFailure, ReasonCode, Retry};
use serde_json::{Value, json};

use crate::{
    batch::{self, Part},
    contracts::{
        ThrottleClass,
        table::{ACCESS_POLICIES_LIST, SETTINGS_CATALOG_LIST, USERS_COUNT},
    },
    gateway::Session,
    identity::Identity,
    limiter::Limit,
    testing::{
        Set,
        service::{Heard, Reply},
    },
};

const NUMBERS: [(&str, &str, &str); 4] = [
    ("users.count", "/users/$count", "directory"),
    ("groups.count", "/groups/$count", "directory"),
    ("devices.count", "/devices/$count", "directory"),
    (
        "managedDeviceOverview.get",
        "/deviceManagement/managedDeviceOverview",
        "devices",
    ),
];

fn is_batch(heard: &Heard) -> bool {
    (heard.method.as_str(), heard.path.as_str()) == ("POST", "/v1.0/$batch")
}

/// The ids and addresses of an envelope.
fn parts(heard: &Heard) -> Vec<(String, String)> {
    let body: Value = serde_json::from_slice(&heard.body).expect("JSON");
    let text = |part: &Value, key: &str| part[key].as_str().expect("a text").to_owned();
    let requests = body["requests"].as_array().expect("a list");
    requests
        .iter()
        .map(|part| (text(part, "id"), text(part, "url")))
        .collect()
}

fn good(id: &str, url: &str) -> Value {
    let body = if url.ends_with("$count") {
        json!("7")
    } else {
        json!({ "enrolledDeviceCount": 7 })
    };
    json!({ "id": id, "status": 200, "headers": { "Content-Type": "application/json" }, "body": body })
}

fn refused(id: &str, status: u16, headers: &Value) -> Value {
    json!({ "id": id, "status": status, "headers": headers, "body": { "error": { "code": "x" } } })
}

/// A tenant whose batches are answered by `envelope`, which is given their number from 0.
async fn batches(envelope: impl Fn(usize, &Heard) -> Reply + Send + Sync + 'static) -> Set {
    let number = AtomicUsize::new(0);
    Set::new(move |heard, _, _| {
        if is_batch(heard) {
            envelope(number.fetch_add(1, Ordering::SeqCst), heard)
        } else {
            Reply::empty(heard)
        }
    })
    .await
}

/// The same, part by part.
async fn answered(part: impl Fn(usize, &str, &str) -> Option<Value> + Send + Sync + 'static) -> Set {
    batches(move |number, heard| {
        let answers = parts(heard)
            .into_iter()
            .filter_map(|(id, url)| part(number, &id, &url));
        let answers: Vec<_> = answers.collect();
        Reply::json(
            200,
            &json!({ "responses": answers.into_iter().rev().collect::<Vec<_>>() }),
        )
    })
    .await
}

/// How often each number was asked for alone.
fn alone(set: &Set) -> [usize; 4] {
    NUMBERS.map(|(_, url, _)| set.service.heard(url).len())
}

/// The addresses of each envelope.
fn envelopes(set: &Set) -> Vec<Vec<String>> {
    let heard = set.service.heard("$batch");
    let urls = |heard: &Heard| parts(heard).into_iter().map(|(_, url)| url).collect();
    heard.iter().map(urls).collect()
}

fn records(set: &Set, call: &str) -> Vec<CallRecord> {
    let all = set.run.records();
    all.into_iter().filter(|record| record.call == call).collect()
}

#[tokio::test]
async fn the_numbers_are_one_request() {
    let set = answered(|_, id, url| Some(good(id, url))).await;
    set.attempt().await.0.expect("is read");
    assert_eq!(envelopes(&set), [NUMBERS.map(|(_, url, _)| url.to_owned())]);
    assert_eq!(alone(&set), [0; 4]);
    let progress = set.run.progress.lock().expect("no holder panics").clone();
    assert!(
        progress.iter().all(|progress| progress.total == 28),
        "{progress:?}"
    );
    for (call, _, limit) in NUMBERS {
        let records = records(&set, call);
        let [record] = &records[..] else {
            panic!("{call}: {records:?}")
        };
        assert_eq!((record.outcome, record.limit), (CallOutcome::Answered, limit));
    }
    let heard = &set.service.heard("$batch")[0];
    assert_eq!(heard.headers["content-type"], "application/json");
    assert!(heard.headers["authorization"].starts_with("Bearer "));
}

#[tokio::test]
async fn only_what_has_no_answer_is_asked_again_and_not_before_its_time() {
    let set = answered(|number, id, url| match (number, url) {
        (0, "/users/$count") => Some(refused(id, 429, &json!({ "retry-after": "7" }))),
        (0, "/groups/$count") => None,
        _ => Some(good(id, url)),
    })
    .await;
    let began = set.clock.now();
    set.attempt().await.0.expect("is read");
    assert_eq!(envelopes(&set)[1..], [["/users/$count", "/groups/$count"]]);
    assert!(set.clock.now() - began >= TimeDelta::seconds(7));
    assert_eq!(alone(&set), [0; 4]);
    let users = records(&set, "users.count");
    let outcomes: Vec<_> = users
        .iter()
        .map(|record| (record.attempt, record.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [(1, CallOutcome::Throttled), (2, CallOutcome::Answered)]
    );
    assert_eq!(users[0].lost, Duration::from_secs(7));
    assert_eq!(users[0].paused_until, Some(began + TimeDelta::seconds(7)));
}

#[tokio::test]
async fn a_part_that_must_wait_longer_than_the_run_hands_it_back() {
    let set = answered(|_, id, url| {
        let closed = url.contains("managedDevice");
        Some(if closed {
            refused(id, 429, &json!({ "Retry-After": 3_600 }))
        } else {
            good(id, url)
        })
    })
    .await;
    let failure = ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry: Retry::After(Duration::from_hours(1)),
    };
    assert_eq!(set.attempt().await.0, Err(failure));
    assert_eq!(set.attempt().await.0, Err(failure), "its limit is closed");
    assert_eq!(envelopes(&set).len(), 1);
}

#[tokio::test]
async fn a_limit_that_is_closed_while_the_batch_waits_for_another_one_is_kept() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&times);
    let mut set = Set::new(move |heard, _, now| {
        if !is_batch(heard) {
            return Reply::empty(heard);
        }
        kept.lock().expect("no holder panics").push(now);
        let answers: Vec<_> = parts(heard).iter().map(|(id, url)| good(id, url)).collect();
        Reply::json(200, &json!({ "responses": answers }))
    })
    .await;
    let began = set.clock.now();
    set.run.pauses = vec![Pause {
        limit: "devices".to_owned(),
        until: began + TimeDelta::seconds(20),
    }];
    // Another run of the tenant hears of a pause after five seconds.
    let other_run = async {
        while set.clock.now() < began + TimeDelta::seconds(5) {
            tokio::task::yield_now().await;
        }
        let identity = Identity::resolve(&set.access, None).expect("canonical");
        let key = identity.key(Limit::Calls(ThrottleClass::Directory));
        let until = began + TimeDelta::seconds(40);
        set.provider.0.limiter.close(&key, until, set.clock.now());
    };
    let ((outcome, _), ()) = tokio::join!(set.attempt(), other_run);
    outcome.expect("is read");
    let times = times.lock().expect("no holder panics").clone();
    assert_eq!(times.len(), 1);
    assert!(times[0] >= began + TimeDelta::seconds(40), "{times:?}");
    assert!(
        times[0] < began + TimeDelta::seconds(41),
        "and not later: {times:?}"
    );
    let lost: Duration = set.run.records().iter().map(|call| call.lost).sum();
    assert_eq!(lost, set.pauses.total(), "all that was waited, once");
}

#[tokio::test]
async fn what_does_not_exist_in_a_cloud_is_in_no_envelope_and_beta_is_asked_for_alone() {
    let mut set = answered(|_, id, url| Some(good(id, url))).await;
    set.access.destination.realm = "bleu-fr".to_owned();
    let session =
        Session::open(&set.provider.0, &set.access, &set.run).unwrap_or_else(|_| panic!("canonical"));
    let contracts = [&ACCESS_POLICIES_LIST, &USERS_COUNT, &SETTINGS_CATALOG_LIST];
    let parts = batch::read(&session, &contracts)
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(envelopes(&set), [["/users/$count"]]);
    let absent = ReasonCode::ProviderNotProvisioned;
    assert!(
        matches!(&parts[..], [Part::Failed(first), Part::Body(_), Part::Failed(third)]
        if (*first, *third) == (absent, absent))
    );

    set.access.destination.realm = "global".to_owned();
    let session =
        Session::open(&set.provider.0, &set.access, &set.run).unwrap_or_else(|_| panic!("canonical"));
    let parts = batch::read(&session, &contracts[1..]).await;
    let parts = parts.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(matches!(&parts[..], [Part::Body(_), Part::Alone]));
}

#[tokio::test]
async fn a_refused_part_is_refused_and_the_others_count() {
    for status in [403, 404, 424, 400] {
        let set = answered(move |_, id, url| {
            let missing = url.contains("groups");
            Some(if missing {
                refused(id, status, &json!({}))
            } else {
                good(id, url)
            })
        })
        .await;
        set.attempt().await.0.expect("is read");
        assert_eq!((envelopes(&set).len(), alone(&set)), (1, [0; 4]), "{status}");
        let progress = set.run.progress.lock().expect("no holder panics").clone();
        // What may not be counted counts as none; what could have been counted leaves all unknown.
        let total = (status == 403).then_some(21);
        assert_eq!(progress.last().map(|progress| progress.total), total, "{status}");
    }
}

#[tokio::test]
async fn a_token_that_one_part_refuses_is_replaced_once() {
    for times in [1, 9] {
        let set = answered(move |number, id, url| {
            let refuses = number < times && url.contains("groups");
            let error = json!({ "id": id, "status": 401, "body": { "error": { "code": "InvalidAuthenticationToken" } } });
            Some(if refuses { error } else { good(id, url) })
        })
        .await;
        set.attempt().await.0.expect("is read");
        assert_eq!(envelopes(&set)[1..], [["/groups/$count"]]);
        assert_eq!(set.service.heard("/token").len(), 2);
        assert_eq!(alone(&set), [0; 4]);
    }
}

#[tokio::test]
async fn without_batches_every_number_is_asked_for_alone() {
    for status in [400, 404, 405, 501] {
        let set = batches(move |_, _| Reply::error(status, "x")).await;
        set.attempt().await.0.expect("is read");
        assert_eq!((envelopes(&set).len(), alone(&set)), (1, [1; 4]), "{status}");
        assert_eq!(records(&set, "batch").len(), 1);
    }
    let set = batches(|_, _| Reply::json(200, &json!({ "value": [] }))).await;
    set.attempt().await.0.expect("is read");
    assert_eq!((envelopes(&set).len(), alone(&set)), (1, [1; 4]));
}

#[tokio::test]
async fn an_envelope_that_fails_is_sent_again_as_a_whole() {
    let failures: [fn() -> Reply; 5] = [
        || Reply::error(429, "TooManyRequests").with("retry-after", &7),
        || Reply::error(503, "x"),
        || Reply::raw(200, "<html>"),
        || Reply::raw(200, "{\"responses\":[").cut(),
        || Reply::error(401, "InvalidAuthenticationToken"),
    ];
    for (at, failure) in failures.into_iter().enumerate() {
        let set = batches(move |number, heard| {
            if number == 0 {
                return failure();
            }
            let answers: Vec<_> = parts(heard).iter().map(|(id, url)| good(id, url)).collect();
            Reply::json(200, &json!({ "responses": answers }))
        })
        .await;
        let began = set.clock.now();
        set.attempt().await.0.expect("is read");
        assert_eq!(envelopes(&set).len(), 2, "failure {at}");
        assert_eq!(alone(&set), [0; 4], "failure {at}");
        assert!(at > 0 || set.clock.now() - began >= TimeDelta::seconds(7));
        assert!(
            at == 4 || !set.pauses.total().is_zero(),
            "failure {at} is not answered at once"
        );
    }
    let set = batches(|_, _| Reply::error(500, "x")).await;
    set.attempt().await.0.expect("the numbers can be done without");
    assert_eq!(
        (envelopes(&set).len(), alone(&set)),
        (2, [0; 4]),
        "and it has an end"
    );
}
