//! Limits that all operations share: who waits for whom, and who does not.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use inventory::InventoryExecutor as _;
use kernel::{Clock as _, Timestamp};
use provider_core::{CallOutcome, Pause, ProviderFailure, ReasonCode, Retry};

use crate::testing::{
    Run, SECRET, Set, access, attempt,
    service::{Heard, Reply},
};

type Times = Arc<Mutex<Vec<Timestamp>>>;

fn is_access(heard: &Heard) -> bool {
    heard.path.contains("/conditionalAccess/policies")
}

/// A tenant whose access policies come in `pages` pages, and when each was asked for.
async fn policies(pages: usize) -> (Set, Times) {
    let times = Times::default();
    let kept = Arc::clone(&times);
    let set = Set::new(move |heard, own, now| {
        if !is_access(heard) {
            return Reply::empty(heard);
        }
        kept.lock().expect("no holder panics").push(now);
        let page: usize = heard
            .path
            .rsplit("skiptoken=")
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        let next = format!(
            "{own}v1.0/identity/conditionalAccess/policies?$skiptoken={}",
            page + 1
        );
        Reply::page([page as u64], (page < pages).then_some(next))
    })
    .await;
    (set, times)
}

#[tokio::test]
async fn conditional_access_is_asked_once_a_second_by_all_operations_together() {
    let (set, times) = policies(6).await;
    let (other_run, other_access) = (Run::default(), access(SECRET));
    let (first, second) = tokio::join!(set.attempt(), set.provider.measure(&other_access, &other_run));
    first.0.expect("is read");
    second.expect("is measured");
    let times = times.lock().expect("no holder panics").clone();
    assert_eq!(times.len(), 12);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= TimeDelta::seconds(1), "{times:?}");
    }
    assert_eq!(
        times[11] - times[0],
        TimeDelta::seconds(11),
        "and not slower: {times:?}"
    );
}

#[tokio::test]
async fn a_throttled_limit_stops_no_other_limit_and_no_other_tenant() {
    let set = Set::new(|heard, _, _| {
        if is_access(heard) {
            Reply::error(429, "TooManyRequests").with("retry-after", &3_600)
        } else {
            Reply::empty(heard)
        }
    })
    .await;
    let (collection, _) = set.attempt().await;
    let hour = Duration::from_hours(1);
    let handed_back = |after| ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry: Retry::After(after),
    };
    assert_eq!(collection, Err(handed_back(hour)));
    let others = [
        "/organization",
        "/users?",
        "/groups?",
        "/managedDevices?",
        "/deviceConfigurations",
    ];
    for other in others {
        assert_eq!(set.service.heard(other).len(), 1, "{other}");
    }

    // Another run of the same tenant reads everything else again and is stopped before it asks.
    let run = Run::default();
    let (collection, _) = attempt(&set.provider, &set.access, &run).await;
    assert_eq!(collection, Err(handed_back(hour)));
    assert_eq!(set.service.heard("/users?").len(), 2);
    assert_eq!(
        set.service.heard("/conditionalAccess").len(),
        1,
        "not asked before its time"
    );

    let mut other = access(SECRET);
    other.destination.scope_identifier =
        provider_core::ScopeIdentifier::canonical("11111111-bbbb-4ccc-8ddd-000000000009".to_owned());
    let key = |access| {
        crate::identity::Identity::resolve(access, None)
            .expect("canonical")
            .key(crate::limiter::Limit::Calls(
                crate::contracts::ThrottleClass::ConditionalAccess,
            ))
    };
    let limiter = &set.provider.0.limiter;
    assert!(limiter.admit(&key(&set.access), 1, set.clock.now()).is_err());
    assert!(limiter.admit(&key(&other), 1, set.clock.now()).is_ok());
}

#[tokio::test]
async fn a_pause_that_another_process_heard_of_is_kept() {
    let mut set = Set::new(|heard, _, _| Reply::empty(heard)).await;
    let until = set.clock.now() + TimeDelta::minutes(30);
    let pause = |limit: &str| Pause {
        limit: limit.to_owned(),
        until,
    };
    set.run.pauses = vec![pause("directory"), pause("a limit of another version")];
    let (collection, _) = set.attempt().await;
    let handed_back = ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry: Retry::After(Duration::from_mins(30)),
    };
    assert_eq!(collection, Err(handed_back));
    assert!(set.service.heard("/v1.0/users").is_empty(), "nothing was sent");
    assert!(set.run.records().iter().all(|call| call.limit == "sign_in"));

    set.run.pauses = vec![pause("sign_in")];
    set.access.credential.version = 2;
    let (collection, _) = set.attempt().await;
    assert_eq!(collection, Err(handed_back));
    assert_eq!(set.service.heard("/token").len(), 1, "not for a token either");
    set.clock.advance(TimeDelta::minutes(30));
    assert!(set.attempt().await.0.is_ok());
}

#[tokio::test]
async fn a_token_that_is_renewed_in_good_time_costs_no_time_when_it_cannot_be() {
    let set = Set::new(|heard, _, now| {
        let later = now >= Timestamp::default() + TimeDelta::minutes(31);
        if heard.path.ends_with("/token") && later {
            Reply::error(429, "x").with("retry-after", &600)
        } else {
            Reply::empty(heard)
        }
    })
    .await;
    set.attempt().await.0.expect("is read");
    set.clock.advance(TimeDelta::minutes(31));
    set.attempt().await.0.expect("is read with the old one");
    let records = set.run.records();
    let refused = records.iter().find(|call| call.outcome == CallOutcome::Throttled);
    let refused = refused.expect("the renewal was tried");
    assert_eq!((refused.call, refused.lost), ("token", Duration::ZERO));
    assert_eq!(refused.paused_until, Some(refused.at + TimeDelta::minutes(10)));
    let lost: Duration = records.iter().map(|call| call.lost).sum();
    assert_eq!(lost, set.pauses.total(), "nobody waited for it");
}

#[tokio::test]
async fn a_limit_that_is_nearly_used_up_is_asked_more_slowly() {
    let set = Set::new(|heard, own, _| {
        if !is_access(heard) {
            return Reply::empty(heard);
        }
        let page: u64 = heard
            .path
            .rsplit("skiptoken=")
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        let next = format!(
            "{own}v1.0/identity/conditionalAccess/policies?$skiptoken={}",
            page + 1
        );
        Reply::page([page], (page < 4).then_some(next)).with("x-ms-throttle-limit-percentage", &"0.9")
    })
    .await;
    let began = set.clock.now();
    set.attempt().await.0.expect("is read");
    // The second turn was taken at the rate of the first; the others at half of it, and so is that
    // of the named locations, which come after the policies.
    assert_eq!(set.clock.now() - began, TimeDelta::seconds(1 + 2 + 2 + 2));
}

#[tokio::test]
async fn conditional_access_without_a_word_on_how_long_waits_two_seconds_at_least() {
    let times = Times::default();
    let kept = Arc::clone(&times);
    let set = Set::new(move |heard, _, now| {
        if !is_access(heard) {
            return Reply::empty(heard);
        }
        let mut times = kept.lock().expect("no holder panics");
        times.push(now);
        if times.len() == 1 {
            Reply::error(429, "TooManyRequests")
        } else {
            Reply::page([1], None)
        }
    })
    .await;
    set.attempt().await.0.expect("is read");
    let times = times.lock().expect("no holder panics").clone();
    assert_eq!(times.len(), 2);
    assert_eq!(times[1] - times[0], TimeDelta::seconds(2));
}
