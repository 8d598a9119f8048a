//! A service that throttles for ten minutes: nothing is sent before it was allowed, runs are handed
//! back and go on, and what was recorded is what happened.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use inventory::{ItemKind, SectionOutcome};
use kernel::{Clock as _, Timestamp};
use provider_core::{CallOutcome, ProviderFailure, ReasonCode, Retry};

use crate::testing::{Set, section, service::Reply};

const STORM: TimeDelta = TimeDelta::minutes(10);
const PAGES: u64 = 40;

/// When requests for users came, and until when each answer closed the limit.
#[derive(Default)]
struct Log {
    sent: Vec<(Timestamp, u16)>,
    closed_until: Timestamp,
    early: usize,
}

/// Throttles users from their third page on, until the storm is over, for 45 s each time.
async fn stormy() -> (Set, Arc<Mutex<Log>>) {
    let log = Arc::<Mutex<Log>>::default();
    let kept = Arc::clone(&log);
    let set = Set::new(move |heard, own, now| {
        if !heard.path.starts_with("/v1.0/users?") {
            return Reply::empty(heard);
        }
        let mut log = kept.lock().expect("no holder panics");
        log.early += usize::from(now < log.closed_until);
        let page: u64 = heard
            .path
            .rsplit("skiptoken=")
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        if page >= 3 && now < Timestamp::default() + STORM {
            log.closed_until = now + TimeDelta::seconds(45);
            log.sent.push((now, 429));
            return Reply::error(429, "TooManyRequests").with("retry-after", &45);
        }
        log.sent.push((now, 200));
        let next = format!("{own}v1.0/users?$skiptoken={}", page + 1);
        Reply::page(page * 10..page * 10 + 10, (page < PAGES).then_some(next))
    })
    .await;
    (set, log)
}

#[tokio::test]
async fn ten_minutes_of_throttling_cost_ten_minutes_and_nothing_else() {
    let (set, log) = stormy().await;
    let (mut items, mut handed_back) = (Vec::new(), Duration::ZERO);
    let collection = loop {
        let (outcome, read) = set.attempt().await;
        items.extend(read.into_iter().filter(|item| item.kind == ItemKind::User));
        match outcome {
            Ok(collection) => break collection,
            Err(ProviderFailure::Provider {
                reason: ReasonCode::ProviderThrottled,
                retry: Retry::After(wait),
            }) => {
                handed_back += wait;
                set.clock.advance(TimeDelta::from_std(wait).expect("in range"));
            }
            Err(failure) => panic!("{failure}"),
        }
    };
    assert_eq!(
        section(&collection, ItemKind::User),
        (SectionOutcome::Complete, PAGES * 10)
    );
    assert_eq!(items.len() as u64, PAGES * 10, "no page was read twice");
    let log = log.lock().expect("no holder panics");
    assert_eq!(log.early, 0, "nothing is sent before it was allowed");
    let throttled = log.sent.iter().filter(|(_, status)| *status == 429).count();
    // One is heard every 45 s, waited for or handed back: no more, no less.
    assert_eq!(throttled, 14);
    assert!(!handed_back.is_zero(), "no worker waits for ten minutes");
    let pages = log.sent.iter().filter(|(_, status)| *status == 200).count();
    assert_eq!(pages as u64, PAGES, "each page once");

    // What was recorded sums up to what happened.
    let records = set.run.records();
    let users: Vec<_> = records.iter().filter(|call| call.call == "users.list").collect();
    assert_eq!(users.len(), log.sent.len());
    let outcome =
        |wanted: fn(&CallOutcome) -> bool| users.iter().filter(|call| wanted(&call.outcome)).count();
    assert_eq!(outcome(|outcome| *outcome == CallOutcome::Throttled), throttled);
    assert_eq!(outcome(|outcome| *outcome == CallOutcome::Answered), pages);
    let lost: Duration = records.iter().map(|call| call.lost).sum();
    assert_eq!(
        lost,
        set.pauses.total() + handed_back,
        "all that was waited, and nothing else"
    );
    for call in &users {
        let closed = (call.outcome == CallOutcome::Throttled).then(|| call.at + TimeDelta::seconds(45));
        assert_eq!((call.limit, call.paused_until), ("directory", closed));
    }
}

#[tokio::test]
async fn a_run_that_comes_back_too_early_sends_nothing() {
    let (mut set, log) = stormy().await;
    set.run.budget = Duration::from_secs(10);
    let after = |seconds| ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry: Retry::After(Duration::from_secs(seconds)),
    };
    assert_eq!(set.attempt().await.0, Err(after(45)));
    set.clock.advance(TimeDelta::seconds(20));
    let before = log.lock().expect("no holder panics").sent.len();
    assert_eq!(set.attempt().await.0, Err(after(25)), "what is left of it");
    assert_eq!(log.lock().expect("no holder panics").sent.len(), before);
    set.clock.advance(TimeDelta::seconds(16));
    assert_eq!(
        set.attempt().await.0,
        Err(after(45)),
        "nine seconds are waited for"
    );
    assert_eq!(log.lock().expect("no holder panics").early, 0);
    assert_eq!(set.clock.now(), Timestamp::default() + TimeDelta::seconds(45));
}
