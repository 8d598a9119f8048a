//! One request at a time for a key, none for another; what is remembered, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::ManualClock;
use tokio::sync::Notify;

use super::*;
use crate::token::tests::{identity, token};

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::default())
}

fn throttled(seconds: u64) -> ProviderFailure {
    let retry = Retry::After(std::time::Duration::from_secs(seconds));
    ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry,
    }
}

async fn fresh(cache: &TokenCache, clock: &ManualClock) -> Arc<AccessToken> {
    let request = async { Ok(token(clock.now())) };
    cache
        .get(&identity(), None, Demand::Cached, clock, |_| request)
        .await
        .unwrap_or_else(|failure| panic!("{failure}"))
}

#[tokio::test]
async fn many_callers_make_one_request() {
    let (cache, clock, requests, gate) = (TokenCache::default(), clock(), AtomicUsize::new(0), Notify::new());
    let identity = identity();
    let ask = || async {
        let request = async {
            requests.fetch_add(1, Ordering::SeqCst);
            gate.notified().await;
            Ok(token(clock.now()))
        };
        cache
            .get(&identity, None, Demand::Cached, &clock, |_| request)
            .await
            .unwrap_or_else(|failure| panic!("{failure}"))
    };
    let open = async {
        tokio::task::yield_now().await;
        gate.notify_one();
    };
    let (first, second, third, ()) = tokio::join!(ask(), ask(), ask(), open);
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    assert!(Arc::ptr_eq(&first, &second) && Arc::ptr_eq(&second, &third));
}

#[tokio::test]
async fn one_key_does_not_wait_for_another() {
    let (cache, clock, gate) = (TokenCache::default(), clock(), Notify::new());
    let (slow, mut other) = (identity(), identity());
    other.connection = ConnectionId::from_uuid(Uuid::from_u128(99));
    let blocked = cache.get(&slow, None, Demand::Cached, &clock, |_| async {
        gate.notified().await;
        Ok(token(clock.now()))
    });
    let quick = async {
        let answer = cache
            .get(&other, None, Demand::Cached, &clock, |_| async {
                Ok(token(clock.now()))
            })
            .await;
        gate.notify_one();
        answer.is_ok()
    };
    let (blocked, quick) = tokio::join!(blocked, quick);
    assert!(blocked.is_ok() && quick);
}

#[tokio::test]
async fn every_part_of_the_key_separates() {
    let changes: [fn(&mut Identity); 5] = [
        |identity| identity.connection = ConnectionId::from_uuid(Uuid::from_u128(99)),
        |identity| identity.credential_version += 1,
        |identity| identity.cloud = Cloud::UsGovL4,
        |identity| identity.tenant = Uuid::from_u128(7),
        |identity| identity.client = Uuid::from_u128(7),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let (cache, clock) = (TokenCache::default(), clock());
        let first = fresh(&cache, &clock).await;
        let mut other = identity();
        change(&mut other);
        let request = async { Ok(token(clock.now())) };
        let second = cache
            .get(&other, None, Demand::Cached, &clock, |_| request)
            .await
            .unwrap_or_else(|failure| panic!("{failure}"));
        assert!(!Arc::ptr_eq(&first, &second), "change {at}");
    }
}

#[tokio::test]
async fn a_spent_token_serves_while_no_new_one_can_be_had() {
    let (cache, clock) = (TokenCache::default(), clock());
    let first = fresh(&cache, &clock).await;
    clock.advance(TimeDelta::minutes(56));
    let again = cache
        .get(&identity(), None, Demand::Cached, &clock, |_| async {
            Err(throttled(60))
        })
        .await;
    assert!(again.is_ok_and(|token| Arc::ptr_eq(&token, &first)));
    clock.advance(TimeDelta::minutes(5));
    let unavailable = ProviderFailure::ended(ReasonCode::ProviderUnavailable);
    let late = cache
        .get(&identity(), None, Demand::Cached, &clock, |_| async {
            Err(unavailable)
        })
        .await;
    assert_eq!(late.err(), Some(unavailable), "it has ended");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_a_minute() {
    let (cache, clock) = (TokenCache::default(), clock());
    let first = fresh(&cache, &clock).await;
    let instead = async |of: &Arc<AccessToken>| {
        let request = async { Ok(token(clock.now())) };
        cache
            .get(&identity(), None, Demand::InsteadOf(of), &clock, |_| request)
            .await
            .unwrap_or_else(|failure| panic!("{failure}"))
    };
    let second = instead(&first).await;
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(
        Arc::ptr_eq(&instead(&first).await, &second),
        "somebody else had replaced it"
    );
    assert!(Arc::ptr_eq(&instead(&second).await, &second), "too soon");
    clock.advance(TimeDelta::seconds(60));
    assert!(!Arc::ptr_eq(&instead(&second).await, &second));
}

#[tokio::test]
async fn whoever_asks_a_token_that_serves_outlives_the_failure_of_the_next_one() {
    let (cache, clock) = (TokenCache::default(), clock());
    let first = fresh(&cache, &clock).await;
    let other = Arc::new(token(clock.now()));
    clock.advance(TimeDelta::minutes(20));
    for demand in [Demand::Cached, Demand::InsteadOf(&other)] {
        clock.advance(TimeDelta::minutes(15));
        let again = cache
            .get(&identity(), None, demand, &clock, |haste| async move {
                assert_eq!(haste, Haste::Spare);
                Err(throttled(60))
            })
            .await;
        assert!(again.is_ok_and(|token| Arc::ptr_eq(&token, &first)));
    }
}

#[tokio::test]
async fn only_a_token_of_some_age_is_outdated() {
    let (cache, clock) = (TokenCache::default(), clock());
    let first = fresh(&cache, &clock).await;
    cache.outdate(&identity(), None, clock.now());
    assert!(Arc::ptr_eq(&fresh(&cache, &clock).await, &first));
    clock.advance(TimeDelta::seconds(60));
    cache.outdate(&identity(), None, clock.now());
    assert!(!Arc::ptr_eq(&fresh(&cache, &clock).await, &first));
}

#[tokio::test]
async fn an_abandoned_request_leaves_the_slot_free() {
    let (cache, clock) = (TokenCache::default(), clock());
    let identity = identity();
    tokio::select! {
        biased;
        _ = cache.get(&identity, None, Demand::Cached, &clock, |_| std::future::pending()) => panic!("it never answers"),
        () = tokio::task::yield_now() => {}
    }
    fresh(&cache, &clock).await;
}

#[tokio::test]
async fn the_cache_does_not_grow_with_dead_entries() {
    let (cache, clock) = (TokenCache::default(), clock());
    for number in 0..50 {
        let mut other = identity();
        other.connection = ConnectionId::from_uuid(Uuid::from_u128(number));
        let request = async { Ok(token(clock.now())) };
        assert!(
            cache
                .get(&other, None, Demand::Cached, &clock, |_| request)
                .await
                .is_ok()
        );
        clock.advance(TimeDelta::hours(2));
    }
    assert_eq!(cache.0.lock().expect("no holder panics").len(), 1);
}
